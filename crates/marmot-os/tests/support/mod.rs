//! The test starts itself again as a child process.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::process::{Command, Stdio};
use std::time::Duration;

use marmot_os::signal::{self, Signal};

const CHILD: &str = "MARMOT_TEST_CHILD";
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Whether this process is the child that a test has started.
pub(crate) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// The command that runs this one test as a child.
pub(crate) fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test knows its own file"));
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .stdin(Stdio::null());
    command
}

/// Runs the test as a child to its end. What it has asserted is asserted here too.
pub(crate) fn run_again(test: &str) {
    let output = again(test).output().expect("the test can be started");
    assert!(
        output.status.success(),
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Sends a signal to this process.
pub(crate) fn raise(signal: Signal) {
    signal::send(std::process::id(), signal).expect("we may");
}

/// The number of descriptors that this process has.
pub(crate) fn descriptors() -> usize {
    let listed = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"));
    listed.expect("a list of descriptors").count()
}
