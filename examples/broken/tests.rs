//! Each broken program, run as a process of its own: what it prints must lead to its cause.
//! `docs/DEBUGGING.md` shows these outputs.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

/// A program takes two seconds at most; a machine may be slow.
const LIMIT: Duration = Duration::from_secs(120);

/// The example's executable, beside which cargo puts this test's.
fn executable(name: &str) -> PathBuf {
    let name = &format!("broken_{name}");
    let own = std::env::current_exe().expect("a test knows its own file");
    let deps = own.parent().and_then(std::path::Path::parent);
    let path = deps
        .expect("target/PROFILE/deps")
        .join("examples")
        .join(name);
    if !path.exists() {
        // Only this test was asked for, so cargo has not built the examples.
        let mut build = Command::new(env!("CARGO"));
        build.args([
            "build",
            "--quiet",
            "--package",
            "examples",
            "--example",
            name,
        ]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(build.status().expect("there is a cargo").success());
    }
    path
}

struct Ended {
    status: Option<i32>,
    out: String,
    err: String,
}

/// Runs a program to its end.
fn run(name: &str, debug: &str) -> Ended {
    let mut command = Command::new(executable(name));
    command
        .env("MARMOT_DEBUG", debug)
        .env("RUST_BACKTRACE", "0");
    let output: Output = marmot_testing::within(LIMIT, move || {
        command.output().expect("the program can be started")
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        status: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

impl Ended {
    /// It died of a deadlock, which Linux lets us be certain of.
    #[track_caller]
    fn is_a_deadlock(&self) {
        let first = "fatal error: all goroutines are asleep - deadlock!\n\n";
        assert!(self.err.starts_with(first), "{}", self.err);
        assert_eq!(self.status, Some(2), "{}", self.err);
    }

    #[track_caller]
    fn tells(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.err.contains(text), "{text:?} is not in:\n{}", self.err);
        }
    }

    /// The whole report of the goroutine with this number.
    #[track_caller]
    fn goroutine(&self, id: u64) -> &str {
        let head = format!("goroutine {id} [");
        let found = self.err.split("\n\n").find(|part| part.starts_with(&head));
        found.unwrap_or_else(|| panic!("no goroutine {id} in:\n{}", self.err))
    }
}

/// The line of a program that contains this text, as a report names it.
#[track_caller]
fn line(name: &str, text: &str) -> String {
    let file = format!("{}/broken/{name}.rs", env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(file).expect("the program's source");
    let mut lines = source.lines();
    let at = lines.position(|line| line.contains(text) && !line.trim().starts_with("//"));
    format!("{name}.rs:{}:", at.expect("the text is there") + 1)
}

#[test]
fn two_mutexes_shows_both_goroutines_at_their_second_lock() {
    let ended = run("two_mutexes", "");
    ended.is_a_deadlock();
    for (name, text) in [
        ("there", "let mut to = to.lock().await;"),
        ("back", "let mut from = from.lock().await;"),
    ] {
        let part = ended
            .err
            .split("\n\n")
            .find(|part| part.contains(&format!("named {name}")));
        let part = part.unwrap_or_else(|| panic!("{}", ended.err));
        assert!(part.contains("[sync.Mutex.Lock]:"), "{part}");
        // The first of the two such lines in the source is the other one's first lock.
        let file = format!("{}/broken/two_mutexes.rs", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(file).expect("the program's source");
        let lines = source.lines().enumerate();
        let at: Vec<_> = lines.filter(|line| line.1.contains(text)).collect();
        let place = |n: usize| format!("two_mutexes.rs:{}:", at[n].0 + 1);
        let second = if name == "there" { place(0) } else { place(1) };
        assert!(part.contains(&second), "{second}: {part}");
        assert!(part.contains("held by goroutine "), "{part}");
    }
    assert!(ended.goroutine(1).starts_with("goroutine 1 [join]:"));
}

#[test]
fn futurelock_is_told_by_name() {
    let ended = run("futurelock", "");
    assert_eq!(ended.status, Some(2), "{}", ended.err);
    ended.tells(&["futurelock: goroutine 1", "held by goroutine 1"]);
    ended.tells(&[
        "[sync.Mutex.Lock]:",
        &line("futurelock", "println!(\"{}\", lock"),
    ]);
}

#[test]
fn lost_sender_shows_the_worker_at_its_receive() {
    let ended = run("lost_sender", "");
    ended.is_a_deadlock();
    ended.tells(&["[chan receive]:", &line("lost_sender", "queue.recv()")]);
    assert!(ended.goroutine(1).starts_with("goroutine 1 [join]:"));
}

#[test]
fn forgotten_done_shows_main_alone_in_its_wait() {
    let ended = run("forgotten_done", "");
    ended.is_a_deadlock();
    let main = ended.goroutine(1);
    assert!(
        main.starts_with("goroutine 1 [sync.WaitGroup.Wait]:"),
        "{main}"
    );
    assert!(
        main.contains(&line("forgotten_done", "wg.wait()")),
        "{main}"
    );
    assert_eq!(
        ended.err.matches("\ngoroutine ").count(),
        1,
        "{}",
        ended.err
    );
}

#[test]
fn stuck_poll_is_told_with_its_system_call_and_keeps_nobody_up() {
    let ended = run("stuck_poll", "longpoll=20ms");
    assert_eq!(ended.status, Some(0), "{}", ended.err);
    let long: Vec<_> = ended
        .err
        .lines()
        .filter(|line| line.starts_with("LONGPOLL "))
        .collect();
    let born = line("stuck_poll", "let calls = go!");
    let told = long.iter().filter(|line| line.contains(&born));
    assert!(told.count() >= 2, "{}", ended.err);
    if cfg!(target_os = "linux") {
        ended.tells(&["blocked in clock_nanosleep", "its P was handed off"]);
    }
    assert!(
        ended.out.starts_with("a beat of 1 ms took "),
        "{}",
        ended.out
    );
}

#[test]
fn cpu_hog_is_told_as_burning() {
    let ended = run("cpu_hog", "longpoll=20ms");
    assert_eq!(ended.status, Some(0), "{}", ended.err);
    ended.tells(&["LONGPOLL ", "burning", &line("cpu_hog", "let hog = go!")]);
    assert!(ended.out.contains("long poll that burned"), "{}", ended.out);
}

#[test]
fn leak_grows_in_the_metrics_and_has_one_birthplace() {
    let ended = run("leak", "");
    assert_eq!(ended.status, Some(0), "{}", ended.err);
    let lines: Vec<_> = ended.out.lines().collect();
    for (line, waiting) in lines.iter().zip([10, 20, 30]) {
        assert_eq!(*line, format!("{waiting} goroutines wait"));
    }
    let born = line("leak", "go!(async move");
    let waits = line("leak", "wait.recv()");
    let last = lines.last().expect("a last line");
    assert!(last.starts_with("30 born at "), "{last}");
    assert!(last.contains(&born) && last.contains(&waits), "{last}");
}

#[test]
fn thundering_herd_shows_in_the_polls_for_an_item() {
    let ended = run("thundering_herd", "");
    assert_eq!(ended.status, Some(0), "{}", ended.err);
    let polls = |what: &str| -> u64 {
        let line = ended.out.lines().find_map(|line| line.strip_prefix(what));
        let number = line.and_then(|line| line.split(' ').next());
        number.expect("it is printed").parse().expect("a number")
    };
    let (all, one) = (polls("broadcast: "), polls("signal: "));
    assert!(all > 300, "{}", ended.out);
    assert!(one < all / 10, "{}", ended.out);
}
