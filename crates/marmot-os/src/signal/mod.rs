//! The operating system's signals, after Go's `os/signal`.
//!
//! - [`notify`]: from now on these signals come through a channel, and do nothing else.
//!   [`stop`], or dropping the channel's last receiver, gives them back what they did before.
//! - [`ignore`], [`ignored`], [`reset`]: what a signal does while nobody listens.
//! - [`ctrl_c()`]: waits for one Ctrl-C.
//! - [`on`]: a function instead of a channel.
//!
//! A handler only counts the signal and writes a byte to a pipe that the netpoller watches, so
//! there is no thread for it, and goroutines that keep all Ps busy delay it by some ten
//! milliseconds at most. A process that listens to signals waits for the outside world: there is
//! no certain deadlock in it, as in Go.
//!
//! A handler that was there before is called by ours, and put back in the end. Handlers are
//! installed with `SA_RESTART`. Child processes start with the default for
//! signals that are listened to, and with the others ignored if they are ignored here.

mod count;
mod ctrl_c;
mod handler;
mod mailbox;
#[cfg(all(test, marmot_loom))]
mod models;
mod number;
mod table;

use std::fmt;
use std::io;
use std::sync::Arc;

use marmot_chan::Receiver;

use handler::Disposition;
use mailbox::Mailbox;
use number::Set;
use table::{Id, Listener};

pub use ctrl_c::{CtrlC, ctrl_c};
pub use number::Signal;

/// Gives the signals that come from now on, instead of what they did before.
///
/// With no signal named, all that can be caught. Those that can't
/// ([`Signal::is_catchable`]) are left out silently, as in Go.
///
/// Any number may listen to the same signal; each gets it. Up to 32 signals wait for a slow
/// receiver; beyond that, one of a kind that already waits is one with it. So none is lost
/// whose kind is not waiting to be received. Signals of different kinds that come within the
/// same moment are delivered in the order of their numbers.
///
/// The channel never ends by itself. When its last receiver is dropped (or passed to
/// [`stop`]) nothing more is delivered to it, and signals that nobody else
/// listens to do again what they did before.
///
/// # Panics
///
/// If the system has no descriptor left to listen with; [`try_notify`] gives the error.
///
/// # Examples
///
/// ```no_run
/// use marmot_os::signal::{self, Signal};
///
/// # async fn f() {
/// let signals = signal::notify(&[Signal::INT, Signal::TERM]);
/// while let Some(signal) = signals.recv().await {
///     println!("{signal}");
/// }
/// # }
/// ```
pub fn notify(signals: &[Signal]) -> Receiver<Signal> {
    try_notify(signals).unwrap_or_else(|error| panic!("signals can't be listened to: {error}"))
}

/// As [`notify`].
///
/// # Errors
///
/// If the system has no descriptor left to listen with.
pub fn try_notify(signals: &[Signal]) -> io::Result<Receiver<Signal>> {
    let (mailbox, receiver) = Mailbox::new();
    let id = table::listen(Set::of(signals), Arc::<Mailbox>::clone(&mailbox))?;
    mailbox.watch(id);
    Ok(receiver)
}

/// Ends the listening of [`notify`]. Go: `Stop`.
///
/// Signals that nobody else listens to do again what they did before. What has come until now is
/// delivered, and can still be received, so no signal is lost in between; after it comes `None`.
/// The channel of somebody else is left alone.
///
/// # Examples
///
/// ```
/// use marmot_os::signal::{self, Signal};
///
/// # marmot_wait::park::block_on(async {
/// let signals = signal::notify(&[Signal::WINCH]);
/// signal::stop(&signals);
/// signal::send(std::process::id(), Signal::WINCH)?;
/// assert_eq!(signals.recv().await, None);
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn stop(signals: &Receiver<Signal>) {
    table::stop(signals);
}

/// Calls `f` with each of these signals that comes from now on, until the [`Listening`] is
/// dropped.
///
/// It is called on the thread that looks at the netpoller, one call at a time, so it must be
/// short and must not block: it may send without waiting, cancel, wake, or start a goroutine.
/// Signals that come at once may be one call.
///
/// # Errors
///
/// If the system has no descriptor left to listen with.
///
/// # Examples
///
/// ```
/// use marmot_os::signal::{self, Signal};
///
/// let listening = signal::on(&[Signal::WINCH], |_| println!("another size"))?;
/// drop(listening);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn on(signals: &[Signal], f: impl Fn(Signal) + Send + Sync + 'static) -> io::Result<Listening> {
    struct Call<F>(F);
    impl<F: Fn(Signal) + Send + Sync> Listener for Call<F> {
        fn deliver(&self, signal: Signal, _times: u32) {
            (self.0)(signal);
        }
    }
    table::listen(Set::of(signals), Arc::new(Call(f))).map(Listening)
}

/// Keeps a function of [`on`] listening; dropping it ends that. A call that has begun on another
/// thread may still be going on.
#[must_use = "dropping it ends the listening"]
pub struct Listening(Id);

impl Drop for Listening {
    fn drop(&mut self) {
        table::leave(self.0);
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").finish_non_exhaustive()
    }
}

/// Makes these signals do nothing; with none named, all that can be caught.
///
/// Nobody who has listened to them gets them any more. A later [`notify`] ends the ignoring.
/// Child processes started meanwhile ignore them too.
///
/// # Errors
///
/// If the system refuses.
///
/// # Examples
///
/// ```
/// use marmot_os::signal::{self, Signal};
///
/// signal::ignore(&[Signal::HUP])?;
/// assert!(signal::ignored(Signal::HUP));
/// signal::reset(&[Signal::HUP])?;
/// assert!(!signal::ignored(Signal::HUP));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn ignore(signals: &[Signal]) -> io::Result<()> {
    table::take_from_all(Set::of(signals), Disposition::Ignored)
}

/// Whether this signal is being ignored, by whomever.
#[must_use]
pub fn ignored(signal: Signal) -> bool {
    handler::now(signal).is_ok_and(|now| now == Disposition::Ignored)
}

/// Gives these signals back what they did before the first [`notify`], [`on`] or [`ignore`];
/// with none named, all of them.
///
/// Nobody who has listened to them gets them any more.
///
/// # Errors
///
/// If the system refuses.
pub fn reset(signals: &[Signal]) -> io::Result<()> {
    table::take_from_all(Set::of(signals), Disposition::Before)
}

/// Sends a signal to a process: `kill`. A child is better sent one through its own handle,
/// which knows whether it still is that process.
///
/// # Errors
///
/// If there is no such process, or we may not.
///
/// # Examples
///
/// ```
/// use marmot_os::signal::{self, Signal};
///
/// # marmot_wait::park::block_on(async {
/// let signals = signal::notify(&[Signal::USR1]);
/// signal::send(std::process::id(), Signal::USR1)?;
/// assert_eq!(signals.recv().await, Some(Signal::USR1));
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn send(process: u32, signal: Signal) -> io::Result<()> {
    handler::send(process, signal)
}
