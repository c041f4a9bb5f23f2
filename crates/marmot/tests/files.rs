//! Files and processes in a runtime: a call that blocks, and what a dump says.

#![cfg(unix)]

use marmot::prelude::*;
use marmot::process::{Command, Stdio};
use marmot::{fs, time::timeout};

#[marmot::test(max_procs = 1)]
async fn a_file_that_blocks_holds_nobody_up() {
    let path = std::env::temp_dir().join(format!("marmot-fifo-{}", std::process::id()));
    let made = Command::new("mkfifo").arg(&path).status().await;
    assert!(made.expect("mkfifo").success());
    let its = path.clone();
    // On the only P: nobody has the other end open.
    let reader = go!(async move { fs::read_to_string(its).await });
    for _ in 0..20 {
        sleep(ms(1)).await;
    }
    assert!(!reader.is_finished());
    fs::write(&path, "at last")
        .await
        .expect("the reader is there");
    assert_eq!(reader.await.expect("no panic").expect("it ends"), "at last");
    fs::remove_file(&path).await.expect("ours");
}

/// Such a call gives its P away before it begins; one that is only found to block is still running.
#[marmot::test]
async fn a_dump_shows_a_call_that_is_known_to_take_long_as_a_system_call() {
    let path = std::env::temp_dir().join(format!("marmot-long-{}", std::process::id()));
    let made = Command::new("mkfifo").arg(&path).status().await;
    assert!(made.expect("mkfifo").success());
    let mut open = std::fs::File::options();
    let writes = open.read(true).write(true).open(&path).expect("both ends");
    let its = path.clone();
    let reader = go!(async move {
        let (file, mut bytes) = (fs::File::open(its).await?, Vec::new());
        file.read_to_end(&mut bytes).await
    });
    let told = || runtime::stack().contains("[syscall");
    for _ in 0..10_000 {
        if told() {
            break;
        }
        sleep(ms(1)).await;
    }
    assert!(told(), "{}", runtime::stack());
    drop(writes);
    assert_eq!(reader.await.expect("no panic").expect("the end"), 0);
    fs::remove_file(&path).await.expect("ours");
}

#[marmot::test]
async fn a_dump_says_who_waits_for_a_process_and_who_for_its_output() {
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("piped"));
    let waits = go!(async move { child.wait().await });
    let reads = go!(async move { stdout.read(&mut [0; 8]).await });
    for _ in 0..10_000 {
        let dump = runtime::stack();
        if dump.contains("[process wait]") && dump.contains("[IO wait]") {
            break;
        }
        sleep(ms(1)).await;
    }
    let dump = runtime::stack();
    assert!(
        dump.contains("[process wait]") && dump.contains("[IO wait]"),
        "{dump}"
    );
    assert!(dump.contains("files.rs:"), "{dump}");
    drop(stdin);
    assert!(waits.await.expect("no panic").expect("it ends").success());
    assert_eq!(reads.await.expect("no panic").expect("the end"), 0);
}

#[marmot::test]
async fn a_dump_shows_the_callers_line_of_who_waits_for_a_status_or_an_output() {
    let command = || {
        let mut command = Command::new("sleep");
        command.arg("1000").kill_on_drop(true);
        command
    };
    let status = go!(async move { command().status().await });
    let output = go!(async move { command().output().await });
    let mut dump = runtime::stack();
    for _ in 0..10_000 {
        if dump.matches(" wait]").count() == 2 {
            break;
        }
        sleep(ms(1)).await;
        dump = runtime::stack();
    }
    let here = dump
        .lines()
        .filter(|line| line.contains("at ") && line.contains("files.rs:"));
    assert_eq!(here.count(), 2, "{dump}");
    status.abort();
    output.abort();
}

#[marmot::test]
async fn a_child_is_an_arm_of_a_select() {
    let mut child = Command::new("sleep").arg("1000").spawn().expect("started");
    let tick = Ticker::new(ms(2));
    let mut ticks = 0;
    let status = loop {
        select! {
            status = child.wait() => break status.expect("it ends"),
            _ = tick.recv() => ticks += 1,
        }
        if ticks == 5 {
            child.kill().expect("it is there");
        }
    };
    assert!(!status.success() && ticks >= 5);
    let slow = Command::new("sleep")
        .arg("1000")
        .kill_on_drop(true)
        .status();
    assert!(timeout(ms(20), slow).await.is_err());
}

#[marmot::test]
async fn hundreds_of_children_at_once_from_many_goroutines() {
    let wg = WaitGroup::new();
    for n in 0..200 {
        wg.go(async move {
            let output = Command::new("sh")
                .args(["-c", &format!("echo {n}")])
                .output()
                .await;
            assert_eq!(
                output.expect("started").stdout,
                format!("{n}\n").into_bytes()
            );
        });
    }
    wg.wait().await;
}
