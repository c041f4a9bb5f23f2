//! Try, wait, try again: what ends a wait, and what a wait is told.

#![cfg(unix)]

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream as Other;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use marmot_netpoll::sockets::UnixStream;
use marmot_netpoll::{Direction, Evented, Interest};
use marmot_testing::{ByHand, until, within};
use marmot_wait::park::block_on;
use marmot_wait::{WaitReason, note};

const LIMIT: Duration = Duration::from_secs(20);
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

fn pair() -> (Arc<Evented<UnixStream>>, Other) {
    let (ours, theirs) = Other::pair().expect("a pair of sockets");
    ours.set_nonblocking(true).expect("a socket");
    let ours = Evented::new(UnixStream::from_std(ours), BOTH).expect("registered");
    (Arc::new(ours), theirs)
}

async fn read(socket: &Evented<UnixStream>, buf: &mut [u8]) -> io::Result<usize> {
    let attempt = |mut socket: &UnixStream| socket.read(buf);
    socket.io(Direction::Read, attempt).await
}

#[test]
fn a_wait_says_that_it_waits_for_this_descriptor_from_that_line() {
    use std::os::fd::AsRawFd;
    let (ours, _theirs) = pair();
    note::clear();
    let failed = ours.try_io(Direction::Read, |mut socket| socket.read(&mut [0]));
    let failed = failed.expect_err("nothing to read");
    assert_eq!(failed.kind(), io::ErrorKind::WouldBlock);
    let (line, wait) = (line!(), ours.ready(Direction::Read));
    ByHand::new(wait).expect_pending();
    let told = note::take();
    assert_eq!(told.reason, WaitReason::IoWait);
    assert_eq!(
        told.object,
        usize::try_from(ours.get_ref().as_raw_fd()).expect("open")
    );
    let place = told.place.expect("a place");
    assert_eq!((place.file(), place.line()), (file!(), line));
}

#[test]
fn the_end_of_the_other_side_ends_a_read_and_leaves_writing_as_it_was() {
    within(LIMIT, || {
        let (ours, mut theirs) = pair();
        let there = Arc::clone(&ours);
        let reader = thread::spawn(move || block_on(read(&there, &mut [0; 8])));
        theirs.shutdown(Shutdown::Write).expect("open");
        assert_eq!(reader.join().expect("no panic").expect("an end"), 0);
        let written = block_on(ours.io(Direction::Write, |mut socket| socket.write(b"still")));
        assert_eq!(written.expect("the other side reads"), 5);
        let mut got = [0; 5];
        theirs.read_exact(&mut got).expect("what we wrote");
        assert_eq!(&got, b"still");
    });
}

#[test]
fn a_full_socket_makes_a_writer_wait_until_there_is_room() {
    within(LIMIT, || {
        let (ours, mut theirs) = pair();
        let total = 4 << 20;
        let reader = thread::spawn(move || {
            let mut sum = 0;
            let mut buf = vec![0; 1 << 16];
            while sum < total {
                sum += theirs.read(&mut buf).expect("bytes");
            }
        });
        let data = vec![7; 1 << 16];
        let mut left = total;
        while left > 0 {
            let chunk = &data[..left.min(data.len())];
            let write = ours.io(Direction::Write, |_| {
                ours.try_some(Direction::Write, chunk.len(), |mut socket| {
                    socket.write(chunk)
                })
            });
            left -= block_on(write).expect("room in the end");
        }
        reader.join().expect("all of it");
    });
}

#[test]
fn closing_ends_waits_in_both_directions_and_the_tries_after_it() {
    let (ours, _theirs) = pair();
    let wait = async || read(&ours, &mut [0]).await;
    let (mut first, mut second) = (ByHand::new(wait()), ByHand::new(wait()));
    first.expect_pending();
    second.expect_pending();
    assert!(ours.close());
    assert!(!ours.close());
    for wait in [&mut first, &mut second] {
        assert_eq!(wait.wakes(), 1);
        let error = wait.expect_ready().expect_err("it is closed");
        assert_eq!(error.to_string(), "use of closed network connection");
    }
    let tried = ours.try_io(Direction::Write, |mut socket| socket.write(b"x"));
    assert_eq!(
        tried.expect_err("closed").kind(),
        io::ErrorKind::NotConnected
    );
}

#[test]
fn an_expired_direction_fails_until_that_is_taken_back() {
    within(LIMIT, || {
        let (ours, mut theirs) = pair();
        let expiry = ours.expiry(Direction::Read);
        let mut wait = ByHand::new(async { read(&ours, &mut [0]).await });
        wait.expect_pending();
        drop(expiry.mark(true));
        let error = wait.expect_ready().expect_err("its time is over");
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (io::ErrorKind::TimedOut, "i/o timeout")
        );
        let write = ours.try_io(Direction::Write, |mut socket| socket.write(b"x"));
        assert_eq!(write.expect("the other direction goes on"), 1);
        drop(expiry.mark(false));
        theirs.write_all(b"y").expect("room");
        let mut byte = [0];
        assert_eq!(block_on(read(&ours, &mut byte)).expect("a byte"), 1);
        assert_eq!(&byte, b"y");
    });
}

#[test]
fn a_short_read_makes_the_next_one_wait_without_a_try() {
    within(LIMIT, || {
        let (ours, mut theirs) = pair();
        let tries = std::cell::Cell::new(0);
        let buf = std::cell::RefCell::new([0; 64]);
        let read = || {
            ours.io(Direction::Read, |_| {
                tries.set(tries.get() + 1);
                ours.try_some(Direction::Read, 64, |mut socket| {
                    socket.read(&mut *buf.borrow_mut())
                })
            })
        };
        for round in 1..=3 {
            theirs.write_all(b"short").expect("room");
            assert_eq!(block_on(read()).expect("bytes"), 5);
            let before = tries.get();
            ByHand::new(read()).expect_pending();
            if round > 1 && cfg!(target_os = "linux") {
                assert!(
                    tries.get() - before <= 1,
                    "at most once, if an event came late"
                );
            }
        }
        drop(theirs);
        assert_eq!(block_on(read()).expect("the end"), 0);
        assert_eq!(block_on(read()).expect("the end, again"), 0);
    });
}

#[test]
fn a_descriptor_taken_back_can_be_registered_again() {
    let (ours, mut theirs) = pair();
    let ours = Arc::into_inner(ours)
        .expect("the only one")
        .into_inner()
        .expect("registered");
    let ours = Evented::new(ours, BOTH).expect("registered again");
    theirs.write_all(b"!").expect("room");
    assert_eq!(
        within(LIMIT, move || block_on(read(&ours, &mut [0]))).expect("a byte"),
        1
    );
}

#[test]
fn a_try_that_fails_because_it_was_closed_meanwhile_says_so() {
    within(LIMIT, || {
        let (ours, _theirs) = pair();
        let tried: io::Result<()> = block_on(ours.io(Direction::Read, |_| {
            ours.close();
            Err(io::ErrorKind::InvalidInput.into())
        }));
        assert_eq!(
            tried.expect_err("closed").kind(),
            io::ErrorKind::NotConnected
        );
    });
}

#[test]
fn an_interrupted_try_is_made_again() {
    let (ours, _theirs) = pair();
    let mut interrupted = false;
    let tried = ours.try_io(Direction::Write, |mut socket| {
        if std::mem::replace(&mut interrupted, true) {
            socket.write(b"x")
        } else {
            Err(io::ErrorKind::Interrupted.into())
        }
    });
    assert_eq!(tried.expect("room"), 1);
}

#[test]
fn of_those_who_wait_in_turn_an_event_wakes_the_first() {
    within(LIMIT, || {
        let (ours, theirs) = Other::pair().expect("a pair of sockets");
        ours.set_nonblocking(true).expect("a socket");
        let ours = Evented::in_turn(UnixStream::from_std(ours), BOTH).expect("registered");
        let mut waits = [(); 3].map(|()| ByHand::new(ours.ready(Direction::Read)));
        let failed = ours.try_io(Direction::Read, |mut socket| socket.read(&mut [0]));
        failed.expect_err("nothing to read");
        waits.iter_mut().for_each(ByHand::expect_pending);
        (&theirs).write_all(b"!").expect("room");
        until(LIMIT, "one is woken", || waits[0].wakes() == 1);
        // The thread at the poller has done with that event when it has come to a later one.
        let (later, mut sender) = pair();
        let mut fence = ByHand::new(async { read(&later, &mut [0]).await });
        fence.expect_pending();
        sender.write_all(b"!").expect("room");
        until(LIMIT, "the later one", || fence.wakes() == 1);
        assert_eq!(waits.each_ref().map(ByHand::wakes), [1, 0, 0]);
    });
}
