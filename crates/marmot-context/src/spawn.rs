//! Starting a goroutine without knowing the scheduler.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;

use marmot_wait::runner;

use crate::loom::on_a_thread;

/// Runs a future as a goroutine of the runtime of this thread, or on a thread of its own
/// where there is none.
pub(crate) fn spawn(
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    place: &'static Location<'static>,
) {
    match runner() {
        Some(runner) => runner.spawn(future, place),
        None => on_a_thread(future),
    }
}
