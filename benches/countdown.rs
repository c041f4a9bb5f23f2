//! A counter that wakes one task when it has come down to nothing.
//!
//! It is the same for every peer, so that what a spawn row measures is the spawning. One
//! locked instruction an arrival; the lock is taken by the last one only.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Counts arrivals; may be used again once everybody has arrived.
#[derive(Debug, Default)]
pub struct Countdown {
    left: AtomicUsize,
    waiter: Mutex<Option<Waker>>,
}

impl Countdown {
    /// One that lives as long as the program, so that tasks share it without counting
    /// references. A few dozen bytes a measurement are never given back.
    #[must_use]
    pub fn leak() -> &'static Self {
        Box::leak(Box::default())
    }

    /// Expects so many arrivals.
    ///
    /// # Panics
    ///
    /// If arrivals are missing from the last time.
    pub fn expect(&self, arrivals: usize) {
        // ORDERING: AcqRel: Acquire sees what arrived before, for the assertion below;
        // Release is not needed, since the tasks that will arrive are spawned afterwards.
        let before = self.left.swap(arrivals, Ordering::AcqRel);
        assert_eq!(before, 0, "somebody has not arrived");
    }

    /// One has arrived.
    pub fn arrive(&self) {
        // ORDERING: AcqRel: Release publishes this task's work to whoever waits, through
        // the arrivals that follow (a release sequence); Acquire is the last one's half.
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            let waiter = self.waiter().take();
            if let Some(waiter) = waiter {
                waiter.wake();
            }
        }
    }

    fn waiter(&self) -> MutexGuard<'_, Option<Waker>> {
        // Dropping a waker is all that could panic here, and then the slot is empty: whole.
        self.waiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all have arrived.
    pub fn wait(&self) -> impl Future<Output = ()> + Send + '_ {
        poll_fn(|cx| {
            let before = self.waiter().replace(cx.waker().clone());
            drop(before);
            // ORDERING: Acquire pairs with the Release in `arrive`. Looking after enlisting
            // loses no wake-up: the last arrival takes the lock after its decrement, so
            // either it finds this waker, or its decrement is seen here.
            if self.left.load(Ordering::Acquire) == 0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }
}
