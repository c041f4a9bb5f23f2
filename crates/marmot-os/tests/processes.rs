//! What `process` promises, with real children.

#![cfg(unix)]

use std::future::Future;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures::future::{join, join_all};
use futures::{AsyncReadExt, AsyncWriteExt};
use marmot_os::process::{ChildStdin, ChildStdout, Command, Stdio};
use marmot_os::signal::Signal;
use marmot_testing::{ByHand, until, within};
use marmot_wait::park::block_on;

mod support;
use support::{PATIENCE, descriptors, is_child, run_again};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Whether there is such a process, a zombie or not.
fn is_there(pid: u32) -> bool {
    std::process::Command::new("kill")
        .args(["-0", &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .expect("kill")
        .success()
}

#[test]
fn the_status_is_the_child_s() {
    within(PATIENCE, || {
        block_on(async {
            assert!(shell("true").status().await.expect("started").success());
            let seven = shell("exit 7").status().await.expect("started");
            assert_eq!(seven.code(), Some(7));
            let killed = shell("kill -TERM $$").status().await.expect("started");
            assert_eq!(killed.signal(), Some(Signal::TERM.as_raw()));
            let missing = Command::new("/no/such/program").status().await;
            assert_eq!(
                missing.expect_err("missing").kind(),
                std::io::ErrorKind::NotFound
            );
        });
    });
}

#[test]
fn what_cannot_be_started_is_named() {
    within(PATIENCE, || {
        let missing = Command::new("no-such-program").spawn();
        let error = missing.expect_err("missing");
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        let text = "exec \"no-such-program\": No such file or directory (os error 2)";
        assert_eq!(error.to_string(), text);
        let nowhere = Command::new("sh").current_dir("/no/such").output();
        let error = block_on(nowhere).expect_err("nowhere");
        let text = "exec \"sh\" in \"/no/such\": No such file or directory (os error 2)";
        assert_eq!(error.to_string(), text);
        let inner = error.get_ref().and_then(std::error::Error::source);
        let inner: &std::io::Error = inner.and_then(|it| it.downcast_ref()).expect("kept");
        assert_eq!(inner.raw_os_error(), Some(2));
    });
}

#[test]
fn output_is_all_that_it_writes_to_both_and_its_input_is_empty() {
    within(PATIENCE, || {
        let output = block_on(shell("cat; echo out; echo err >&2; exit 3").output());
        let output = output.expect("started");
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(output.stdout, b"out\n");
        assert_eq!(output.stderr, b"err\n");
    });
}

#[test]
fn what_nobody_reads_does_not_hold_a_status_up() {
    within(PATIENCE, || {
        let mut command = shell("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        block_on(command.status()).expect("it ends, in whatever way");
    });
}

#[test]
fn output_does_not_read_what_is_ours() {
    if is_child() {
        let output = block_on(Command::new("cat").output()).expect("started");
        assert_eq!(output.stdout, b"");
        return;
    }
    within(PATIENCE, || {
        let mut command = support::again("output_does_not_read_what_is_ours");
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut this = command.spawn().expect("the test can be started");
        let mut stdin = this.stdin.take().expect("piped");
        // It may have ended before it could take it.
        let _unread = std::io::Write::write_all(&mut stdin, b"ours");
        drop(stdin);
        assert!(this.wait().expect("a child").success());
    });
}

#[test]
fn a_child_that_has_ended_gets_no_signal() {
    within(PATIENCE, || {
        let mut child = shell("exit 3")
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let stdout = child.stdout.take().expect("piped");
        block_on(stdout.read_to_end(&mut Vec::new())).expect("a pipe");
        // Nobody has waited for it: the system would still know its number.
        until(PATIENCE, "it is told", || {
            let sent = child.signal(Signal::USR1);
            sent.is_err_and(|error| error.to_string() == "process already finished")
        });
        child.kill().expect("that it has ended is no error");
        let status = block_on(child.wait()).expect("it has ended");
        assert_eq!(status.code(), Some(3));
    });
}

#[test]
fn output_larger_than_the_pipes_is_read_from_both() {
    within(PATIENCE, || {
        let script = "head -c 3000000 /dev/zero >&2 & head -c 5000000 /dev/zero; wait";
        let output = block_on(shell(script).output()).expect("started");
        assert_eq!(
            (output.stdout.len(), output.stderr.len()),
            (5_000_000, 3_000_000)
        );
    });
}

#[test]
fn what_is_written_to_a_child_comes_back_while_more_is_written() {
    within(PATIENCE, || {
        block_on(async {
            let mut child = Command::new("cat")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("started");
            let mut stdin = child.stdin.take().expect("piped");
            let stdout = child.stdout.take().expect("piped");
            let sent: Vec<u8> = (0..2_000_000_u32).map(|n| (n / 7) as u8).collect();
            let mut back = Vec::new();
            let write = async {
                stdin.write_all(&sent).await.expect("it reads");
                AsyncWriteExt::close(&mut stdin).await.expect("closed");
                let late = stdin.write(b"more").await.expect_err("closed");
                assert_eq!(late.kind(), std::io::ErrorKind::BrokenPipe);
            };
            let (_, read) = join(write, stdout.read_to_end(&mut back)).await;
            assert_eq!(read.expect("it writes"), sent.len());
            assert!(back == sent);
            assert!(child.wait().await.expect("it ends").success());
        });
    });
}

#[test]
fn a_wait_closes_the_input_that_nobody_took() {
    within(PATIENCE, || {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .spawn()
            .expect("started");
        assert!(block_on(child.wait()).expect("it ends").success());
        // And again.
        assert!(block_on(child.wait()).expect("it has ended").success());
        assert!(child.try_wait().expect("it has ended").is_some());
        child.kill().expect("that it has ended is no error");
    });
}

#[test]
fn a_wait_that_was_dropped_loses_nothing() {
    within(PATIENCE, || {
        let mut child = shell("read line; exit 4")
            .stdin(Stdio::piped())
            .spawn()
            .expect("started");
        let stdin = child.stdin.take().expect("piped");
        for _ in 0..3 {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(pin!(child.wait()).poll(&mut cx).is_pending());
        }
        block_on(stdin.write_all(b"go\n")).expect("it reads");
        assert_eq!(block_on(child.wait()).expect("it ends").code(), Some(4));
    });
}

#[test]
fn a_kill_ends_it() {
    within(PATIENCE, || {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("started");
        child.kill().expect("it is there");
        let status = block_on(child.wait()).expect("it ends");
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()));
    });
}

#[test]
fn a_dropped_child_goes_on_and_leaves_no_zombie() {
    within(PATIENCE, || {
        let mut child = shell("read line; echo still here")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let (pid, stdin) = (child.id(), child.stdin.take().expect("piped"));
        let stdout = child.stdout.take().expect("piped");
        drop(child);
        drop(stdin);
        let mut said = Vec::new();
        block_on(stdout.read_to_end(&mut said)).expect("a pipe");
        assert_eq!(said, b"still here\n");
        until(PATIENCE, "it has ended and was reaped", || !is_there(pid));
    });
}

#[test]
fn kill_on_drop_kills_and_reaps() {
    within(PATIENCE, || {
        let child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn();
        let child = child.expect("started");
        let pid = child.id();
        drop(child);
        until(PATIENCE, "it was killed and reaped", || !is_there(pid));

        let mut cx = Context::from_waker(Waker::noop());
        let mut output = Box::pin(
            shell("echo $$; exec sleep 1000")
                .kill_on_drop(true)
                .output(),
        );
        assert!(output.as_mut().poll(&mut cx).is_pending());
        drop(output);
    });
}

#[test]
fn the_output_of_one_is_the_input_of_the_next() {
    within(PATIENCE, || {
        block_on(async {
            let mut first = shell("sleep 0.1; echo one; echo two")
                .stdout(Stdio::piped())
                .spawn()?;
            let between = first.stdout.take().expect("piped");
            let second = Command::new("wc")
                .arg("-l")
                .stdin(Stdio::try_from(between)?)
                .output();
            let (first, second) = join(first.wait(), second).await;
            assert!(first?.success());
            assert_eq!(String::from_utf8_lossy(&second?.stdout).trim(), "2");
            Ok::<(), std::io::Error>(())
        })
        .expect("all is allowed");
    });
}

#[test]
fn a_group_of_its_own_and_an_environment_and_a_directory() {
    within(PATIENCE, || {
        let output = block_on(
            shell("echo $NAME $HOME; pwd; ps -o pgid= -p $$ 2>/dev/null || echo $$; echo $$")
                .env_clear()
                .env("PATH", std::env::var_os("PATH").expect("a path"))
                .env("NAME", "marmot")
                .current_dir("/")
                .process_group(0)
                .output(),
        );
        let text = String::from_utf8(output.expect("started").stdout).expect("plain");
        let lines: Vec<_> = text.split_whitespace().collect();
        assert_eq!(lines[..2], ["marmot", "/"]);
        assert_eq!(lines[2], lines[3], "it leads its group");
    });
}

#[test]
fn a_thousand_short_children_leave_nothing_behind() {
    if !is_child() {
        return run_again("a_thousand_short_children_leave_nothing_behind");
    }
    within(PATIENCE, || {
        block_on(shell("true").output()).expect("started");
        let before = descriptors();
        for _ in 0..40 {
            let many: Vec<_> = (0..25_u8)
                .map(|n| shell(&format!("echo {n}; exit {n}")).output())
                .collect();
            for (n, output) in block_on(join_all(many)).into_iter().enumerate() {
                let output = output.expect("started");
                assert_eq!(output.status.code(), Some(n as i32));
                assert_eq!(output.stdout, format!("{n}\n").into_bytes());
            }
        }
        assert_eq!(descriptors(), before);
        // All of them were reaped, or there would be children to wait for.
        let children = format!("/proc/{0}/task/{0}/children", std::process::id());
        if let Ok(children) = std::fs::read_to_string(children) {
            assert_eq!(children.trim(), "");
        }
    });
}

#[test]
fn dropped_children_leave_no_descriptors() {
    if !is_child() {
        return run_again("dropped_children_leave_no_descriptors");
    }
    within(PATIENCE, || {
        marmot_netpoll::Poller::global().expect("a poller");
        let before = descriptors();
        let pids: Vec<u32> = (0..20)
            .map(|_| {
                let child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn();
                child.expect("started").id()
            })
            .collect();
        for pid in pids {
            until(PATIENCE, "it was reaped", || !is_there(pid));
        }
        until(PATIENCE, "their descriptors are closed", || {
            descriptors() == before
        });
    });
}

#[test]
fn a_pipe_that_has_nothing_makes_its_reader_wait() {
    within(PATIENCE, || {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut stdout = child.stdout.take().expect("piped");
        let mut buf = [0; 8];
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..2 {
            // Dropped while it waits, which loses nothing.
            assert!(matches!(
                pin!(stdout.read(&mut buf)).poll(&mut cx),
                Poll::Pending
            ));
        }
        let stdin = child.stdin.take().expect("piped");
        block_on(stdin.write_all(b"now")).expect("it reads");
        let got = block_on(AsyncReadExt::read(&mut stdout, &mut buf)).expect("it writes");
        assert_eq!(&buf[..got], b"now");
        drop(stdin);
        assert_eq!(block_on(stdout.read(&mut buf)).expect("the end"), 0);
        block_on(child.wait()).expect("it ends");
    });
}

#[test]
fn nothing_is_read_from_a_child_and_written_to_it_at_once() {
    within(PATIENCE, || {
        // It reads nothing, and writes nothing.
        let mut command = Command::new("sleep");
        command.arg("1000").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("started");
        let (mut stdin, mut stdout) = (child.stdin.take(), child.stdout.take());
        let (stdin, stdout) = (
            stdin.as_mut().expect("piped"),
            stdout.as_mut().expect("piped"),
        );
        let full = vec![0; 1_000_000];
        let mut filling = ByHand::new(stdin.write_all(&full));
        while filling.poll().is_pending() && filling.wakes() > 0 {}
        assert!(!filling.is_done(), "it is full");
        drop(filling);
        let mut byte = [0];
        // It is known now that there is nothing.
        assert_eq!(ByHand::new(stdout.read(&mut byte)).run().map(drop), None);
        block_on(async {
            let put = ChildStdin::write(stdin, &[]).await;
            assert_eq!(put.expect("nothing"), 0);
            let put = ChildStdin::write_all(stdin, &[]).await;
            put.expect("nothing");
            assert_eq!(AsyncWriteExt::write(stdin, &[]).await.expect("nothing"), 0);
            let got = ChildStdout::read(stdout, &mut []).await;
            assert_eq!(got.expect("nothing"), 0);
            assert_eq!(
                AsyncReadExt::read(stdout, &mut []).await.expect("nothing"),
                0
            );
        });
    });
}

#[test]
fn a_command_tells_what_it_was_told() {
    let mut command = Command::new("printf");
    command
        .args(["%s", "x"])
        .env("COLOUR", "blue")
        .env_remove("HOME");
    command.current_dir("/");
    assert_eq!(command.get_program(), "printf");
    assert_eq!(command.get_args().collect::<Vec<_>>(), ["%s", "x"]);
    let said: Vec<_> = command.get_envs().collect();
    assert_eq!(said.len(), 2);
    assert!(said.contains(&("COLOUR".as_ref(), Some("blue".as_ref()))));
    assert!(said.contains(&("HOME".as_ref(), None)));
    assert_eq!(command.get_current_dir(), Some("/".as_ref()));
}
