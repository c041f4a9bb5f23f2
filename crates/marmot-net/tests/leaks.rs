//! No descriptor is left behind by what fails, is given up or comes second: one test, in a process
//! whose descriptors can be counted.

#![cfg(target_os = "linux")]

mod support;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::time::Duration;

use marmot_net::{
    Dialer, ListenConfig, TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream,
};
use marmot_testing::within;
use marmot_wait::park::block_on;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{LIMIT, listener, pair};

fn descriptors() -> usize {
    let listed = std::fs::read_dir("/proc/self/fd").expect("Linux");
    listed.count()
}

/// The number that the next descriptor would have.
fn first_free() -> u64 {
    let next = std::fs::File::open("/dev/null").expect("a descriptor is left");
    next.as_raw_fd().try_into().expect("it is no error")
}

/// A listener that answers no more, and what fills it.
async fn silent() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let config = ListenConfig::new().backlog(0);
    let full = config.bind("127.0.0.1:0").await.expect("a port");
    let addr = full.local_addr().expect("bound");
    let dialer = Dialer::new().timeout(Duration::from_millis(50));
    let mut filling = Vec::new();
    while let Ok(stream) = dialer.connect(addr).await {
        filling.push(stream);
    }
    (addr, full, filling)
}

#[test]
fn what_fails_or_is_given_up_leaves_no_descriptor() {
    within(LIMIT, || block_on(all()));
}

async fn all() {
    let (silent, _full, _filling) = silent().await;
    let here = listener().await;
    let gone = listener().await.local_addr().expect("bound");
    let _both = pair().await;
    let before = descriptors();
    for _ in 0..10 {
        dial(&here, silent, gone).await;
        misname(&here).await;
    }
    assert_eq!(descriptors(), before);
    // The more so where there are none.
    for spare in 0..3 {
        exhaust(&here, spare).await;
        assert_eq!(descriptors(), before);
    }
}

/// Refused, given up, too late, second.
async fn dial(here: &TcpListener, silent: SocketAddr, gone: SocketAddr) {
    let good = here.local_addr().expect("bound");
    let refused = TcpStream::connect(gone).await;
    refused.expect_err("nobody listens");
    assert!(futures::poll!(pin!(TcpStream::connect(silent))).is_pending());
    assert!(futures::poll!(pin!(here.accept())).is_pending());
    let dialer = Dialer::new().attempt_delay(Duration::from_millis(1));
    let late = dialer.clone().timeout(Duration::from_millis(5));
    let late = late.connect([gone, silent]).await;
    late.expect_err("too late");
    let won = dialer.connect([silent, good]).await.expect("one answers");
    assert_eq!(won.peer_addr().expect("connected"), good);
    here.accept().await.expect("a connection");
}

/// What is taken, is not ours, or is nowhere.
async fn misname(here: &TcpListener) {
    let good = here.local_addr().expect("bound");
    let taken = TcpListener::bind(good).await;
    taken.expect_err("it is taken");
    let elsewhere = Dialer::new().local_addr(([192, 0, 2, 1], 0).into());
    let elsewhere = elsewhere.connect(good).await;
    elsewhere.expect_err("not our address");
    let nowhere = UnixStream::connect("/no/such/place").await;
    nowhere.expect_err("nobody listens");
    UnixListener::bind("/no/such/place").expect_err("no such place");
    let long = UnixStream::connect("x".repeat(200)).await;
    long.expect_err("too long");
}

/// More is wanted than there are descriptors for.
async fn exhaust(here: &TcpListener, spare: u64) {
    let good = here.local_addr().expect("bound");
    let limit = getrlimit(Resource::Nofile);
    let current = Some(first_free() + spare);
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).expect("it may be lowered");
    let udp: Vec<_> = (0..4).map(|_| UdpSocket::bind("127.0.0.1:0")).collect();
    let udp = futures::future::join_all(udp).await;
    let pairs: Vec<_> = (0..4).map(|_| UnixStream::pair()).collect();
    let dialed = TcpStream::connect([good, good]).await;
    let none = udp.into_iter().filter_map(Result::err);
    let none = none.chain(pairs.into_iter().filter_map(Result::err));
    let none: Vec<_> = none.chain(dialed.err()).collect();
    assert!(none.len() >= 6, "{none:?}");
    for error in &none {
        assert!(error.to_string().contains("os error 24"), "{error}");
        assert_ne!(error.kind(), ErrorKind::WouldBlock);
    }
    setrlimit(Resource::Nofile, limit).expect("it was that high before");
    while let Some(accepted) = futures::FutureExt::now_or_never(here.accept()) {
        drop(accepted);
    }
}
