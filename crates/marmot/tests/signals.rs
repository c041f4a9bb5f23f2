//! Signals in a runtime: what waits for one, and who may delay it.

#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "the parent reads it")]

use std::future::Future;
use std::process::{Command, Output, Termination};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use marmot::__private::{Options, main};
use marmot::prelude::*;
use marmot::signal::{self, Signal};

const CHILD: &str = "MARMOT_TEST_CHILD";

/// In the child: runs the program and does not come back. In the parent: what the child did.
fn run<F>(test: &str, program: impl FnOnce() -> F) -> Output
where
    F: Future + Send + 'static,
    F::Output: Termination + Send + 'static,
{
    if std::env::var_os(CHILD).is_some() {
        main(Options::new().max_procs(2), program());
        unreachable!("main ends the process");
    }
    Command::new(std::env::current_exe().expect("a test knows its own file"))
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("the test can be started again")
}

fn raise(signal: Signal) {
    signal::send(std::process::id(), signal).expect("we may");
}

#[test]
fn waiting_for_a_signal_is_no_deadlock() {
    let ended = run("waiting_for_a_signal_is_no_deadlock", || async {
        let signals = signal::notify(&[Signal::USR1]);
        // Longer than a suspected deadlock takes to be told.
        let pid = std::process::id();
        let later = format!("sleep 1.5; kill -USR1 {pid}");
        let mut shell = Command::new("sh")
            .args(["-c", &later])
            .spawn()
            .expect("a shell");
        assert_eq!(signals.recv().await, Some(Signal::USR1));
        shell.wait().expect("it ends");
    });
    let text = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{text}");
    assert!(!text.contains("deadlock"), "{text}");
}

#[test]
fn what_waits_after_the_last_listener_has_gone_is_a_deadlock_again() {
    let name = "what_waits_after_the_last_listener_has_gone_is_a_deadlock_again";
    let ended = run(name, || async {
        drop(signal::notify(&[Signal::USR1]));
        std::thread::spawn(|| {
            std::thread::sleep(secs(3));
            std::process::exit(9);
        });
        std::future::pending::<()>().await;
    });
    let text = String::from_utf8_lossy(&ended.stderr);
    assert!(
        text.contains("all goroutines are asleep - deadlock!"),
        "{text}"
    );
}

#[test]
fn goroutines_that_keep_all_ps_busy_do_not_hold_a_signal_up() {
    let name = "goroutines_that_keep_all_ps_busy_do_not_hold_a_signal_up";
    let ended = run(name, || async {
        static OVER: AtomicBool = AtomicBool::new(false);
        let signals = signal::notify(&[Signal::USR1]);
        for _ in 0..4 {
            go!(move || while !OVER.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            });
        }
        sleep(ms(50)).await;
        let sent = Instant::now();
        raise(Signal::USR1);
        assert_eq!(signals.recv().await, Some(Signal::USR1));
        println!("after {:?}", sent.elapsed());
        assert!(sent.elapsed() < secs(5));
        OVER.store(true, Ordering::Relaxed);
    });
    assert!(ended.status.success(), "{ended:?}");
}

#[marmot::test]
async fn a_context_ends_with_a_signal_and_says_which() {
    let parent = Context::background();
    let (ctx, stop) = signal::notify_context(&parent, &[Signal::USR2]);
    assert_eq!(ctx.err(), None);
    raise(Signal::USR2);
    ctx.done().await;
    let cause = ctx.cause().expect("there is one");
    assert_eq!(cause.to_string(), "user defined signal 2 signal received");
    let received = cause.downcast_ref::<signal::Received>();
    assert_eq!(received, Some(&signal::Received(Signal::USR2)));
    stop.stop();
    assert_eq!(parent.err(), None);
}

#[marmot::test]
async fn stopping_ends_the_context_without_a_signal() {
    let (ctx, stop) = signal::notify_context(&Context::background(), &[Signal::ALRM]);
    stop.stop();
    ctx.done().await;
    assert_eq!(
        ctx.err().map(|end| end.to_string()).as_deref(),
        Some("context canceled")
    );
    let (ctx, stop) = signal::notify_context(&Context::background(), &[Signal::ALRM]);
    drop(stop);
    assert!(ctx.is_done());
}

#[test]
fn the_second_interrupt_ends_a_process_that_has_stopped_listening() {
    use std::os::unix::process::ExitStatusExt;
    let name = "the_second_interrupt_ends_a_process_that_has_stopped_listening";
    let ended = run(name, || async {
        let (ctx, stop) = signal::notify_context(&Context::background(), &[Signal::INT]);
        raise(Signal::INT);
        ctx.done().await;
        println!("{}", ctx.cause().expect("there is one"));
        stop.stop();
        raise(Signal::INT);
        sleep(secs(60)).await;
    });
    assert_eq!(
        ended.status.signal(),
        Some(Signal::INT.as_raw()),
        "{ended:?}"
    );
    assert!(String::from_utf8_lossy(&ended.stdout).contains("interrupt signal received"));
}

#[test]
fn a_select_loop_loses_no_ctrl_c() {
    let ended = run("a_select_loop_loses_no_ctrl_c", || async {
        let (tx, rx) = chan(0);
        go!(async move {
            while tx.send(()).await.is_ok() {
                gosched().await;
            }
        });
        // The losing arm is dropped and made again all the time.
        for _ in 0..50 {
            drop(signal::ctrl_c());
            raise(Signal::INT);
            loop {
                select! {
                    Some(()) = rx.recv() => gosched().await,
                    done = signal::ctrl_c() => break done.expect("it can be listened to"),
                }
            }
        }
    });
    assert!(ended.status.success(), "{ended:?}");
}

#[test]
fn input_and_output_survive_a_thousand_signals_a_second() {
    let name = "input_and_output_survive_a_thousand_signals_a_second";
    let ended = run(name, || async {
        let ticks = signal::notify(&[Signal::ALRM]);
        let over = std::sync::Arc::new(AtomicBool::new(false));
        let until = std::sync::Arc::clone(&over);
        let storm = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                raise(Signal::ALRM);
                std::thread::sleep(ms(1));
            }
        });
        let listener = marmot::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let addr = listener.local_addr().expect("bound");
        let server = go!(async move {
            let (stream, _) = listener.accept().await.expect("one");
            let mut sum = 0_usize;
            let mut buf = vec![0; 4096];
            loop {
                match stream.read(&mut buf).await.expect("read") {
                    0 => break sum,
                    some => sum += some,
                }
                stream.write_all(b".").await.expect("written");
            }
        });
        let client = marmot::net::TcpStream::connect(addr)
            .await
            .expect("connected");
        let began = Instant::now();
        let mut sent = 0;
        while began.elapsed() < ms(700) {
            let echo = marmot::process::Command::new("echo")
                .arg("hi")
                .output()
                .await;
            assert_eq!(echo.expect("started").stdout, b"hi\n");
            let itself = marmot::fs::read("Cargo.toml").await.expect("a file");
            assert!(itself.starts_with(b"[package]"));
            client.write_all(&[7; 1000]).await.expect("written");
            client.read_exact(&mut [0]).await.expect("read");
            sent += 1000;
        }
        drop(client);
        assert_eq!(server.await.expect("it ends"), sent);
        over.store(true, Ordering::Relaxed);
        storm.join().expect("it only raises");
        assert_eq!(ticks.recv().await, Some(Signal::ALRM));
        // The kernel may still have one for a thread that has had no CPU yet.
        std::mem::forget(ticks);
    });
    assert!(ended.status.success(), "{ended:?}");
}
