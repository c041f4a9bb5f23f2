//! The standard input in a runtime: who waits for it holds nobody up, and is no deadlock.

#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "the parent reads it")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use marmot::__private::{Options, main};
use marmot::io;
use marmot::prelude::*;

const CHILD: &str = "MARMOT_TEST_CHILD";

async fn child() {
    let reader = go!(async { io::stdin().lines().next_line().await });
    let mut ticks = 0;
    // On one P: the reader has no thread to itself.
    while !reader.is_finished() {
        sleep(ms(1)).await;
        ticks += 1;
        if ticks == 20 {
            println!("dump: {}", runtime::stack().contains("[IO wait]"));
        }
    }
    let line = reader
        .await
        .expect("no panic")
        .expect("a pipe")
        .expect("a line");
    println!("got: {line}");
    // Nobody runs now but one who waits for the rest.
    assert_eq!(io::stdin().read(&mut [0; 8]).await.expect("a pipe"), 0);
}

#[test]
fn who_waits_for_input_holds_nobody_up_and_is_no_deadlock() {
    let test = "who_waits_for_input_holds_nobody_up_and_is_no_deadlock";
    if std::env::var_os(CHILD).is_some() {
        main(Options::new().max_procs(1), child());
        unreachable!("main ends the process");
    }
    let mut child = Command::new(std::env::current_exe().expect("a test knows its own file"))
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut stdin = child.stdin.take().expect("piped");
    let mut heard = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut hear = |word: &str| {
        let mut lines = heard.by_ref().map(|line| line.expect("text"));
        lines.find(|line| line.contains(word)).expect("it says so")
    };
    assert_eq!(hear("dump"), "dump: true");
    stdin.write_all(b"a line\n").expect("it reads");
    assert_eq!(hear("got"), "got: a line");
    // Longer than a suspected deadlock takes to be told.
    std::thread::sleep(Duration::from_millis(1500));
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !stderr.contains("deadlock"),
        "{stderr}"
    );
}
