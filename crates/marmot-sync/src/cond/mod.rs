//! Waiting until something that a lock protects has changed.
//!
//! ```text
//!   wait(guard): join the line ─▶ release the lock ─▶ signalled ─▶ lock again ─▶ guard
//! ```
//!
//! The entry stays in the line's memory until the wait has its lock back, so that a wait
//! dropped in between can pass its signal on.

mod relock;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use marmot_wait::{Key, WaitQueue, WaitReason, WakeList, park};

pub use relock::Relock;

use crate::line::{Fresh, Place};
use crate::loom::Latch;

/// How a waiter was told to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    NotYet,
    /// By a signal that was for one waiter, whichever.
    One,
    /// By a broadcast, which was for each.
    All,
}

struct Waiter {
    /// `None` once it was told.
    waker: Option<Waker>,
    told: Told,
}

/// A place to wait until something that a lock protects has changed.
///
/// Whoever waits gives its guard in and gets one back. Between the two others may hold the
/// lock, so the condition is to be looked at again, in a loop.
///
/// # Examples
///
/// ```
/// use marmot_sync::{Cond, Mutex};
/// use std::sync::Arc;
///
/// # marmot_wait::park::block_on(async {
/// let shared = Arc::new((Mutex::new(false), Cond::new()));
/// let there = Arc::clone(&shared);
/// std::thread::spawn(move || {
///     *there.0.lock_blocking() = true;
///     there.1.signal();
/// });
/// let mut ready = shared.0.lock().await;
/// while !*ready {
///     ready = shared.1.wait(ready).await;
/// }
/// # });
/// ```
pub struct Cond {
    /// Those who wait. Under this lock no waker is called, cloned or dropped.
    line: Latch<WaitQueue<Waiter>>,
}

impl Cond {
    const_fn! {
        /// A condition that nobody waits for.
        #[must_use]
        pub const fn new() -> Cond {
            Cond {
                line: Latch::new(WaitQueue::new()),
            }
        }
    }

    /// Releases the lock, waits for a signal or a broadcast, and takes the lock again.
    ///
    /// Nothing that is signalled after the lock was released is missed. `guard` is that of a
    /// [`Mutex`](crate::Mutex) or an [`RwLock`](crate::RwLock), borrowed or owned.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the line and does not hold the lock; a signal given to it goes
    /// to the next in line.
    ///
    /// # Complexity
    ///
    /// O(1), and what the lock takes.
    #[inline]
    #[track_caller]
    pub fn wait<G: Relock>(&self, guard: G) -> CondWait<'_, G> {
        CondWait {
            cond: self,
            place: Place::new(),
            step: Step::Holding(guard),
        }
    }

    /// As [`wait`](Cond::wait), for a plain thread; legal inside a goroutine too.
    #[track_caller]
    pub fn wait_blocking<G: Relock>(&self, guard: G) -> G {
        park::block_on(self.wait(guard))
    }

    /// Lets the one go on that has waited longest, if anybody waits.
    ///
    /// The caller may hold the lock or not.
    pub fn signal(&self) {
        let mut line = self.line.lock();
        let waker = tell(&mut line, Told::One).flatten();
        drop(line);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Lets everybody go on who waits now.
    pub fn broadcast(&self) {
        let mut owed = WakeList::new();
        let mut line = self.line.lock();
        while let Some(waker) = tell(&mut line, Told::All) {
            if let Some(waker) = waker {
                owed.push(waker);
            }
        }
        drop(line);
        owed.wake_all();
    }

    fn enlist(&self, waker: Waker) -> Key {
        let told = Told::NotYet;
        let waker = Some(waker);
        self.line.lock().push_back(Waiter { waker, told })
    }

    /// Whether this waiter was told; if not, its waker is brought up to date.
    fn poll_told(&self, key: Key, cx: &mut Context<'_>) -> bool {
        Fresh::with(cx.waker(), None, |fresh| {
            match self.line.lock().get_mut(key) {
                Some(waiter) if waiter.told == Told::NotYet => {
                    fresh.rearm(&mut waiter.waker)?;
                    Some(false)
                }
                _ => Some(true),
            }
        })
    }

    /// Takes an entry away; how it was told.
    fn leave(&self, key: Key) -> Told {
        // The lock is released at the end of this statement, before the entry is dropped.
        let gone = self.line.lock().remove(key);
        gone.map_or(Told::NotYet, |waiter| waiter.told)
    }
}

/// Takes the first out of the line and gives its waker.
fn tell(line: &mut WaitQueue<Waiter>, how: Told) -> Option<Option<Waker>> {
    let (_, waiter) = line.detach_front()?;
    waiter.told = how;
    Some(waiter.waker.take())
}

impl Default for Cond {
    fn default() -> Self {
        Cond::new()
    }
}

impl fmt::Debug for Cond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.line.lock().len();
        f.debug_struct("Cond").field("waiting", &waiting).finish()
    }
}

enum Step<G: Relock> {
    /// Not polled yet: the lock is still held.
    Holding(G),
    /// In the line, without the lock.
    Waiting(G::Locker),
    /// Told to go on, on the way back to the lock.
    Locking(G::Lock),
    Over,
}

/// Waits for a [`Cond`]: what [`wait`](Cond::wait) gives.
///
/// # Cancel safety
///
/// May be dropped at any time; see [`wait`](Cond::wait).
#[must_use = "a future does nothing unless it is awaited"]
pub struct CondWait<'a, G: Relock> {
    cond: &'a Cond,
    place: Place,
    step: Step<G>,
}

impl<G: Relock> CondWait<'_, G> {
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<G> {
        match std::mem::replace(&mut self.step, Step::Over) {
            Step::Holding(guard) => {
                let locker = guard.locker();
                // In the line before the lock is released: no signal falls in between.
                self.place.key = Some(self.cond.enlist(cx.waker().clone()));
                drop(guard);
                self.step = Step::Waiting(locker);
                self.place.pending(WaitReason::CondWait, self.cond)
            }
            Step::Waiting(locker) => {
                let key = self.place.key.expect("in the line while waiting");
                if self.cond.poll_told(key, cx) {
                    self.step = Step::Locking(G::lock(locker, self.place.caller()));
                    return self.poll_step(cx);
                }
                self.step = Step::Waiting(locker);
                self.place.pending(WaitReason::CondWait, self.cond)
            }
            Step::Locking(mut lock) => {
                let Poll::Ready(guard) = Pin::new(&mut lock).poll(cx) else {
                    self.step = Step::Locking(lock);
                    return Poll::Pending;
                };
                if let Some(key) = self.place.key.take() {
                    self.cond.leave(key);
                }
                Poll::Ready(guard)
            }
            Step::Over => panic!("a Cond's wait was polled after its end"),
        }
    }
}

impl<G: Relock> Future for CondWait<'_, G> {
    type Output = G;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        Poll::Ready(ready!(self.poll_step(cx)))
    }
}

impl<G: Relock> Drop for CondWait<'_, G> {
    fn drop(&mut self) {
        if let Some(key) = self.place.key.take()
            && self.cond.leave(key) == Told::One
        {
            self.cond.signal();
        }
    }
}

impl<G: Relock> fmt::Debug for CondWait<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CondWait")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
