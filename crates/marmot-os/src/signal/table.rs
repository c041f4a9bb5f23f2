//! Who listens for which signals, and how these get there.
//!
//! ```text
//!   handler ─ byte ─▶ pipe ─▶ netpoller ─▶ our waker: dispatch
//!                                             │ empty the pipe, wait for it again
//!                                             │ take the counts
//!                                             ▼
//!                                    each listener that wants it
//! ```
//!
//! There is no goroutine and no thread for it: the waker of the pipe does the work, on whatever
//! thread looks at the netpoller. The pipe is emptied *before* the counts are taken, so that a
//! signal which comes in between rings again. It waits only while somebody listens; that counts
//! as waiting for the outside world, so no deadlock is certain then, as in Go.
//!
//! One thread at a time dispatches; another that is called meanwhile leaves word, and the first
//! goes round again. Listeners are called with no lock held.

use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use marmot_chan::Receiver;
use marmot_netpoll::{Direction, Evented, Interest, pipes};
use marmot_wait::{budget, note};

use super::count::Turn;
use super::handler::{self, Disposition, Original};
use super::number::{COUNT, Set, Signal};

/// Gets signals. Called by one thread at a time, with no lock held.
pub(super) trait Listener: Send + Sync {
    /// The signal has come so often since the last call for it.
    fn deliver(&self, signal: Signal, times: u32);

    /// Whether this is where it delivers to. Called under the table's lock.
    fn is(&self, _receiver: &Receiver<Signal>) -> bool {
        false
    }

    /// There will be no more, because of [`stop`].
    fn end(&self) {}
}

/// The number of a listener, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(u64);

struct Entry {
    id: Id,
    wants: Set,
    listener: Arc<dyn Listener>,
    /// Gets what has come already, and goes.
    ending: bool,
}

/// The end of the pipe that we read.
enum Pipe {
    None,
    /// Nobody listens.
    Resting(pipes::Receiver),
    Watched(Evented<pipes::Receiver>),
}

struct Table {
    entries: Vec<Entry>,
    next: u64,
    asked: [Disposition; COUNT],
    originals: [Original; COUNT],
    pipe: Pipe,
    /// The pipe could not be waited for.
    deaf: bool,
    turn: Turn,
}

/// No listener is called, and no waker, under this lock.
static TABLE: Mutex<Table> = Mutex::new(Table {
    entries: Vec::new(),
    next: 0,
    asked: [Disposition::Before; COUNT],
    originals: [None; COUNT],
    pipe: Pipe::None,
    deaf: false,
    turn: Turn::FREE,
});

fn lock() -> MutexGuard<'static, Table> {
    // Nothing of ours panics under it, and if it did, its parts would stand each for itself.
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The waker of the pipe.
struct Dispatch;

impl Wake for Dispatch {
    fn wake(self: Arc<Self>) {
        dispatch();
    }
}

static WAKER: LazyLock<Waker> = LazyLock::new(|| Arc::new(Dispatch).into());

/// Begins to listen. Signals that are being ignored are so no longer.
pub(super) fn listen(wants: Set, listener: Arc<dyn Listener>) -> io::Result<Id> {
    let mut table = lock();
    table.watch()?;
    let id = Id(table.next);
    table.next += 1;
    table.entries.push(Entry {
        id,
        wants,
        listener,
        ending: false,
    });
    let asked = wants
        .iter()
        .try_for_each(|signal| table.ask(signal, Disposition::Counted));
    let gone = match &asked {
        Ok(()) => None,
        Err(_) => table.remove(id),
    };
    let deaf = table.deaf;
    drop(table);
    drop(gone);
    if deaf {
        // There may be signals that nobody was told of.
        dispatch();
    }
    asked.map(|()| id)
}

/// A listener that is there wants these (again).
pub(super) fn listen_again(id: Id, wants: Set) -> io::Result<()> {
    let mut table = lock();
    table.watch()?;
    for entry in table.entries.iter_mut().filter(|entry| entry.id == id) {
        entry.wants = entry.wants.and(wants);
    }
    wants
        .iter()
        .try_for_each(|signal| table.ask(signal, Disposition::Counted))
}

/// Ends it. What nobody listens to any more does again what it did before.
pub(super) fn leave(id: Id) {
    let mut table = lock();
    let gone = table.remove(id);
    drop(table);
    // Its channel, and whatever else it holds, goes with no lock held.
    drop(gone);
}

/// Ends the listening of this receiver, when it has got what has come already. That is done when
/// this returns, unless another thread is dispatching, which then does it.
pub(super) fn stop(receiver: &Receiver<Signal>) {
    let mut table = lock();
    let mut entries = table.entries.iter_mut();
    let Some(entry) = entries.find(|entry| entry.listener.is(receiver)) else {
        return;
    };
    entry.ending = true;
    let wants = entry.wants;
    let staying = table.entries.iter().filter(|entry| !entry.ending);
    let wanted = staying.fold(Set::default(), |sum, entry| sum.and(entry.wants));
    for signal in wants.without(wanted).iter() {
        // That a signal which could be caught can't be let go does not happen.
        let _refused = table.ask(signal, Disposition::Before);
    }
    drop(table);
    dispatch();
}

/// Nobody listens for these any more; they do this instead.
pub(super) fn take_from_all(signals: Set, to: Disposition) -> io::Result<()> {
    let mut table = lock();
    for entry in &mut table.entries {
        entry.wants = entry.wants.without(signals);
    }
    let mut done = Ok(());
    for signal in signals.iter() {
        done = done.and(table.ask(signal, to));
        let _stale = handler::take(signal);
    }
    table.rest_if_unwanted();
    done
}

impl Table {
    fn remove(&mut self, id: Id) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.id == id)?;
        let gone = self.entries.swap_remove(at);
        let wanted = self.wanted();
        for signal in gone.wants.without(wanted).iter() {
            // That a signal which could be caught can't be let go does not happen.
            let _refused = self.ask(signal, Disposition::Before);
            let _stale = handler::take(signal);
        }
        self.rest_if_unwanted();
        Some(gone)
    }

    fn wanted(&self) -> Set {
        let sets = self.entries.iter().map(|entry| entry.wants);
        sets.fold(Set::default(), Set::and)
    }

    fn ask(&mut self, signal: Signal, to: Disposition) -> io::Result<()> {
        let at = signal.index();
        let original = &mut self.originals[at];
        handler::set(signal, self.asked[at], to, original)?;
        self.asked[at] = to;
        Ok(())
    }

    /// Sees to it that the bell is heard.
    fn watch(&mut self) -> io::Result<()> {
        let receiver = match std::mem::replace(&mut self.pipe, Pipe::None) {
            Pipe::Watched(evented) => {
                self.pipe = Pipe::Watched(evented);
                return Ok(());
            }
            Pipe::Resting(receiver) => receiver,
            Pipe::None => {
                let (sender, receiver) = pipes::new()?;
                handler::set_bell(sender.as_raw_fd());
                // A handler may be using it at any time from now on.
                std::mem::forget(sender);
                receiver
            }
        };
        self.pipe = Pipe::Watched(Evented::new(receiver, Interest::READABLE)?);
        self.silence()
    }

    fn rest_if_unwanted(&mut self) {
        if self.wanted() != Set::default() {
            return;
        }
        match std::mem::replace(&mut self.pipe, Pipe::None) {
            // If it is refused, both ends are lost, and the next listener makes new ones.
            Pipe::Watched(evented) => {
                if let Ok(receiver) = evented.into_inner() {
                    self.pipe = Pipe::Resting(receiver);
                }
            }
            other => self.pipe = other,
        }
    }

    /// Empties the pipe and waits for it again.
    fn silence(&mut self) -> io::Result<()> {
        let Pipe::Watched(pipe) = &self.pipe else {
            return Ok(());
        };
        // This may be in the middle of some goroutine's poll, which is not concerned.
        let budget = budget::suspend();
        let mut cx = Context::from_waker(&WAKER);
        let polled = pipe.poll_io(Direction::Read, &mut cx, |mut pipe| {
            let mut bytes = [0; 64];
            while pipe.read(&mut bytes)? > 0 {}
            Ok(())
        });
        note::clear();
        budget::restore(budget);
        let done = match polled {
            Poll::Pending => Ok(()),
            Poll::Ready(done) => done,
        };
        self.deaf = done.is_err();
        done
    }

    /// What has come, and for whom.
    fn due(&self) -> Vec<(Arc<dyn Listener>, Signal, u32)> {
        let mut due = Vec::new();
        for signal in self.wanted().iter() {
            let times = handler::take(signal);
            if times == 0 {
                continue;
            }
            let wanting = self.entries.iter().filter(|entry| entry.wants.has(signal));
            due.extend(wanting.map(|entry| (Arc::clone(&entry.listener), signal, times)));
        }
        due
    }

    /// Who goes after the deliveries of this round.
    fn ending(&self) -> Vec<Id> {
        let ending = self.entries.iter().filter(|entry| entry.ending);
        ending.map(|entry| entry.id).collect()
    }
}

/// Takes the counts to those who want them.
fn dispatch() {
    let mut table = lock();
    if !table.turn.begin() {
        return;
    }
    let over = Over;
    loop {
        // It fails if no thread can be started to look at it; the next listener tries again.
        let _deaf = table.silence();
        let (due, ending) = (table.due(), table.ending());
        drop(table);
        for (listener, signal, times) in due {
            listener.deliver(signal, times);
        }
        end(&ending);
        table = lock();
        if table.turn.end() {
            break;
        }
    }
    drop(table);
    std::mem::forget(over);
}

/// Takes these out of the table, and tells them.
fn end(ending: &[Id]) {
    for &id in ending {
        let gone = lock().remove(id);
        if let Some(entry) = gone {
            entry.listener.end();
        }
    }
}

/// Ends a dispatch that panics, in a waker of somebody's.
struct Over;

impl Drop for Over {
    fn drop(&mut self) {
        lock().turn.abandon();
    }
}
