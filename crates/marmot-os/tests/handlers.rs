//! What other code in the process notices of our handlers: nothing. Each test in a process of its own.

#![cfg(target_os = "linux")]
#![expect(
    unsafe_code,
    reason = "handlers, and signals to one thread, are functions of C"
)]

use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::unix::thread::JoinHandleExt;
use std::sync::mpsc;
use std::time::Duration;

use marmot_os::signal::{self, Signal};
use marmot_testing::within;

mod support;
use support::{PATIENCE, is_child, run_again};

/// What the kernel knows of SIGUSR1.
fn action() -> libc::sigaction {
    let mut action = MaybeUninit::uninit();
    // SAFETY: only asks; what it tells is written to where the pointer leads.
    let asked = unsafe { libc::sigaction(libc::SIGUSR1, std::ptr::null(), action.as_mut_ptr()) };
    assert_eq!(asked, 0);
    // SAFETY: it was written, for the call has succeeded.
    unsafe { action.assume_init() }
}

extern "C" fn disturb(_: libc::c_int) {
    errno::set_errno(errno::Errno(7));
}

#[test]
fn what_a_handler_does_to_errno_is_undone() {
    if !is_child() {
        return run_again("what_a_handler_does_to_errno_is_undone");
    }
    let before: extern "C" fn(libc::c_int) = disturb;
    // SAFETY: the handler only writes this thread's error number.
    let set = unsafe { libc::signal(libc::SIGUSR1, before as libc::sighandler_t) };
    assert_ne!(set, libc::SIG_ERR);
    let signals = signal::notify(&[Signal::USR1]);
    errno::set_errno(errno::Errno(5));
    // SAFETY: sends a signal that is handled to this thread, before it returns.
    unsafe { libc::raise(libc::SIGUSR1) };
    assert_eq!(errno::errno(), errno::Errno(5));
    drop(signals);
}

#[test]
fn calls_that_a_signal_interrupts_go_on() {
    if !is_child() {
        return run_again("calls_that_a_signal_interrupts_go_on");
    }
    within(PATIENCE, || {
        let signals = signal::notify(&[Signal::USR1]);
        let (mut reader, mut writer) = std::io::pipe().expect("descriptors");
        let (begin, begun) = mpsc::channel();
        let reads = std::thread::spawn(move || {
            begin.send(()).expect("it is waited for");
            let mut byte = [0];
            reader.read(&mut byte)
        });
        begun.recv().expect("it begins");
        for _ in 0..50 {
            // Most of these come while it waits.
            std::thread::sleep(Duration::from_millis(1));
            // SAFETY: the thread has not been joined, so this is its handle, and the signal is handled.
            let sent = unsafe { libc::pthread_kill(reads.as_pthread_t(), libc::SIGUSR1) };
            assert_eq!(sent, 0);
        }
        writer.write_all(&[1]).expect("somebody reads");
        let read = reads.join().expect("no panic");
        assert_eq!(read.expect("it was not interrupted"), 1);
        drop(signals);
    });
}

#[test]
fn handlers_run_one_at_a_time_and_are_gone_in_the_end() {
    if !is_child() {
        return run_again("handlers_run_one_at_a_time_and_are_gone_in_the_end");
    }
    let signals = signal::notify(&[Signal::USR1]);
    let ours = action();
    for other in [libc::SIGUSR2, libc::SIGTERM, libc::SIGCHLD] {
        // SAFETY: the set was written by the kernel.
        let held_back = unsafe { libc::sigismember(&raw const ours.sa_mask, other) };
        assert_eq!(held_back, 1);
    }
    assert_ne!(ours.sa_sigaction, libc::SIG_DFL);
    drop(signals);
    assert_eq!(action().sa_sigaction, libc::SIG_DFL);
}
