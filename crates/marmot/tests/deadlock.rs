//! When goroutines are said to be asleep for ever, and when not.

use std::process::{Command, Output};
use std::sync::mpsc::{Receiver as Reports, RecvTimeoutError, channel};
use std::time::Duration;

use marmot::prelude::*;
use marmot::sync::OnceCell;
use marmot::{Deadlock, Handle};
use marmot_testing::until;

/// Long enough for a monitor that looks every few milliseconds, with a grace of ten.
const QUIET: Duration = Duration::from_millis(300);
const LATE: Duration = Duration::from_secs(20);

/// A runtime that tells of a deadlock at the least suspicion, and where it tells.
fn suspicious(policy: Deadlock) -> (Runtime, Reports<String>) {
    let (tell, told) = channel();
    let rt = Runtime::builder()
        .max_procs(2)
        .deadlock(policy)
        .deadlock_grace(Duration::from_millis(10))
        .on_deadlock(move |report| drop(tell.send(report.to_owned())))
        .build();
    (rt.expect("a runtime"), told)
}

#[track_caller]
fn nothing_is_told(told: &Reports<String>) {
    match told.recv_timeout(QUIET) {
        Err(RecvTimeoutError::Timeout) => {}
        other => panic!("a false alarm: {other:?}"),
    }
}

#[track_caller]
fn is_told(told: &Reports<String>) -> String {
    told.recv_timeout(LATE).expect("it is told")
}

fn all_wait(handle: Handle, many: u64) {
    until(LATE, "they wait", || {
        handle.metrics().goroutines.waiting == many
    });
}

#[test]
fn goroutines_that_wait_for_each_other_are_told_of_once() {
    let (rt, told) = suspicious(Deadlock::Fatal);
    let (tx, rx) = chan::<()>(0);
    let (other_tx, other_rx) = chan::<()>(0);
    drop(rt.spawn(async move {
        rx.recv().await;
        drop(other_tx);
    }));
    drop(rt.spawn(async move {
        other_rx.recv().await;
        drop(tx);
    }));
    let report = is_told(&told);
    assert!(
        report.starts_with("all goroutines are asleep - deadlock!\n\n"),
        "{report}"
    );
    assert_eq!(report.matches("[chan receive]").count(), 2, "{report}");
    nothing_is_told(&told);
}

#[test]
fn a_runtime_without_goroutines_is_merely_idle() {
    let (rt, told) = suspicious(Deadlock::Fatal);
    rt.block_on(rt.spawn(async {})).expect("it ends");
    nothing_is_told(&told);
}

#[test]
fn a_goroutine_that_waits_for_the_rest_of_a_larger_program_is_no_deadlock() {
    let (rt, told) = suspicious(Deadlock::Report);
    let (tx, rx) = chan::<u32>(0);
    let served = rt.spawn(async move { rx.recv().await });
    let program = std::thread::spawn(move || {
        std::thread::sleep(QUIET * 2);
        tx.send_blocking(7)
    });
    nothing_is_told(&told);
    assert_eq!(rt.block_on(served).expect("it ends"), Some(7));
    program.join().expect("it ends").expect("it was received");
}

#[test]
fn a_timer_is_no_deadlock() {
    for kind in 0..4 {
        let (rt, told) = suspicious(Deadlock::Fatal);
        let hour = secs(3600);
        drop(rt.spawn(async move {
            match kind {
                0 => sleep(hour).await,
                1 => drop(Timer::new(hour).recv().await),
                2 => drop(Ticker::new(hour).recv().await),
                _ => drop(after(hour).recv().await),
            }
        }));
        all_wait(rt.handle(), 1);
        nothing_is_told(&told);
    }
}

#[test]
fn a_timer_that_was_stopped_is_a_deadlock_for_those_who_receive_from_it() {
    let (rt, told) = suspicious(Deadlock::Fatal);
    drop(rt.spawn(async {
        let timer = Timer::new(secs(3600));
        timer.stop();
        timer.recv().await;
    }));
    assert!(is_told(&told).contains("[chan receive]"));
}

#[test]
fn a_timer_that_another_goroutine_holds_is_no_deadlock() {
    let (rt, told) = suspicious(Deadlock::Fatal);
    let (tx, rx) = chan::<()>(0);
    drop(rt.spawn(async move { rx.recv().await }));
    let _timer = rt.block_on(async { after_func(secs(3600), move || _ = tx.try_send(())) });
    nothing_is_told(&told);
}

#[test]
fn a_socket_is_no_deadlock() {
    let (rt, told) = suspicious(Deadlock::Fatal);
    drop(rt.spawn(async {
        let listener = marmot::net::TcpListener::bind("127.0.0.1:0").await?;
        listener.accept().await.map(drop)
    }));
    all_wait(rt.handle(), 1);
    nothing_is_told(&told);
}

#[test]
fn a_blocking_call_in_flight_is_no_deadlock() {
    let (rt, told) = suspicious(Deadlock::Fatal);
    let (tx, rx) = chan::<()>(0);
    let (end, ends) = channel::<()>();
    drop(rt.spawn(async move { rx.recv().await }));
    let blocks = rt.spawn(async move {
        runtime::blocking(|| _ = ends.recv());
        drop(tx);
    });
    all_wait(rt.handle(), 2);
    nothing_is_told(&told);
    drop(end);
    rt.block_on(blocks).expect("it ends");
}

#[test]
fn a_poll_that_blocks_without_saying_so_is_no_deadlock() {
    let (rt, told) = suspicious(Deadlock::Fatal);
    let (tx, rx) = chan::<()>(0);
    let (end, ends) = channel::<()>();
    drop(rt.spawn(async move { rx.recv().await }));
    let blocks = rt.spawn(async move {
        _ = ends.recv();
        drop(tx);
    });
    nothing_is_told(&told);
    drop(end);
    rt.block_on(blocks).expect("it ends");
}

#[cfg(unix)]
#[test]
fn a_wait_for_a_signal_is_no_deadlock() {
    let (rt, told) = suspicious(Deadlock::Fatal);
    let signals = marmot::signal::notify(&[marmot::signal::Signal::USR2]);
    drop(rt.spawn(async move { signals.recv().await }));
    all_wait(rt.handle(), 1);
    nothing_is_told(&told);
}

#[cfg(unix)]
#[test]
fn what_a_signal_could_still_have_ended_is_told_when_nobody_listens_to_it_any_more() {
    let (rt, told) = suspicious(Deadlock::Fatal);
    let signals = marmot::signal::notify(&[marmot::signal::Signal::USR1]);
    let (tx, rx) = chan::<()>(0);
    drop(rt.spawn(async move { rx.recv().await }));
    all_wait(rt.handle(), 1);
    nothing_is_told(&told);
    drop(signals);
    is_told(&told);
    drop(tx);
}

#[cfg(unix)]
#[test]
fn a_wait_for_a_child_process_is_no_deadlock() {
    let (rt, told) = suspicious(Deadlock::Fatal);
    let child = rt.spawn(async {
        marmot::process::Command::new("sleep")
            .arg("1")
            .status()
            .await
    });
    nothing_is_told(&told);
    let status = rt
        .block_on(child)
        .expect("it ends")
        .expect("it was started");
    assert!(status.success());
}

#[cfg(unix)]
#[test]
fn a_file_that_is_slow_is_no_deadlock() {
    let (rt, told) = suspicious(Deadlock::Fatal);
    let name = format!("marmot-deadlock-{}.fifo", std::process::id());
    let path = std::env::temp_dir().join(name);
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("there is a mkfifo").success());
    let theirs = path.clone();
    // Opening it waits for somebody who writes.
    let read = rt.spawn(async move { marmot::fs::read(theirs).await });
    nothing_is_told(&told);
    std::fs::write(&path, b"at last").expect("somebody reads");
    let text = rt.block_on(read).expect("it ends").expect("it was read");
    assert_eq!(text, b"at last");
    std::fs::remove_file(&path).expect("it is there");
}

const CHILD: &str = "MARMOT_TEST_CHILD";

/// In the parent: what the child did that ran only this test. In the child: nothing.
fn in_a_child(name: &str) -> Option<(Output, Duration)> {
    if std::env::var_os(CHILD).is_some() {
        return None;
    }
    let began = Instant::now();
    let output = Command::new(std::env::current_exe().expect("a test knows its own file"))
        .args(["--exact", name, "--nocapture", "--include-ignored"])
        .env(CHILD, "1")
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("the test can be started again");
    Some((output, began.elapsed()))
}

#[track_caller]
fn fails_with((output, _): &(Output, Duration), texts: &[&str]) {
    let mut all = String::from_utf8_lossy(&output.stdout).into_owned();
    all.push_str(&String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success(), "{all}");
    for text in texts {
        assert!(all.contains(text), "{text:?} is not in:\n{all}");
    }
}

#[marmot::test]
#[ignore = "fails on purpose, in a child"]
async fn deadlocks() {
    let (_tx, rx) = chan::<()>(0);
    rx.recv().await;
}

#[test]
fn a_test_that_deadlocks_fails_at_once() {
    let Some(child) = in_a_child("deadlocks") else {
        return;
    };
    fails_with(
        &child,
        &["all goroutines are asleep - deadlock!", "[chan receive]"],
    );
    // The harness has a thread of its own, which is not suspected. (Without knowing that, the
    // test would have to wait five seconds.)
    if cfg!(target_os = "linux") {
        assert!(child.1 < Duration::from_secs(4), "{:?}", child.1);
    }
}

/// Makes some tests of this file run one after the other.
static ONE_BY_ONE: Mutex<u32> = Mutex::new(0);
/// Filled by the first of them.
static ONCE: OnceCell<u32> = OnceCell::new();
static PERMITS: Semaphore = Semaphore::new(1);

/// Takes turns with the same in other runtimes, for longer than a deadlock would take to be told.
async fn takes_turns() {
    let first = ONCE.get_or_init(async || {
        sleep(ms(300)).await;
        7
    });
    assert_eq!(*first.await, 7);
    let mut turn = ONE_BY_ONE.lock().await;
    sleep(ms(100)).await;
    *turn += 1;
    drop(turn);
    let permit = PERMITS.acquire(1).await;
    sleep(ms(100)).await;
    drop(permit);
}

#[marmot::test]
async fn a_test_may_wait_for_what_another_test_holds() {
    takes_turns().await;
}

#[marmot::test]
async fn another_test_may_wait_for_it_too() {
    takes_turns().await;
}

#[marmot::test(max_procs = 1)]
async fn and_so_may_a_third() {
    takes_turns().await;
}

#[marmot::test]
async fn a_test_may_wait_for_a_runtime_that_it_has_made() {
    let other = Runtime::builder().max_procs(1).build().expect("a runtime");
    let (tx, rx) = chan(0);
    let sends = other.spawn(async move {
        sleep(ms(300)).await;
        tx.send(7).await.expect("the test listens");
        sleep(ms(300)).await;
    });
    assert_eq!(rx.recv().await, Some(7));
    sends.await.expect("it ends well");
    go!(move || drop(other)).await.expect("it ends well");
}

#[marmot::test]
#[ignore = "fails on purpose, in a child"]
async fn locks_a_static_twice() {
    let _once = ONE_BY_ONE.lock().await;
    PERMITS.acquire(1).await.forget();
    PERMITS.acquire(1).await.forget();
}

#[test]
fn a_test_that_deadlocks_on_a_static_fails_too() {
    let Some(child) = in_a_child("locks_a_static_twice") else {
        return;
    };
    fails_with(
        &child,
        &["all goroutines are asleep - deadlock!", "[semacquire]"],
    );
}

#[marmot::test(leaks = "fail")]
#[ignore = "fails on purpose, in a child"]
async fn leaks_two() {
    leave_two_behind();
}

fn leave_two_behind() {
    let (tx, rx) = chan::<()>(0);
    for _ in 0..2 {
        let rx = rx.clone();
        go!(async move { rx.recv().await });
    }
    std::mem::forget(tx);
}

#[marmot::test]
async fn goroutines_that_wait_for_ever_are_cut_off_with_the_test() {
    leave_two_behind();
}

#[marmot::test]
#[ignore = "run in a child, for its words"]
async fn leaves_two() {
    leave_two_behind();
}

#[test]
fn a_test_that_leaves_goroutines_behind_says_so() {
    let Some((output, _)) = in_a_child("leaves_two") else {
        return;
    };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("the test has left 2 goroutines behind"),
        "{told}"
    );
}

#[test]
fn a_test_that_may_leave_none_behind_fails_and_says_where_they_were_born() {
    let Some(child) = in_a_child("leaks_two") else {
        return;
    };
    let texts = [
        "the test has left 2 goroutines behind",
        "[chan receive]",
        "created by",
        "deadlock.rs:",
    ];
    fails_with(&child, &texts);
}

#[marmot::test]
async fn goroutines_that_end_a_little_later_are_not_left_behind() {
    go!(sleep(ms(30)));
    go!(|| std::thread::sleep(ms(30)));
}

#[marmot::test(leaks = "off")]
async fn a_test_may_leave_goroutines_behind_if_it_says_so() {
    go!(sleep(secs(3600)));
}
