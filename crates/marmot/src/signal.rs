//! The operating system's signals: `notify`, `notify_context`, `ignore`, `reset`, `ctrl_c`.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

pub use marmot_os::signal::*;

use crate::context::{Cancel, Context};

/// A context that ends when one of these signals comes, when `parent` does, or when the
/// [`Stop`] is dropped. Go: `NotifyContext`.
///
/// The signals do nothing else until then; also after the first one has come, so a program that
/// wants the second Ctrl-C to end it at once calls [`stop`](Stop::stop) as soon as the context
/// is done. With no signal named, all that can be caught.
///
/// [`cause`](Context::cause) tells which one it was: "interrupt signal received".
///
/// # Panics
///
/// If the system has no descriptor left to listen with.
///
/// # Examples
///
/// ```no_run
/// use marmot::prelude::*;
/// use marmot::signal::{self, Signal};
///
/// #[marmot::main]
/// async fn main() {
///     let background = Context::background();
///     let (ctx, stop) = signal::notify_context(&background, &[Signal::INT, Signal::TERM]);
///     ctx.done().await;
///     stop.stop(); // the next one ends the process
///     println!("{}, cleaning up", ctx.cause().unwrap());
/// }
/// ```
pub fn notify_context(parent: &Context, signals: &[Signal]) -> (Context, Stop) {
    let (ctx, cancel) = parent.with_cancel();
    let cancel = Arc::new(cancel);
    let its = Arc::clone(&cancel);
    let listening = on(signals, move |signal| its.cancel_cause(Received(signal)))
        .unwrap_or_else(|error| panic!("signals can't be listened to: {error}"));
    let listening = Mutex::new(Some(listening));
    (ctx, Stop { cancel, listening })
}

/// Ends the listening of [`notify_context`], and its context; dropping it does the same.
#[must_use = "dropping it ends the context"]
pub struct Stop {
    cancel: Arc<Cancel>,
    listening: Mutex<Option<Listening>>,
}

impl Stop {
    /// Ends the context, if it has not ended, and gives the signals back what they did before,
    /// unless somebody else listens to them.
    pub fn stop(&self) {
        self.cancel.cancel();
        let mut listening = self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let ended = listening.take();
        drop(listening);
        drop(ended);
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").finish_non_exhaustive()
    }
}

/// Why the context of [`notify_context`] has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received(pub Signal);

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} signal received", self.0)
    }
}

impl std::error::Error for Received {}
