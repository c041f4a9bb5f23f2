//! Out of descriptors: in a process of its own, which takes them all.

#![cfg(unix)]

mod support;

use std::io::ErrorKind;
use std::net::TcpStream as Plain;
use std::pin::pin;
use std::process::Command;
use std::time::{Duration, Instant};

use marmot_wait::park::block_on;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const CHILD: &str = "MARMOT_TEST_EXHAUSTED";

#[test]
fn an_accept_without_descriptors_rests_fails_and_goes_on_when_there_are_some() {
    if std::env::var_os(CHILD).is_some() {
        return block_on(child());
    }
    let this = std::env::current_exe().expect("a program");
    let test = "an_accept_without_descriptors_rests_fails_and_goes_on_when_there_are_some";
    let output = marmot_testing::within(support::LIMIT, move || {
        let mut child = Command::new(this);
        child
            .args([test, "--exact", "--nocapture"])
            .env(CHILD, "1")
            .output()
    });
    let output = output.expect("a child");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
}

async fn child() {
    const EMFILE: Option<i32> = Some(24);
    let listener = support::listener().await;
    let addr = listener.local_addr().expect("bound");
    let _client = Plain::connect(addr).expect("a listener");
    let before = getrlimit(Resource::Nofile);
    let lowered = Rlimit {
        current: Some(3),
        ..before
    };
    setrlimit(Resource::Nofile, lowered).expect("it may be lowered");
    let begun = Instant::now();
    for _ in 0..3 {
        let error = listener.accept().await.expect_err("no descriptor is left");
        assert_eq!(error.raw_os_error(), EMFILE);
    }
    let rested = begun.elapsed();
    assert!(rested >= Duration::from_millis(5 + 10 + 20), "{rested:?}");
    // One that rests is told of a deadline, and of the listener's end.
    listener.set_deadline(Instant::now() + Duration::from_millis(10));
    let error = listener.accept().await.expect_err("its time is over");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    listener.set_deadline(None);
    setrlimit(Resource::Nofile, before).expect("it was that high before");
    let (stream, _) = listener.accept().await.expect("it has waited in the queue");
    assert!(stream.peer_addr().is_ok());

    let _another = Plain::connect(addr).expect("a listener");
    setrlimit(Resource::Nofile, lowered).expect("it may be lowered");
    let mut rests = pin!(listener.accept());
    assert!(futures::poll!(rests.as_mut()).is_pending());
    listener.close();
    let error = rests.await.expect_err("it is closed");
    assert_eq!(error.kind(), ErrorKind::NotConnected);
}
