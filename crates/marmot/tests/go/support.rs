//! Running a program on one, two and eight Ps; and in a process of its own.

use std::future::Future;
use std::process::{Command, Output};
use std::time::Duration;

use marmot::__private::{Options, test};
use marmot_testing::within;

/// None of the programs needs a tenth of it.
const LIMIT: Duration = Duration::from_secs(60);

/// How many Ps the programs are run with.
pub(crate) const PROCS: [usize; 3] = [1, 2, 8];

/// Runs a program as a test of its own with each number of Ps.
#[track_caller]
pub(crate) fn on_each<F>(program: fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for procs in PROCS {
        on(procs, program);
    }
}

/// Runs a program as a test of its own.
#[track_caller]
pub(crate) fn on<F>(procs: usize, program: impl FnOnce() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    within(LIMIT, move || {
        // They are left as they are written: some of Go's programs leave goroutines behind.
        let options = Options::new().max_procs(procs).leaks("off");
        test(options, "go", program);
    });
}

const CHILD: &str = "MARMOT_TEST_CHILD";

/// In the parent: what the child did that ran only this test, named as the test harness names
/// it. In the child: nothing, and the caller goes on with the test itself.
pub(crate) fn in_a_child(name: &str) -> Option<Output> {
    if std::env::var_os(CHILD).is_some() {
        return None;
    }
    let output = Command::new(std::env::current_exe().expect("a test knows its own file"))
        .args(["--exact", name, "--nocapture", "--include-ignored"])
        .env(CHILD, "1")
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("the test can be started again");
    Some(output)
}

/// The text of a goroutine's panic.
pub(crate) fn panic_text<T>(ended: Result<T, marmot::JoinError>) -> String {
    let payload = ended.err().expect("it panics").into_panic();
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().expect("a text").to_string(),
    }
}
