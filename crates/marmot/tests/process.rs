//! How a process ends: its status, and what is on stdout and stderr then. Each test starts
//! itself again as a child that runs a main goroutine.

#![expect(clippy::print_stdout, reason = "the parent reads it")]

use std::future::Future;
use std::process::{Command, Output, Termination};

use marmot::__private::{Options, main, test};
use marmot::prelude::*;

const CHILD: &str = "MARMOT_TEST_CHILD";

/// In the child: runs the program and does not come back. In the parent: what the child did.
fn run<F>(test: &str, program: impl FnOnce() -> F) -> Output
where
    F: Future + Send + 'static,
    F::Output: Termination + Send + 'static,
{
    if std::env::var_os(CHILD).is_some() {
        main(Options::new(), program());
        unreachable!("main ends the process");
    }
    Command::new(std::env::current_exe().expect("a test knows its own file"))
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("the test can be started again")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Lines of stderr that tell why the process died.
fn last_words(output: &Output) -> Vec<String> {
    let begins = |line: &&str| line.starts_with("panic: ") || line.starts_with("fatal error: ");
    let text = stderr(output);
    text.lines().filter(begins).map(str::to_owned).collect()
}

#[test]
fn an_unobserved_panic_ends_the_process_as_in_go() {
    let ended = run("an_unobserved_panic_ends_the_process_as_in_go", || async {
        drop(go!(async {
            sleep(ms(1)).await;
            panic!("nobody joins me")
        }));
        sleep(secs(60)).await;
    });
    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(last_words(&ended), ["panic: nobody joins me"]);
    assert!(stderr(&ended).contains("process.rs:"), "{}", stderr(&ended));
    assert!(stderr(&ended).contains("created by"), "{}", stderr(&ended));
}

#[test]
fn an_observed_panic_prints_nothing() {
    let ended = run("an_observed_panic_prints_nothing", || async {
        assert!(go!(async { panic!("quiet") }).await.is_err());
    });
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(stderr(&ended), "");
}

#[test]
fn a_suspected_deadlock_is_told_with_every_goroutine() {
    let ended = run(
        "a_suspected_deadlock_is_told_with_every_goroutine",
        || async {
            std::thread::spawn(|| {
                std::thread::sleep(secs(3));
                std::process::exit(9);
            });
            let (_tx, rx) = chan::<()>(0);
            let mutex = std::sync::Arc::new(Mutex::new(0));
            let _held = mutex.lock().await;
            go!([mutex], async move {
                *mutex.lock().await += 1;
            });
            rx.recv().await;
        },
    );
    // The test runner's threads and the one above might wake somebody, for all we know: so it
    // is told and the process goes on. (The tour has the programs that die of it.)
    assert_eq!(ended.status.code(), Some(9));
    let text = stderr(&ended);
    assert!(
        text.contains("all goroutines are asleep - deadlock!"),
        "{text}"
    );
    assert!(text.contains("[chan receive]"), "{text}");
    assert!(text.contains("[sync.Mutex.Lock]"), "{text}");
}

#[test]
fn goexit_in_main_lets_the_others_finish() {
    let ended = run("goexit_in_main_lets_the_others_finish", || async {
        go!(async {
            sleep(ms(20)).await;
            println!("the other one is done");
            std::process::exit(3);
        });
        runtime::goexit().await;
    });
    assert_eq!(ended.status.code(), Some(3), "{}", stderr(&ended));
    assert!(String::from_utf8_lossy(&ended.stdout).contains("the other one is done"));
}

#[test]
fn the_end_of_main_cuts_goroutines_off_and_no_line_in_the_middle() {
    for _ in 0..20 {
        let name = "the_end_of_main_cuts_goroutines_off_and_no_line_in_the_middle";
        let ended = run(name, || async {
            for who in 0..4 {
                go!(async move {
                    for n in 0.. {
                        println!("line of {who} number {n} ends;");
                        gosched().await;
                    }
                });
            }
            sleep(ms(2)).await;
        });
        assert_eq!(ended.status.code(), Some(0), "{}", stderr(&ended));
        let text = String::from_utf8_lossy(&ended.stdout);
        assert!(
            text.ends_with('\n'),
            "cut: {:?}",
            &text[text.len().saturating_sub(80)..]
        );
        for line in text.lines().filter(|line| line.contains("line of")) {
            assert!(line.ends_with("ends;"), "cut: {line:?}");
        }
    }
}

#[test]
fn somebody_who_keeps_stdout_cannot_keep_the_process() {
    let name = "somebody_who_keeps_stdout_cannot_keep_the_process";
    let ended = run(name, || async {
        go!(|| {
            let _kept = std::io::stdout().lock();
            std::thread::sleep(secs(60));
        });
        sleep(ms(20)).await;
        std::process::ExitCode::from(7)
    });
    assert_eq!(ended.status.code(), Some(7));
}

#[test]
fn a_failing_test_says_what_failed_and_where() {
    let name = "a_failing_test_says_what_failed_and_where";
    if std::env::var_os(CHILD).is_some() {
        test(Options::new(), name, || async {
            assert_eq!(6 * 9, 42, "the answer");
        });
    }
    let child = Command::new(std::env::current_exe().expect("a test knows its own file"))
        .args(["--exact", name])
        .env(CHILD, "1")
        .output()
        .expect("the test can be started again");
    assert_eq!(child.status.code(), Some(101), "as of any failed test");
    let text = String::from_utf8_lossy(&child.stdout);
    assert!(
        text.contains(&format!("thread '{name}' panicked at")),
        "{text}"
    );
    assert!(
        text.contains("process.rs:") && text.contains("the answer"),
        "{text}"
    );
}
