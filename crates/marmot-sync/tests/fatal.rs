//! Misuse that ends the process, as in Go. Each test runs itself again as the process that
//! ends.

#![expect(unsafe_code, reason = "the functions under test")]

use std::process::{Command, Stdio};

use marmot_sync::{Mutex, RwLock};

const CHILD: &str = "MARMOT_SYNC_FATAL_TEST";

/// Runs `misuse` in a process of its own, which must end with status 2 and one line of this
/// text on stderr.
fn ends_with(test: &str, text: &str, misuse: fn()) {
    if std::env::var_os(CHILD).is_some() {
        misuse();
        return;
    }
    let output = Command::new(std::env::current_exe().expect("this file"))
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).expect("text");
    let told: Vec<_> = stderr
        .lines()
        .filter(|line| line.starts_with("fatal error: "))
        .collect();
    assert_eq!(told, [text]);
}

#[test]
fn unlocking_a_free_mutex_is_fatal() {
    ends_with(
        "unlocking_a_free_mutex_is_fatal",
        "fatal error: sync: unlock of unlocked mutex",
        || {
            // SAFETY: no guard exists.
            unsafe { Mutex::new(()).force_unlock() }
        },
    );
}

#[test]
fn unlocking_a_mutex_twice_is_fatal() {
    ends_with(
        "unlocking_a_mutex_twice_is_fatal",
        "fatal error: sync: unlock of unlocked mutex",
        || {
            let mutex = Mutex::new(());
            std::mem::forget(mutex.try_lock());
            for _ in 0..2 {
                // SAFETY: the only guard was forgotten.
                unsafe { mutex.force_unlock() }
            }
        },
    );
}

#[test]
fn ending_a_read_that_nobody_began_is_fatal() {
    ends_with(
        "ending_a_read_that_nobody_began_is_fatal",
        "fatal error: sync: RUnlock of unlocked RWMutex",
        || {
            let lock = RwLock::new(());
            std::mem::forget(lock.try_write());
            // SAFETY: the only guard was forgotten.
            unsafe { lock.force_unlock_read() }
        },
    );
}

#[test]
fn ending_a_write_that_nobody_began_is_fatal() {
    ends_with(
        "ending_a_write_that_nobody_began_is_fatal",
        "fatal error: sync: Unlock of unlocked RWMutex",
        || {
            let lock = RwLock::new(());
            std::mem::forget(lock.try_read());
            // SAFETY: the only guard was forgotten.
            unsafe { lock.force_unlock_write() }
        },
    );
}
