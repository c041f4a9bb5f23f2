//! The mutex in every interleaving.
//!
//! Planted bugs and the models that find them: Relaxed in `unlock` or `try_lock` (all),
//! in `barge`, `lock_or_announce` or either store of `unlock_slow` (those with one that
//! leaves); an announcement that leaves QUEUED out (all hang); `abandon` that passes no
//! wake-up on (`a_waiter_that_leaves_does_not_take_the_wake_up_with_it` hangs); a hand-off that
//! does not say so to its waiter, `abandon` that keeps a lock that was handed over
//! (`a_lock_handed_to_one_that_leaves_is_handed_on` hangs).
//! What the table of what is held says is in the one whose name speaks of it: an announcement that
//! takes no row or does not fill it, a `barge` or an `unlock_slow` that does not write there,
//! Relaxed in the store with which `unlock_slow` lets others barge.

use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::thread;

use super::raw::RawMutex;
use crate::holder::Guard;
use crate::line::Place;
use crate::loom::model_time;

struct Guarded {
    raw: RawMutex,
    value: UnsafeCell<usize>,
}

// SAFETY: loom's cell reports every access that the raw mutex does not order.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn new() -> Arc<Guarded> {
        Arc::new(Guarded {
            raw: RawMutex::new(),
            value: UnsafeCell::new(0),
        })
    }

    fn lock(&self) -> Wait<'_> {
        let place = Place::new();
        Wait {
            raw: &self.raw,
            place,
        }
    }

    fn add_one_and_unlock(&self) {
        self.value.with_mut(|value| {
            // SAFETY: we hold the lock; loom checks that nobody else is inside.
            unsafe { *value += 1 }
        });
        self.raw.unlock();
    }

    /// To be called by the holder: if somebody waits, the table has to know about it.
    fn check_what_is_told(&self) {
        if let Some((told, is_so)) = self.raw.told() {
            assert_eq!(told, is_so);
        }
    }

    fn value(&self) -> usize {
        self.value.with(|value| {
            // SAFETY: all other threads have ended; loom checks it.
            unsafe { *value }
        })
    }
}

/// As `Lock`, on the raw mutex.
struct Wait<'a> {
    raw: &'a RawMutex,
    place: Place,
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<()> {
        let raw = self.raw;
        raw.poll_lock(Guard::Borrowed, &mut self.place, cx)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.place.key.take() {
            self.raw.abandon(key);
        }
    }
}

/// Polls a wait once and drops it: whether it got the lock.
fn try_for_a_moment(guarded: &Guarded) -> bool {
    block_on(async {
        let mut wait = pin!(guarded.lock());
        poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_ready())).await
    })
}

#[test]
fn the_next_holder_sees_what_the_last_one_wrote() {
    loom::model(|| {
        let guarded = Guarded::new();
        let there = Arc::clone(&guarded);
        let other = thread::spawn(move || {
            block_on(there.lock());
            there.add_one_and_unlock();
        });
        block_on(guarded.lock());
        guarded.add_one_and_unlock();
        other.join().unwrap();
        assert_eq!(guarded.value(), 2);
        assert!(!guarded.raw.is_locked());
    });
}

#[test]
fn one_that_only_tries_is_alone_inside_too() {
    loom::model(|| {
        let guarded = Guarded::new();
        let there = Arc::clone(&guarded);
        let other = thread::spawn(move || {
            let got = there.raw.try_lock(Guard::Borrowed, Location::caller());
            if got {
                there.add_one_and_unlock();
            }
            usize::from(got)
        });
        block_on(guarded.lock());
        guarded.add_one_and_unlock();
        let got = other.join().unwrap();
        assert_eq!(guarded.value(), 1 + got);
    });
}

#[test]
fn a_waiter_that_leaves_does_not_take_the_wake_up_with_it() {
    loom::model(|| {
        let guarded = Guarded::new();
        assert!(guarded.raw.try_lock(Guard::Borrowed, Location::caller()));
        let leaving = Arc::clone(&guarded);
        let leaver = thread::spawn(move || {
            if try_for_a_moment(&leaving) {
                leaving.add_one_and_unlock();
            }
        });
        let waiting = Arc::clone(&guarded);
        let waiter = thread::spawn(move || {
            block_on(waiting.lock());
            waiting.add_one_and_unlock();
        });
        guarded.add_one_and_unlock();
        leaver.join().unwrap();
        waiter.join().unwrap();
        assert!(guarded.value() >= 2);
        assert!(guarded.raw.try_lock(Guard::Borrowed, Location::caller()));
    });
}

#[test]
fn a_lock_handed_to_one_that_leaves_is_handed_on() {
    loom::model(|| {
        let guarded = Guarded::new();
        assert!(guarded.raw.try_lock(Guard::Borrowed, Location::caller()));
        let leaving = Arc::clone(&guarded);
        let leaver = thread::spawn(move || {
            if try_for_a_moment(&leaving) {
                leaving.add_one_and_unlock();
            }
        });
        let waiting = Arc::clone(&guarded);
        let waiter = thread::spawn(move || {
            block_on(waiting.lock());
            waiting.add_one_and_unlock();
        });
        // Loom switches threads at its own operations only: here they may begin to wait
        // before the time passes.
        assert!(guarded.raw.is_locked());
        model_time::pass_a_second();
        guarded.add_one_and_unlock();
        leaver.join().unwrap();
        waiter.join().unwrap();
        assert!(guarded.raw.try_lock(Guard::Borrowed, Location::caller()));
    });
}

#[test]
fn while_somebody_waits_the_table_says_who_holds_the_lock() {
    loom::model(|| {
        let guarded = Guarded::new();
        assert!(guarded.raw.try_lock(Guard::Borrowed, Location::caller()));
        let waiting = Arc::clone(&guarded);
        let waiter = thread::spawn(move || {
            block_on(waiting.lock());
            waiting.raw.unlock();
        });
        let barging = Arc::clone(&guarded);
        let barger = thread::spawn(move || {
            if barging.raw.try_lock(Guard::Owned, Location::caller()) {
                barging.check_what_is_told();
                barging.raw.unlock();
            }
        });
        guarded.check_what_is_told();
        guarded.raw.unlock();
        waiter.join().unwrap();
        barger.join().unwrap();
    });
}
