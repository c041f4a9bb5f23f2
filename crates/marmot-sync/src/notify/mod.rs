//! Telling one waiter, or all, that something happened.
//!
//! ```text
//!   word = rounds * 4 + PERMIT + QUEUED          (never both of the two)
//!
//!   notify_one:      QUEUED ─▶ the first in line is told; else ── CAS ──▶ PERMIT (one at most)
//!   notify_waiters:  one round more; everybody in line, and everybody who asked to be told
//!                    before this round, is told
//!   notified:        the round has changed ─▶ told; PERMIT ── CAS ──▶ taken;
//!                    else set QUEUED, join the line
//! ```
//!
//! `QUEUED` says that the line is not empty; it changes under the line's lock only. While it
//! is set nobody leaves a permit, so a waiter that has enlisted cannot be overlooked.
//!
//! After tokio's type of that name, which Go's programs write as a channel of capacity one.

#[cfg(all(test, marmot_loom))]
mod models;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use marmot_wait::{Key, WaitQueue, WaitReason, WakeList, budget, park};

use crate::line::{Fresh, Place};
use crate::loom::{AtomicU64, Latch, Ordering};

/// Somebody is in the line.
const QUEUED: u64 = 1;
/// A notification that nobody has taken yet.
const PERMIT: u64 = 2;
/// How often everybody was told is counted in these.
const ROUND: u64 = 4;

/// How a waiter was told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    NotYet,
    One,
    All,
}

struct Waiter {
    /// `None` once it was told.
    waker: Option<Waker>,
    told: Told,
}

/// What a waiter that comes finds.
enum Found {
    /// It is told already.
    Told,
    /// It has to join the line.
    Nothing,
}

/// Tells one waiter, or all of them, that something happened.
///
/// # Examples
///
/// ```
/// use marmot_sync::Notify;
///
/// # marmot_wait::park::block_on(async {
/// let changed = Notify::new();
/// changed.notify_one();
/// changed.notified().await;
/// # });
/// ```
pub struct Notify {
    word: AtomicU64,
    /// Those who wait. Under this lock no waker is called, cloned or dropped.
    line: Latch<WaitQueue<Waiter>>,
}

impl Notify {
    const_fn! {
        /// Nobody waits, nothing happened.
        #[must_use]
        pub const fn new() -> Notify {
            Notify {
                word: AtomicU64::new(0),
                line: Latch::new(WaitQueue::new()),
            }
        }
    }

    /// Waits to be told.
    ///
    /// The future is told by [`notify_waiters`](Notify::notify_waiters) from the moment it is
    /// made, by [`notify_one`](Notify::notify_one) from its first poll; those are served in
    /// the order in which they began to wait.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the line; what `notify_one` had told it goes to the next, or
    /// stays for whoever comes.
    #[inline]
    #[track_caller]
    pub fn notified(&self) -> Notified<'_> {
        Notified {
            notify: Some(self),
            // ORDERING: Relaxed: the future is not told of a round that is seen here, and one
            // that is not seen is published by `look`.
            round: self.word.load(Ordering::Relaxed) / ROUND,
            place: Place::new(),
        }
    }

    /// As [`notified`](Notify::notified), for a plain thread; legal inside a goroutine too.
    #[track_caller]
    pub fn notified_blocking(&self) {
        park::block_on(self.notified());
    }

    /// Tells the one that has waited longest; if nobody waits, the next one to come.
    ///
    /// Several calls while nobody waits are one.
    #[inline]
    pub fn notify_one(&self) {
        // ORDERING: Relaxed, only the guess for the exchange below.
        let mut word = self.word.load(Ordering::Relaxed);
        while word & QUEUED == 0 {
            // ORDERING: Release publishes what came before to whoever takes the permit, also
            // where there was one already: it stands for both calls.
            match self.word.compare_exchange_weak(
                word,
                word | PERMIT,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        self.notify_first();
    }

    /// Somebody waits, or did a moment ago.
    #[cold]
    fn notify_first(&self) {
        let mut line = self.line.lock();
        let Some((_, first)) = line.detach_front() else {
            drop(line);
            // The last one has left, and QUEUED with it.
            return self.notify_one();
        };
        first.told = Told::One;
        let waker = first.waker.take();
        if line.is_empty() {
            // ORDERING: Relaxed: a read-modify-write, which carries on the Releases before.
            self.word.fetch_and(!QUEUED, Ordering::Relaxed);
        }
        drop(line);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Tells everybody who waits now, and nobody who comes later.
    pub fn notify_waiters(&self) {
        let mut owed = WakeList::new();
        let mut line = self.line.lock();
        // ORDERING: Release pairs with the Acquires in `look`: who is told of the round sees
        // what came before it.
        self.word.fetch_add(ROUND, Ordering::Release);
        while let Some((_, waiter)) = line.detach_front() {
            waiter.told = Told::All;
            if let Some(waker) = waiter.waker.take() {
                owed.push(waker);
            }
        }
        // ORDERING: Relaxed, as in `notify_first`.
        self.word.fetch_and(!QUEUED, Ordering::Relaxed);
        drop(line);
        owed.wake_all();
    }

    /// Takes what there is for one who knows of so many rounds. If there is nothing it says
    /// that somebody waits, where that is asked for: under the line's lock only.
    #[inline]
    fn look(&self, round: u64, enlist: bool) -> Found {
        // ORDERING: Acquire pairs with the Release in `notify_waiters`; under the lock, so a
        // round is either seen here or finds the entry made after it.
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            if word / ROUND != round {
                return Found::Told;
            }
            let next = match (word & PERMIT != 0, enlist) {
                (true, _) => word & !PERMIT,
                (false, true) => word | QUEUED,
                (false, false) => return Found::Nothing,
            };
            // ORDERING: Acquire pairs with the Release in `notify_one` whose permit is taken,
            // and with a round that is seen by the failure. Announcing publishes nothing;
            // what follows is published by the line's lock.
            match self
                .word
                .compare_exchange_weak(word, next, Ordering::Acquire, Ordering::Acquire)
            {
                Ok(_) if word & PERMIT != 0 => return Found::Told,
                Ok(_) => return Found::Nothing,
                Err(now) => word = now,
            }
        }
    }

    #[inline]
    fn poll_first(&self, round: u64, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        ready!(budget::poll_proceed(cx));
        match self.look(round, false) {
            Found::Told => Poll::Ready(()),
            Found::Nothing => self.enlist(round, place, cx),
        }
    }

    #[cold]
    fn enlist(&self, round: u64, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut line = self.line.lock();
        if let Found::Told = self.look(round, true) {
            drop(line);
            return Poll::Ready(());
        }
        budget::refund();
        place.key = Some(line.push_back(Waiter {
            waker: Some(waker),
            told: Told::NotYet,
        }));
        drop(line);
        place.pending(WaitReason::Notify, self)
    }

    #[cold]
    fn poll_again(&self, key: Key, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        Fresh::poll(place, cx, |place, fresh| {
            let mut line = self.line.lock();
            if let Some(waiter) = line.get_mut(key)
                && waiter.told == Told::NotYet
            {
                fresh.rearm(&mut waiter.waker)?;
                drop(line);
                return Some(place.pending(WaitReason::Notify, self));
            }
            // Its waker was taken when it was told: nothing is dropped here.
            line.remove(key);
            place.key = None;
            Some(Poll::Ready(()))
        })
    }

    #[cold]
    fn abandon(&self, key: Key) {
        let mut line = self.line.lock();
        let gone = line.remove(key);
        if line.is_empty() {
            // ORDERING: Relaxed, as in `notify_first`.
            self.word.fetch_and(!QUEUED, Ordering::Relaxed);
        }
        drop(line);
        if gone.is_some_and(|waiter| waiter.told == Told::One) {
            self.notify_one();
        }
    }
}

impl Default for Notify {
    fn default() -> Self {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ORDERING: Relaxed, the answer may be old when the caller reads it.
        let permit = self.word.load(Ordering::Relaxed) & PERMIT != 0;
        let waiting = self.line.lock().len();
        f.debug_struct("Notify")
            .field("permit", &permit)
            .field("waiting", &waiting)
            .finish()
    }
}

/// Waits to be told: what [`notified`](Notify::notified) gives.
///
/// It may be polled again after it was ready, and is ready then too.
///
/// # Cancel safety
///
/// May be dropped at any time; see [`notified`](Notify::notified).
#[must_use = "a future does nothing unless it is awaited"]
pub struct Notified<'a> {
    /// `None` once it was told.
    notify: Option<&'a Notify>,
    round: u64,
    place: Place,
}

impl Future for Notified<'_> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(notify) = this.notify else {
            return Poll::Ready(());
        };
        ready!(match this.place.key {
            None => notify.poll_first(this.round, &mut this.place, cx),
            Some(key) => notify.poll_again(key, &mut this.place, cx),
        });
        this.notify = None;
        Poll::Ready(())
    }
}

impl Drop for Notified<'_> {
    #[inline]
    fn drop(&mut self) {
        if let (Some(key), Some(notify)) = (self.place.key.take(), self.notify) {
            notify.abandon(key);
        }
    }
}

impl fmt::Debug for Notified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified")
            .field("place", &self.place)
            .finish()
    }
}
