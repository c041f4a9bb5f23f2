//! SIGQUIT prints every goroutine and ends the process, whatever its threads do; and what
//! `MARMOT_DEBUG` makes a process print. Each test starts itself again as a child.

#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "the parent reads it")]

use std::future::Future;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio, Termination};
use std::time::Duration;

use marmot::__private::{Options, main};
use marmot::prelude::*;
use marmot_testing::within;

const CHILD: &str = "MARMOT_TEST_CHILD";
const LIMIT: Duration = Duration::from_secs(60);

/// In the child: runs the program and does not come back. In the parent: the child, started
/// with this `MARMOT_DEBUG`.
fn start<F>(test: &str, debug: &str, program: impl FnOnce() -> F) -> Child
where
    F: Future + Send + 'static,
    F::Output: Termination + Send + 'static,
{
    start_on(2, test, debug, program)
}

/// The same on so many Ps.
fn start_on<F>(procs: usize, test: &str, debug: &str, program: impl FnOnce() -> F) -> Child
where
    F: Future + Send + 'static,
    F::Output: Termination + Send + 'static,
{
    if std::env::var_os(CHILD).is_some() {
        main(Options::new().max_procs(procs), program());
        unreachable!("main ends the process");
    }
    Command::new(std::env::current_exe().expect("a test knows its own file"))
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .env("MARMOT_DEBUG", debug)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the test can be started again")
}

/// Waits for the child to print "ready", and sends it the signal.
fn quit(child: &mut Child) {
    let out = child.stdout.take().expect("piped");
    let mut out = BufReader::new(out);
    let mut line = String::new();
    while !line.contains("ready") {
        line.clear();
        assert!(out.read_line(&mut line).expect("a text") > 0, "it ended");
    }
    // What it prints from here on is nobody's business, but it must not fail to.
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    signal(child);
}

fn signal(child: &Child) {
    let sent = Command::new("kill")
        .args(["-QUIT", &child.id().to_string()])
        .status();
    assert!(sent.expect("there is a kill").success());
}

/// What it left on stderr, and how it ended.
fn end(mut child: Child) -> (ExitStatus, String) {
    within(LIMIT, move || {
        let mut text = String::new();
        let mut err = child.stderr.take().expect("piped");
        err.read_to_string(&mut text).expect("a text");
        (child.wait().expect("it ends"), text)
    })
}

fn ready() {
    println!("ready");
}

#[test]
fn sigquit_prints_every_goroutine_of_an_idle_process() {
    let mut child = start(
        "sigquit_prints_every_goroutine_of_an_idle_process",
        "",
        || async {
            let (_tx, rx) = chan::<()>(0);
            go!(async move {
                runtime::set_name("the reader");
                rx.recv().await
            });
            go!(async move {
                let waits = |reason| runtime::stack().contains(reason);
                while !(waits("goroutine 1 [sleep]") && waits("[chan receive]")) {
                    sleep(ms(1)).await;
                }
                ready();
            });
            sleep(secs(60)).await;
        },
    );
    quit(&mut child);
    let (status, text) = end(child);
    assert_eq!(status.code(), Some(2), "{text}");
    assert!(text.starts_with("SIGQUIT: quit\n\n"), "{text}");
    assert!(text.contains("goroutine 1 [sleep]:"), "{text}");
    assert!(
        text.contains("[chan receive]:\n\tnamed the reader\n"),
        "{text}"
    );
    assert!(text.contains("sigquit.rs:"), "{text}");
}

#[test]
fn sigquit_is_answered_though_every_thread_is_stuck_and_stderr_is_locked() {
    let mut child = start(
        "sigquit_is_answered_though_every_thread_is_stuck_and_stderr_is_locked",
        "",
        || async {
            for _ in 0..3 {
                go!(|| {
                    loop {
                        std::hint::spin_loop();
                    }
                });
                go!(|| std::thread::sleep(secs(60)));
            }
            // A waker that blocks whoever fires the timer: the monitor, at last.
            for _ in 0..8 {
                after_func(ms(1), || std::thread::sleep(secs(60)));
            }
            std::thread::sleep(ms(50));
            let _kept = std::io::stderr().lock();
            ready();
            std::thread::sleep(secs(60));
        },
    );
    quit(&mut child);
    let (status, text) = end(child);
    assert_eq!(status.code(), Some(2), "{text}");
    let running = text.matches("[running]:").count();
    assert!(running >= 5, "{text}");
    if cfg!(target_os = "linux") {
        assert!(text.contains("blocked in clock_nanosleep"), "{text}");
    }
    assert!(text.contains("SCHED "), "{text}");
}

#[test]
fn sigquit_can_be_left_to_the_system() {
    let mut child = start("sigquit_can_be_left_to_the_system", "sigquit=0", || async {
        ready();
        sleep(secs(60)).await;
    });
    quit(&mut child);
    let (status, text) = end(child);
    assert_eq!(status.code(), None, "killed by the signal: {text}");
    assert!(!text.contains("goroutine"), "{text}");
}

#[test]
fn a_program_that_listens_for_sigquit_has_it() {
    let mut child = start("a_program_that_listens_for_sigquit_has_it", "", || async {
        let signals = marmot::signal::notify(&[marmot::signal::Signal::QUIT]);
        ready();
        assert!(signals.recv().await.is_some());
        std::process::ExitCode::from(7)
    });
    quit(&mut child);
    let (status, text) = end(child);
    assert_eq!(status.code(), Some(7), "{text}");
    assert!(!text.contains("SIGQUIT: quit"), "{text}");
}

#[test]
fn long_polls_are_told_with_what_they_did_and_how_they_were_survived() {
    let name = "long_polls_are_told_with_what_they_did_and_how_they_were_survived";
    let child = start_on(1, name, "longpoll=20ms", || async {
        // Somebody needs the P all the time.
        for _ in 0..3 {
            go!(async {
                loop {
                    sleep(ms(1)).await;
                }
            });
        }
        let sleeper = go!(|| std::thread::sleep(ms(100)));
        sleeper.await.expect("it ends");
        let began = Instant::now();
        let burner = go!(move || while began.elapsed() < ms(300) {});
        let announced = go!(|| runtime::blocking(|| std::thread::sleep(ms(100))));
        burner.await.expect("it ends");
        announced.await.expect("it ends");
        let long = runtime::metrics().long_polls;
        assert!(long.blocked + long.burning >= 2, "{long:?}");
        sleep(ms(50)).await;
    });
    let (status, text) = end(child);
    assert!(status.success(), "{text}");
    let lines: Vec<_> = text
        .lines()
        .filter(|l| l.starts_with("LONGPOLL "))
        .collect();
    assert!(
        lines.iter().all(|line| line.contains("sigquit.rs:")),
        "{text}"
    );
    let burning = lines.iter().filter(|line| line.contains("burning"));
    assert!(burning.count() >= 1, "{text}");
    if cfg!(target_os = "linux") {
        let slept = |line: &&&str| line.contains("blocked in clock_nanosleep");
        // The announced one is no long poll.
        assert_eq!(lines.iter().filter(slept).count(), 1, "{text}");
        let handed = |line: &&str| slept(&line) && line.contains("its P was handed off");
        assert!(lines.iter().any(handed), "{text}");
    }
}

#[test]
fn schedtrace_prints_gos_lines() {
    let child = start(
        "schedtrace_prints_gos_lines",
        "schedtrace=50,scheddetail=0",
        || sleep(ms(400)),
    );
    let (_, text) = end(child);
    let lines: Vec<_> = text.lines().filter(|l| l.starts_with("SCHED ")).collect();
    assert!(lines.len() >= 3, "though nothing runs: {text}");
    for line in lines {
        let (head, queues) = line.split_once(" runqueue=").expect("it has one");
        let keys: Vec<_> = head
            .split(' ')
            .skip(2)
            .filter_map(|pair| pair.split_once('=').map(|pair| pair.0))
            .collect();
        let go = [
            "gomaxprocs",
            "idleprocs",
            "threads",
            "spinningthreads",
            "needspinning",
            "idlethreads",
        ];
        assert_eq!(keys, go, "{line}");
        assert!(
            queues.contains(" [ ") && queues.contains("] schedticks=[ "),
            "{line}"
        );
    }
}

#[test]
fn scheddetail_prints_every_p_m_and_g() {
    let child = start(
        "scheddetail_prints_every_p_m_and_g",
        "schedtrace=50,scheddetail=1",
        || async {
            let (_tx, rx) = chan::<()>(0);
            go!(async move { rx.recv().await });
            sleep(ms(300)).await;
        },
    );
    let (_, text) = end(child);
    let begins = |prefix: &str| text.lines().any(|line| line.starts_with(prefix));
    for prefix in [
        "  P0: status=",
        "  P1: status=",
        "  M0: p=",
        "  G1: status=4(sleep) m=nil",
    ] {
        assert!(begins(prefix), "{prefix}: {text}");
    }
    assert!(
        text.contains(": status=4(chan receive) m=nil lockedm=nil"),
        "{text}"
    );
}
