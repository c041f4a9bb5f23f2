//! Child processes without descriptors: errors, and nothing left behind. Each test in a process of
//! its own, which has no other.

#![cfg(target_os = "linux")]

use std::os::fd::AsRawFd;

use marmot_os::process::{Child, Command, Stdio};
use marmot_os::signal::{self, Signal};
use marmot_testing::{until, within};
use marmot_wait::park::block_on;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

mod support;
use support::{PATIENCE, descriptors, is_child, run_again};

/// Runs `f` with so many descriptors left.
fn with_spare<R>(spare: u64, f: impl FnOnce() -> R) -> R {
    let limit = getrlimit(Resource::Nofile);
    let next = std::fs::File::open("/dev/null").expect("a descriptor is left");
    let first = u64::try_from(next.as_raw_fd()).expect("it is no error");
    drop(next);
    let current = Some(first + spare);
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).expect("it may be lowered");
    let done = f();
    setrlimit(Resource::Nofile, limit).expect("it was that high before");
    done
}

/// Whether there are children, running or not.
fn has_children() -> bool {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
    let children = threads
        .flatten()
        .map(|thread| thread.path().join("children"));
    children.into_iter().any(|list| {
        let list = std::fs::read_to_string(list);
        list.is_ok_and(|list| !list.trim().is_empty())
    })
}

fn cat() -> Command {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::piped());
    command
}

#[test]
fn a_start_without_descriptors_fails_and_leaves_none_and_no_child() {
    if !is_child() {
        return run_again("a_start_without_descriptors_fails_and_leaves_none_and_no_child");
    }
    within(PATIENCE, || {
        block_on(cat().output()).expect("started");
        let before = descriptors();
        let mut worked = 0;
        for spare in 0..16 {
            // What is found out, and what comes of it, happens without descriptors too.
            let outcome = with_spare(spare, || block_on(cat().output()));
            // One that would not end by itself is ended if its pipes can't be had.
            let kept = with_spare(spare, || {
                let mut endless = Command::new("sleep");
                endless.arg("1000").stdout(Stdio::piped()).spawn()
            });
            if let Ok(mut child) = kept {
                child.kill().expect("it is ours");
            }
            match outcome {
                Ok(output) => worked += usize::from(output.status.success()),
                Err(error) => assert!(error.to_string().contains("os error 24"), "{error}"),
            }
            until(PATIENCE, "no child is left", || !has_children());
            until(PATIENCE, "no descriptor is left", || {
                descriptors() == before
            });
        }
        assert!(0 < worked && worked < 16, "{worked}");
    });
}

#[test]
fn a_child_is_waited_for_without_a_descriptor_of_it_where_signals_tell() {
    if !is_child() {
        return run_again("a_child_is_waited_for_without_a_descriptor_of_it_where_signals_tell");
    }
    within(PATIENCE, || {
        let _listening = signal::notify(&[Signal::USR1]);
        let mut child = cat().spawn().expect("started");
        let status = with_spare(0, || block_on(child.wait()));
        assert!(status.expect("it ends").success());
    });
}

#[test]
fn a_child_dropped_without_descriptors_is_reaped_when_there_are_some_again() {
    if !is_child() {
        return run_again(
            "a_child_dropped_without_descriptors_is_reaped_when_there_are_some_again",
        );
    }
    within(PATIENCE, || {
        let mut child: Child = cat().spawn().expect("started");
        let stdin = child.stdin.take();
        with_spare(0, || drop(child));
        drop(stdin);
        // Any other that is dropped.
        let other = Command::new("sleep").arg("1000").kill_on_drop(true).spawn();
        drop(other.expect("started"));
        until(PATIENCE, "both were reaped", || !has_children());
    });
}
