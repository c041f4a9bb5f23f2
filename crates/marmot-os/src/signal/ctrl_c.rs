//! `ctrl_c`: waiting for Ctrl-C without keeping a channel.
//!
//! ```text
//!   signal, somebody waits ──▶ a new round: all who wait are ready
//!   signal, nobody waits ────▶ kept: the next to be polled is ready
//!   a woken one is dropped, and none of its round has been polled ──▶ kept
//! ```
//!
//! The next round may begin before those of the last one have been polled: each is settled by itself.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use marmot_wait::{Key, WaitQueue, WaitReason, WakeList, note};

use super::number::{Set, Signal};
use super::table::{self, Id, Listener};

/// Who waits, and what has come.
#[derive(Debug, Default)]
struct Hub {
    ears: Option<Id>,
    /// A signal that nobody has had.
    kept: bool,
    /// How many there have been.
    round: u64,
    /// Those that are not settled, the oldest first. Hardly ever more than one.
    open: VecDeque<Round>,
    line: Option<WaitQueue<Waker>>,
}

/// A signal that woke somebody.
#[derive(Debug)]
struct Round {
    number: u64,
    /// Woken in it, and neither polled nor dropped since.
    owed: usize,
    /// One who has seen it has been polled.
    had: bool,
}

/// No waker is called under this lock.
static HUB: Mutex<Hub> = Mutex::new(Hub {
    ears: None,
    kept: false,
    round: 0,
    open: VecDeque::new(),
    line: None,
});

impl Hub {
    /// Sees to it that Ctrl-C is listened to; a `reset` may have ended that.
    fn listen(&mut self) -> io::Result<()> {
        let int = Set::of(&[Signal::INT]);
        match self.ears {
            Some(id) => table::listen_again(id, int),
            None => table::listen(int, Arc::new(Ears)).map(|id| self.ears = Some(id)),
        }
    }

    /// One who has seen this round is polled (`had`), or dropped; the round may have `woken` it.
    fn settle(&mut self, number: u64, woken: bool, had: bool) {
        let found = self.open.iter().position(|round| round.number == number);
        let Some(at) = found else { return };
        let round = &mut self.open[at];
        round.had |= had;
        round.owed -= usize::from(woken);
        if round.owed == 0 {
            self.kept |= !round.had;
            self.open.remove(at);
        }
    }
}

fn lock() -> MutexGuard<'static, Hub> {
    HUB.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Ears;

impl Listener for Ears {
    fn deliver(&self, _signal: Signal, _times: u32) {
        let mut owed = WakeList::new();
        let mut hub = lock();
        let hub_line = hub.line.get_or_insert_default();
        while let Some((key, _)) = hub_line.detach_front() {
            if let Some(waker) = hub_line.remove(key) {
                owed.push(waker);
            }
        }
        if owed.is_empty() {
            hub.kept = true;
        } else {
            hub.round += 1;
            let round = Round {
                number: hub.round,
                owed: owed.len(),
                had: false,
            };
            hub.open.push_back(round);
        }
        drop(hub);
        owed.wake_all();
    }
}

/// The future of [`ctrl_c`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct CtrlC {
    /// Why it can't be listened to.
    failed: Option<io::Error>,
    /// How many rounds there had been when it was made: the next one is its own.
    round: u64,
    waits: Option<Key>,
    place: &'static Location<'static>,
}

/// Waits for Ctrl-C (`SIGINT`).
///
/// The first call ends the default for good: from then on Ctrl-C does not end the process. All
/// who wait get it; one that comes while nobody waits is kept for the next call. So nothing is
/// lost in a loop that waits for it in a `select!`.
///
/// [`notify`](super::notify) is the form with a channel, which gives the default back.
///
/// # Errors
///
/// If the system has no descriptor left to listen with.
///
/// # Cancel safety
///
/// Dropping the future loses nothing: a Ctrl-C that only this one was woken for is kept for
/// the next call.
///
/// # Examples
///
/// ```no_run
/// use marmot_os::signal;
///
/// # async fn f() -> std::io::Result<()> {
/// signal::ctrl_c().await?;
/// println!("good bye");
/// # Ok(()) }
/// ```
#[track_caller]
pub fn ctrl_c() -> CtrlC {
    let mut hub = lock();
    let failed = hub.listen().err();
    CtrlC {
        failed,
        round: hub.round,
        waits: None,
        place: Location::caller(),
    }
}

impl Future for CtrlC {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(error) = this.failed.take() {
            return Poll::Ready(Err(error));
        }
        let waker = cx.waker().clone();
        let mut hub = lock();
        if hub.round != this.round {
            let woken = this.waits.take().is_some();
            hub.settle(this.round + 1, woken, true);
            return Poll::Ready(Ok(()));
        }
        let line = hub.line.get_or_insert_default();
        let old = match this.waits {
            Some(key) => line.get_mut(key).map(|old| std::mem::replace(old, waker)),
            None => {
                if std::mem::take(&mut hub.kept) {
                    return Poll::Ready(Ok(()));
                }
                this.waits = Some(hub.line.get_or_insert_default().push_back(waker));
                None
            }
        };
        drop(hub);
        drop(old);
        note::set(WaitReason::Signal, 0, this.place);
        Poll::Pending
    }
}

impl Drop for CtrlC {
    fn drop(&mut self) {
        let Some(key) = self.waits else { return };
        let mut hub = lock();
        if hub.round == self.round {
            let waker = hub.line.get_or_insert_default().remove(key);
            drop(hub);
            drop(waker);
            return;
        }
        hub.settle(self.round + 1, true, false);
    }
}
