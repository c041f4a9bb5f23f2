//! A watchdog, and a wait for a condition: tests that start threads must not hang for ever.

use std::panic::resume_unwind;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// Runs `test` on a thread of its own, and gives what it returns.
///
/// `MARMOT_PATIENCE=4` in the environment waits four times as long, for a machine that is
/// slow (an emulator, a sanitizer, a crowd).
///
/// # Panics
///
/// With the panic of `test`, if it panics. With a text of its own if `test` has not ended
/// in time; its thread then goes on until the process ends.
///
/// # Examples
///
/// ```
/// use marmot_testing::within;
/// use std::time::Duration;
///
/// assert_eq!(within(Duration::from_secs(5), || 6 * 7), 42);
/// ```
#[track_caller]
pub fn within<R, F>(limit: Duration, test: F) -> R
where
    R: Send + 'static,
    F: FnOnce() -> R + Send + 'static,
{
    let limit = patient(limit);
    let (done, outcome) = channel();
    // Two threads: the outer one joins the inner one, so that destructors of thread-locals
    // are inside the limit too.
    start(move || {
        let joined = start(test).join();
        // Nobody listens if the limit is over.
        let _late = done.send(joined);
    });
    match outcome.recv_timeout(limit) {
        Ok(Ok(value)) => value,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => panic!(
            "still running after {limit:?}: it waits for something that does not come, or the \
             machine is very slow (MARMOT_PATIENCE=4 waits four times as long)"
        ),
    }
}

/// Waits until `condition` holds, looking again and again, yielding in between.
///
/// For what another thread is bound to do soon and cannot tell us about. Where it can, a
/// channel or a join is better.
///
/// # Panics
///
/// If the condition does not hold in time; `what` is then part of the text.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use std::time::Duration;
///
/// static FLAG: AtomicBool = AtomicBool::new(false);
/// std::thread::spawn(|| FLAG.store(true, Ordering::Relaxed));
/// marmot_testing::until(Duration::from_secs(5), "the flag is up", || FLAG.load(Ordering::Relaxed));
/// ```
#[track_caller]
pub fn until(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let limit = patient(limit);
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < limit, "not so after {limit:?}: {what}");
        pause(began.elapsed());
    }
}

/// Yields at first, and sleeps a little when it takes long: the other thread may need this
/// core.
fn pause(waited: Duration) {
    if waited < Duration::from_millis(1) {
        thread::yield_now();
    } else {
        thread::sleep(Duration::from_micros(200));
    }
}

/// The limit, stretched by `MARMOT_PATIENCE`.
fn patient(limit: Duration) -> Duration {
    match std::env::var("MARMOT_PATIENCE") {
        Ok(factor) => limit.saturating_mul(
            factor
                .parse()
                .expect("MARMOT_PATIENCE is a whole number: how many times longer to wait"),
        ),
        Err(_) => limit,
    }
}

/// Starts a thread with the name of this one, which is the name of the test.
fn start<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> thread::JoinHandle<R> {
    let builder = thread::Builder::new();
    let builder = match thread::current().name() {
        Some(name) => builder.name(name.to_owned()),
        None => builder,
    };
    builder.spawn(f).expect("a thread can be started")
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::{until, within};

    const SOON: Duration = Duration::from_millis(20);
    const LATE: Duration = Duration::from_secs(60);

    #[test]
    fn what_the_test_returns_comes_back() {
        let name = within(LATE, || thread::current().name().map(str::to_owned));
        assert_eq!(name.as_deref(), thread::current().name());
    }

    #[test]
    #[should_panic(expected = "the test's own words")]
    fn a_panic_goes_on_in_the_caller() {
        within(LATE, || panic!("the test's own words"));
    }

    #[test]
    fn a_test_that_hangs_fails() {
        let (end, wait) = channel::<()>();
        let hung = catch_unwind(move || within(SOON, move || wait.recv()));
        let text = hung.expect_err("the limit is over");
        let text = text.downcast_ref::<String>().expect("a text");
        assert!(text.starts_with("still running after"), "{text}");
        drop(end);
    }

    #[test]
    fn a_destructor_of_a_thread_local_is_inside_the_limit() {
        struct Hangs;
        impl Drop for Hangs {
            fn drop(&mut self) {
                thread::sleep(LATE);
            }
        }
        thread_local!(static HANGS: Hangs = const { Hangs });
        assert!(catch_unwind(|| within(SOON, || HANGS.with(|_| ()))).is_err());
    }

    #[test]
    #[should_panic(expected = "the moon is green")]
    fn a_condition_that_never_holds_is_named() {
        until(SOON, "the moon is green", || false);
    }
}
