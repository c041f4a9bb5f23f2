//! Starting a goroutine without knowing the scheduler.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;

use marmot_wait::{Runner, runner};

use crate::loom::on_a_thread;

/// Runs a future as a goroutine of the runtime of this thread, or on a thread of its own
/// where there is none.
pub(crate) fn spawn(
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    place: &'static Location<'static>,
) {
    spawn_on(None, future, place);
}

/// As [`spawn`], in that runtime rather than in the one of this thread.
pub(crate) fn spawn_on(
    runtime: Option<&'static dyn Runner>,
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    place: &'static Location<'static>,
) {
    match runtime.or_else(runner) {
        Some(runner) => runner.spawn(future, place),
        None => on_a_thread(future),
    }
}
