//! Telling one waiter, or all, that something happened.
//!
//! ```text
//!   notify_one:      somebody in line ─▶ told; nobody ─▶ a permit is left (one at most)
//!   notify_waiters:  everybody in line, and everybody who has asked to be told, is told
//!   notified:        a permit ─▶ taken; else join the line
//! ```
//!
//! After tokio's type of that name, which Go's programs write as a channel of capacity one.

#[cfg(all(test, marmot_loom))]
mod models;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use marmot_wait::{Key, WaitQueue, WaitReason, WakeList, budget, park};

use crate::line::{Place, enter, rearm};
use crate::loom::{AtomicU64, InnerMutex, Ordering};

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

struct State {
    /// A notification that nobody has taken yet.
    permit: bool,
    line: WaitQueue<Waiter>,
}

impl State {
    const fn new() -> State {
        State {
            permit: false,
            line: WaitQueue::new(),
        }
    }

    /// Takes the first out of the line and gives its waker.
    fn tell(&mut self, how: Told) -> Option<Option<Waker>> {
        let (_, waiter) = self.line.detach_front()?;
        waiter.told = how;
        Some(waiter.waker.take())
    }
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
    /// How often everybody was told.
    rounds: AtomicU64,
    /// Under this lock no waker is called, cloned or dropped.
    state: InnerMutex<State>,
}

impl Notify {
    const_fn! {
        /// Nobody waits, nothing happened.
        #[must_use]
        pub const fn new() -> Notify {
            Notify {
                rounds: AtomicU64::new(0),
                state: InnerMutex::new(State::new()),
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
    #[track_caller]
    pub fn notified(&self) -> Notified<'_> {
        Notified {
            notify: self,
            // ORDERING: Acquire pairs with the Release in `notify_waiters`: who knows of a
            // round is not told of it again.
            round: self.rounds.load(Ordering::Acquire),
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
    pub fn notify_one(&self) {
        let mut state = enter(&self.state);
        let told = state.tell(Told::One);
        if told.is_none() {
            state.permit = true;
        }
        drop(state);
        if let Some(waker) = told.flatten() {
            waker.wake();
        }
    }

    /// Tells everybody who waits now, and nobody who comes later.
    pub fn notify_waiters(&self) {
        let mut owed = WakeList::new();
        let mut state = enter(&self.state);
        // ORDERING: Release pairs with the Acquires in `notified` and `poll_first`: who sees
        // the round sees what came before it.
        self.rounds.fetch_add(1, Ordering::Release);
        while let Some(waker) = state.tell(Told::All) {
            if let Some(waker) = waker {
                owed.push(waker);
            }
        }
        drop(state);
        owed.wake_all();
    }

    fn poll_first(&self, round: u64, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        ready!(budget::poll_proceed(cx));
        let waker = cx.waker().clone();
        let mut state = enter(&self.state);
        // ORDERING: Acquire as in `notified`; under the lock, so a round is either seen here
        // or finds the entry made below.
        if self.rounds.load(Ordering::Acquire) != round || std::mem::take(&mut state.permit) {
            drop(state);
            return Poll::Ready(());
        }
        budget::refund();
        place.key = Some(state.line.push_back(Waiter {
            waker: Some(waker),
            told: Told::NotYet,
        }));
        drop(state);
        place.pending(WaitReason::Notify, self)
    }

    fn poll_again(&self, key: Key, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        let mut waker = Some(cx.waker().clone());
        let mut state = enter(&self.state);
        match state.line.get_mut(key) {
            Some(waiter) if waiter.told == Told::NotYet => {
                rearm(&mut waiter.waker, &mut waker);
                drop(state);
                place.pending(WaitReason::Notify, self)
            }
            _ => {
                // Its waker was taken when it was told: nothing is dropped here.
                state.line.remove(key);
                place.key = None;
                Poll::Ready(())
            }
        }
    }

    #[cold]
    fn abandon(&self, key: Key) {
        // The lock is released at the end of this statement, before the entry is dropped.
        let gone = enter(&self.state).line.remove(key);
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
        let (permit, waiting) = {
            let state = enter(&self.state);
            (state.permit, state.line.len())
        };
        f.debug_struct("Notify")
            .field("permit", &permit)
            .field("waiting", &waiting)
            .finish()
    }
}

/// Waits to be told: what [`notified`](Notify::notified) gives.
///
/// # Cancel safety
///
/// May be dropped at any time; see [`notified`](Notify::notified).
#[must_use = "a future does nothing unless it is awaited"]
pub struct Notified<'a> {
    notify: &'a Notify,
    round: u64,
    place: Place,
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        match this.place.key {
            None => this.notify.poll_first(this.round, &mut this.place, cx),
            Some(key) => this.notify.poll_again(key, &mut this.place, cx),
        }
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.place.key.take() {
            self.notify.abandon(key);
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
