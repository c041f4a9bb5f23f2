//! What `io`'s standard streams promise: in children whose streams are pipes, files and a
//! terminal.

#![cfg(unix)]

use std::fs::File;
use std::future::Future;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::task::{Context, Waker};

use marmot_os::io;
use marmot_testing::{ByHand, within};
use marmot_wait::park::block_on;

mod support;
use support::{PATIENCE, again, is_child};

/// Starts the test as a child, whose input is a pipe and whose errors are one.
fn start(test: &str) -> Child {
    let mut command = again(test);
    command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::null());
    command.spawn().expect("the test can be started")
}

/// Says something to the parent, past the test runner's own words.
fn tell(text: &str) {
    block_on(io::stderr().write_all(format!("{text}\n").as_bytes())).expect("it can be written");
}

/// The next thing that the child says.
fn hear(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("it can be read");
    line.trim_end_matches(['\r', '\n']).to_owned()
}

/// Gives back each line that it reads.
fn echo() {
    let mut lines = io::stdin().lines();
    while let Some(line) = block_on(lines.next_line()).expect("text") {
        tell(&format!("got: {line}"));
    }
    tell("the end");
}

#[test]
fn lines_are_read_from_a_pipe_as_they_come() {
    if is_child() {
        return echo();
    }
    within(PATIENCE, || {
        let mut child = start("lines_are_read_from_a_pipe_as_they_come");
        let mut stdin = child.stdin.take().expect("piped");
        let mut heard = BufReader::new(child.stderr.take().expect("piped"));
        for line in ["one", "two", ""] {
            // In pieces: the child waits in the middle of a line.
            stdin.write_all(line.as_bytes()).expect("it reads");
            stdin.write_all(b"\n").expect("it reads");
            assert_eq!(hear(&mut heard), format!("got: {line}"));
        }
        drop(stdin);
        assert_eq!(hear(&mut heard), "the end");
        assert!(child.wait().expect("it ends").success());
    });
}

#[test]
fn a_file_and_nothing_are_read_to_their_ends() {
    let test = "a_file_and_nothing_are_read_to_their_ends";
    if is_child() {
        return echo();
    }
    within(PATIENCE, move || {
        let path = std::env::temp_dir().join(format!("marmot-stdin-{}", std::process::id()));
        std::fs::write(&path, "first\nsecond").expect("a place for tests");
        let file = File::open(&path).expect("just written");
        let output = again(test).stdin(file).output().expect("started");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(text, "got: first\ngot: second\nthe end\n");
        let output = again(test).output().expect("started");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "the end\n");
        std::fs::remove_file(&path).expect("ours");
    });
}

#[test]
fn the_output_of_another_process_is_read() {
    let test = "the_output_of_another_process_is_read";
    if is_child() {
        return echo();
    }
    within(PATIENCE, move || {
        let script = "(echo a; sleep 0.05; echo b) | \"$@\"";
        let mut shell = Command::new("sh");
        let itself = again(test);
        shell.args(["-c", script, "sh"]).arg(itself.get_program());
        shell.args(itself.get_args());
        for (name, value) in itself.get_envs() {
            shell.env(name, value.expect("only set"));
        }
        let output = shell.output().expect("a shell");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(text, "got: a\ngot: b\nthe end\n");
    });
}

#[test]
fn a_terminal_is_read_and_written() {
    let test = "a_terminal_is_read_and_written";
    if is_child() {
        return echo();
    }
    within(PATIENCE, move || {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("ours");
        unlockpt(&master).expect("ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let path = name.to_str().expect("plain").to_owned();
        let slave = || {
            File::options()
                .read(true)
                .write(true)
                .open(&path)
                .expect("there")
        };
        let mut child = again(test)
            .stdin(slave())
            .stderr(slave())
            .stdout(Stdio::null())
            .spawn()
            .expect("started");
        let keep_open = slave();
        let mut master = File::from(master);
        let mut heard = BufReader::new(master.try_clone().expect("another handle"));
        for line in ["hello", "terminal"] {
            master
                .write_all(format!("{line}\n").as_bytes())
                .expect("it takes it");
            // The terminal echoes what is typed, too.
            let answer = format!("got: {line}");
            while hear(&mut heard) != answer {}
        }
        master.write_all(b"\x04").expect("it takes the end");
        while hear(&mut heard) != "the end" {}
        assert!(child.wait().expect("it ends").success());
        drop(keep_open);
    });
}

#[test]
fn a_read_that_was_dropped_while_it_waited_loses_nothing() {
    let test = "a_read_that_was_dropped_while_it_waited_loses_nothing";
    if is_child() {
        let stdin = io::stdin();
        let mut buf = [0; 16];
        for _ in 0..3 {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(pin!(stdin.read(&mut buf)).poll(&mut cx).is_pending());
        }
        tell("ready");
        return echo();
    }
    within(PATIENCE, move || {
        let mut child = start(test);
        let mut stdin = child.stdin.take().expect("piped");
        let mut heard = BufReader::new(child.stderr.take().expect("piped"));
        assert_eq!(hear(&mut heard), "ready");
        stdin.write_all(b"all of it\n").expect("it reads");
        assert_eq!(hear(&mut heard), "got: all of it");
        drop(stdin);
        assert!(child.wait().expect("it ends").success());
    });
}

#[test]
fn all_is_written_to_a_pipe_whose_reader_is_slow() {
    const BYTES: usize = 1_000_000;
    let test = "all_is_written_to_a_pipe_whose_reader_is_slow";
    if is_child() {
        let bytes: Vec<u8> = (0..BYTES).map(|n| b'a' + (n % 26) as u8).collect();
        block_on(io::stderr().write_all(&bytes)).expect("it is read");
        return;
    }
    within(PATIENCE, move || {
        let mut child = start(test);
        let mut from = child.stderr.take().expect("piped");
        let (mut all, mut buf) = (Vec::new(), vec![0; 30_000]);
        loop {
            match from.read(&mut buf).expect("it writes") {
                0 => break,
                some => all.extend_from_slice(&buf[..some]),
            }
            std::thread::yield_now();
        }
        assert_eq!(all.len(), BYTES);
        let right = |(n, &byte): (usize, &u8)| byte == b'a' + (n % 26) as u8;
        assert!(all.iter().enumerate().all(right));
        assert!(child.wait().expect("it ends").success());
    });
}

#[test]
fn a_write_for_which_there_is_no_room_waits_and_does_not_hold_its_thread() {
    let test = "a_write_for_which_there_is_no_room_waits_and_does_not_hold_its_thread";
    if is_child() {
        let bytes = vec![b'x'; 1_000_000];
        let stderr = io::stderr();
        let mut writing = ByHand::new(stderr.write_all(&bytes));
        while writing.poll().is_pending() && writing.wakes() > 0 {}
        assert!(!writing.is_done(), "nobody reads");
        return;
    }
    within(PATIENCE, move || {
        let mut child = start(test);
        let unread = child.stderr.take().expect("piped");
        assert!(child.wait().expect("it ends").success());
        drop(unread);
    });
}

#[test]
fn what_is_shared_with_others_goes_on_blocking() {
    use rustix::fs::{OFlags, fcntl_getfl};
    let test = "what_is_shared_with_others_goes_on_blocking";
    if is_child() {
        return echo();
    }
    within(PATIENCE, move || {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let (heard, speaks) = std::io::pipe().expect("a pipe");
        let mut command = again(test);
        command.stdin(reader.try_clone().expect("another handle"));
        command
            .stderr(speaks.try_clone().expect("another handle"))
            .stdout(Stdio::null());
        let mut child = command.spawn().expect("started");
        drop(command);
        let mut heard = BufReader::new(heard);
        for line in ["a", "b"] {
            writer
                .write_all(format!("{line}\n").as_bytes())
                .expect("it reads");
            assert_eq!(hear(&mut heard), format!("got: {line}"));
            for flags in [fcntl_getfl(&reader), fcntl_getfl(&speaks)] {
                assert!(!flags.expect("flags").contains(OFlags::NONBLOCK));
            }
        }
        drop(writer);
        assert!(child.wait().expect("it ends").success());
    });
}

#[test]
fn output_to_a_file_is_there() {
    let test = "output_to_a_file_is_there";
    if is_child() {
        block_on(async {
            io::stdout()
                .write_all(b"to stdout\n")
                .await
                .expect("written");
            let mut stdout = io::stdout();
            futures::AsyncWriteExt::write_all(&mut stdout, b"again\n")
                .await
                .expect("written");
            futures::AsyncWriteExt::close(&mut stdout)
                .await
                .expect("it stays open");
            io::stdout()
                .write_all(b"and again\n")
                .await
                .expect("written");
        });
        return;
    }
    within(PATIENCE, move || {
        let path = std::env::temp_dir().join(format!("marmot-stdout-{}", std::process::id()));
        let open = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path);
        let mut file = open.expect("a place for tests");
        let theirs = file.try_clone().expect("another handle");
        assert!(
            again(test)
                .stdout(theirs)
                .status()
                .expect("started")
                .success()
        );
        file.rewind().expect("a file");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("text");
        assert!(text.contains("to stdout\nagain\nand again\n"), "{text}");
        std::fs::remove_file(&path).expect("ours");
    });
}

#[test]
fn those_who_read_at_once_get_each_byte_once() {
    const BYTES: usize = 200_000;
    let test = "those_who_read_at_once_get_each_byte_once";
    if is_child() {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    let mut buf = [0; 100];
                    let mut sum = 0;
                    loop {
                        match block_on(io::stdin().read(&mut buf)).expect("a pipe") {
                            0 => break sum,
                            some => sum += some,
                        }
                    }
                })
            })
            .collect();
        let sums = readers
            .into_iter()
            .map(|reader| reader.join().expect("no panic"));
        tell(&sums.sum::<usize>().to_string());
        return;
    }
    within(PATIENCE, move || {
        let mut child = start(test);
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(&vec![b'x'; BYTES]).expect("it reads");
        drop(stdin);
        let mut heard = BufReader::new(child.stderr.take().expect("piped"));
        assert_eq!(hear(&mut heard), BYTES.to_string());
        assert!(child.wait().expect("it ends").success());
    });
}
