//! What the system tells of a descriptor, and what of that is kept.

#![cfg(unix)]

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream as TheirTcp, UdpSocket as TheirUdp};
use std::os::unix::net::UnixStream as Other;
use std::sync::Arc;
use std::time::Duration;

use marmot_netpoll::sockets::{TcpStream, UdpSocket, UnixStream};
use marmot_netpoll::{Direction, Evented, Interest, Poller, pipes};
use marmot_testing::{ByHand, until, within};
use marmot_wait::budget;

const LIMIT: Duration = Duration::from_secs(20);
const LONG: Option<Duration> = Some(LIMIT);
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// A poller at which nobody looks but the test.
fn poller() -> Arc<Poller> {
    let poller = Poller::new().expect("a poller");
    poller.add_driver();
    poller
}

fn pair(poller: &Arc<Poller>) -> (Evented<UnixStream>, Other) {
    let (ours, theirs) = Other::pair().expect("a pair of sockets");
    ours.set_nonblocking(true).expect("a socket");
    let ours = Evented::with_poller(poller, UnixStream::from_std(ours), BOTH);
    (ours.expect("registered"), theirs)
}

/// As a stream reads: what is short empties it.
async fn read<const ROOM: usize>(socket: &Evented<UnixStream>) -> Vec<u8> {
    let mut buf = [0; ROOM];
    let attempt =
        |_: &UnixStream| socket.try_some(Direction::Read, ROOM, |mut socket| socket.read(&mut buf));
    let read = socket.io(Direction::Read, attempt).await;
    let len = read.expect("a read");
    buf[..len].to_vec()
}

/// Writes until there is no more room.
fn fill(socket: &Evented<UnixStream>) {
    let chunk = [7; 1 << 14];
    while socket
        .try_io(Direction::Write, |mut socket| socket.write(&chunk))
        .is_ok()
    {}
}

#[test]
fn a_reader_learns_that_the_writer_of_a_pipe_has_gone() {
    let poller = poller();
    let (sender, receiver) = pipes::new().expect("a pipe");
    let receiver = Evented::with_poller(&poller, receiver, Interest::READABLE);
    let receiver = receiver.expect("registered");
    let read = || ByHand::new(receiver.io(Direction::Read, |mut pipe| pipe.read(&mut [0; 8])));
    let mut waits = read();
    waits.expect_pending();
    drop(sender);
    assert_eq!(poller.poll(LONG).expect("a wait"), 1);
    assert_eq!(waits.expect_ready().expect("the end"), 0);
    assert_eq!(read().expect_ready().expect("the end, again"), 0);
}

#[test]
fn a_writer_learns_that_the_reader_of_a_pipe_has_gone() {
    let poller = poller();
    let (sender, receiver) = pipes::new().expect("a pipe");
    let sender = Evented::with_poller(&poller, sender, Interest::WRITABLE).expect("registered");
    let write = |mut pipe: &pipes::Sender| pipe.write(&[7; 1 << 14]);
    while sender.try_io(Direction::Write, write).is_ok() {}
    let mut waits = ByHand::new(sender.io(Direction::Write, write));
    waits.expect_pending();
    drop(receiver);
    assert_eq!(poller.poll(LONG).expect("a wait"), 1);
    let error = waits.expect_ready().expect_err("nobody reads");
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn an_error_wakes_a_reader_though_nothing_can_be_read() {
    let poller = poller();
    let nobody = TheirUdp::bind("127.0.0.1:0").expect("a socket");
    let addr = nobody.local_addr().expect("bound");
    drop(nobody);
    let ours = UdpSocket::bind("127.0.0.1:0".parse().expect("an address")).expect("a socket");
    ours.connect(addr).expect("a socket");
    let ours = Evented::with_poller(&poller, ours, BOTH).expect("registered");
    let mut waits = ByHand::new(ours.io(Direction::Read, |socket| socket.recv(&mut [0; 8])));
    waits.expect_pending();
    // What the system says of its own accord at first: that one may write.
    poller.poll(Some(Duration::ZERO)).expect("a look");
    ours.get_ref().send(b"anybody?").expect("sent");
    until(LIMIT, "an answer", || {
        poller.poll(Some(Duration::ZERO)).expect("a look");
        waits.wakes() > 0
    });
    let error = waits.expect_ready().expect_err("nobody is there");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn the_end_that_was_announced_with_the_last_bytes_follows_them_at_once() {
    let poller = poller();
    let (ours, mut theirs) = pair(&poller);
    let mut waits = ByHand::new(read::<64>(&ours));
    waits.expect_pending();
    theirs.write_all(b"last").expect("room");
    drop(theirs);
    assert_eq!(poller.poll(LONG).expect("a wait"), 1);
    assert_eq!(waits.expect_ready(), b"last");
    assert_eq!(ByHand::new(read::<64>(&ours)).expect_ready(), b"");
}

#[test]
fn an_end_is_told_again_though_no_event_has_told_of_it() {
    let poller = poller();
    let (ours, theirs) = pair(&poller);
    drop(theirs);
    for _ in 0..3 {
        assert_eq!(ByHand::new(read::<64>(&ours)).expect_ready(), b"");
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn a_read_that_stops_at_urgent_data_is_followed_by_one_of_what_is_behind() {
    use rustix::net::{SendFlags, send};

    let poller = poller();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let theirs = TheirTcp::connect(listener.local_addr().expect("bound")).expect("it listens");
    let (ours, _) = listener.accept().expect("a connection");
    ours.set_nonblocking(true).expect("a socket");
    let all = BOTH | Interest::PRIORITY;
    let ours = Evented::with_poller(&poller, TcpStream::from_std(ours), all).expect("registered");
    let mut buf = [0; 64];
    let mut read = || {
        let attempt =
            |_: &TcpStream| ours.try_some(Direction::Read, 64, |mut tcp| tcp.read(&mut buf));
        let mut read = ByHand::new(ours.io(Direction::Read, attempt));
        let mut got = None;
        until(LIMIT, "bytes", || {
            if let std::task::Poll::Ready(read) = read.poll() {
                got = Some(read.expect("bytes"));
            } else {
                poller.poll(Some(Duration::ZERO)).expect("a look");
            }
            got.is_some()
        });
        drop(read);
        buf[..got.expect("until it has")].to_vec()
    };
    send(&theirs, b"before", SendFlags::empty()).expect("room");
    assert_eq!(read(), b"before");
    for _ in 0..3 {
        send(&theirs, b"a", SendFlags::empty()).expect("room");
        send(&theirs, b"!", SendFlags::OOB).expect("room");
        send(&theirs, b"behind", SendFlags::empty()).expect("room");
        let mut all = Vec::new();
        while all.len() < 7 {
            all.extend(read());
        }
        assert_eq!(all, b"abehind");
    }
}

#[test]
fn bytes_that_come_say_nothing_of_writing() {
    let poller = poller();
    let (ours, mut theirs) = pair(&poller);
    fill(&ours);
    let mut writes = ByHand::new(ours.ready(Direction::Write));
    let mut reads = ByHand::new(read::<64>(&ours));
    writes.expect_pending();
    reads.expect_pending();
    theirs.write_all(b"!").expect("room");
    assert_eq!(poller.poll(LONG).expect("a wait"), 1);
    assert_eq!((reads.wakes(), writes.wakes()), (1, 0));
    assert_eq!(reads.expect_ready(), b"!");
}

#[test]
fn room_that_comes_says_nothing_of_reading() {
    within(LIMIT, || {
        let poller = poller();
        let (ours, mut theirs) = pair(&poller);
        fill(&ours);
        let mut writes = ByHand::new(ours.ready(Direction::Write));
        let mut reads = ByHand::new(read::<64>(&ours));
        writes.expect_pending();
        reads.expect_pending();
        let mut sink = vec![0; 1 << 20];
        while writes.wakes() == 0 {
            assert_ne!(theirs.read(&mut sink).expect("bytes"), 0);
            poller.poll(Some(Duration::ZERO)).expect("a look");
        }
        writes.expect_ready().expect("room");
        assert_eq!(reads.wakes(), 0);
    });
}

#[test]
fn a_read_that_fills_its_buffer_is_followed_by_the_next() {
    let poller = poller();
    let (ours, mut theirs) = pair(&poller);
    theirs.write_all(b"abcdefgh").expect("room");
    poller.poll(LONG).expect("a wait");
    assert_eq!(ByHand::new(read::<4>(&ours)).expect_ready(), b"abcd");
    assert_eq!(ByHand::new(read::<4>(&ours)).expect_ready(), b"efgh");
    ByHand::new(read::<4>(&ours)).expect_pending();
}

#[test]
fn an_event_during_a_try_is_kept_whatever_comes_of_the_try() {
    let poller = poller();
    let (ours, theirs) = pair(&poller);
    // More comes, and the poller tells of it, before the try has answered.
    let more = || {
        (&theirs).write_all(b"more").expect("room");
        poller.poll(LONG).expect("a wait");
    };
    let mut buf = [0; 64];
    // It stops short.
    (&theirs).write_all(b"some").expect("room");
    let short = ours.try_some(Direction::Read, 64, |mut socket| {
        let read = socket.read(&mut buf);
        more();
        read
    });
    assert_eq!(short.expect("bytes"), 4);
    assert_eq!(ByHand::new(read::<64>(&ours)).expect_ready(), b"more");
    // It would have blocked.
    let blocked = ours.try_io(Direction::Read, |mut socket| {
        let read = socket.read(&mut buf);
        more();
        read
    });
    assert_eq!(
        blocked.expect_err("nothing was there").kind(),
        io::ErrorKind::WouldBlock
    );
    assert_eq!(ByHand::new(read::<64>(&ours)).expect_ready(), b"more");
    // And so in a wait, which tries again. (It takes the socket for ready, and somebody was faster.)
    more();
    assert_eq!(ours.get_ref().read(&mut buf).expect("bytes"), 4);
    let tries = Cell::new(0);
    let mut waits = ByHand::new(ours.io(Direction::Read, |mut socket| {
        let read = socket.read(&mut buf);
        if tries.replace(tries.get() + 1) == 0 {
            more();
        }
        read
    }));
    assert_eq!(waits.expect_ready().expect("bytes"), 4);
    assert_eq!(tries.get(), 2);
}

#[test]
fn one_that_goes_takes_its_task_in_the_slot_along_and_leaves_the_poller() {
    let poller = poller();
    let (ours, _theirs) = pair(&poller);
    fill(&ours);
    let mut reads = ByHand::new(std::future::poll_fn(|cx| ours.poll_read_ready(cx)));
    let mut writes = ByHand::new(std::future::poll_fn(|cx| ours.poll_write_ready(cx)));
    for _ in 0..2 {
        // (The first look at a fresh socket is worth it.)
        let _tried = ours.try_io(Direction::Read, |mut socket| socket.read(&mut [0]));
        reads.expect_pending();
        writes.expect_pending();
    }
    assert_eq!((poller.waiting_count(), poller.registered_count()), (2, 1));
    drop((reads, writes));
    drop(ours);
    assert_eq!((poller.waiting_count(), poller.registered_count()), (0, 0));
}

#[test]
fn each_direction_has_a_poll_of_its_own() {
    let poller = poller();
    let (ours, mut theirs) = pair(&poller);
    let mut reads = ByHand::new(std::future::poll_fn(|cx| ours.poll_read_ready(cx)));
    let mut writes = ByHand::new(std::future::poll_fn(|cx| ours.poll_write_ready(cx)));
    let _tried = ours.try_io(Direction::Read, |mut socket| socket.read(&mut [0]));
    reads.expect_pending();
    writes.expect_ready().expect("room");
    theirs.write_all(b"!").expect("room");
    assert_eq!(poller.poll(LONG).expect("a wait"), 1);
    reads.expect_ready().expect("a byte");
}

#[test]
fn a_wait_spends_nothing_and_a_try_spends_of_the_budget() {
    let poller = poller();
    let (ours, mut theirs) = pair(&poller);
    let before = budget::begin(1);
    ByHand::new(read::<64>(&ours)).expect_pending();
    ByHand::new(std::future::poll_fn(|cx| ours.poll_read_ready(cx))).expect_pending();
    theirs.write_all(b"!").expect("room");
    poller.poll(LONG).expect("a wait");
    ByHand::new(std::future::poll_fn(|cx| ours.poll_read_ready(cx)))
        .expect_ready()
        .expect("a byte");
    let mut refused = ByHand::new(read::<64>(&ours));
    refused.expect_pending();
    assert_eq!(refused.wakes(), 1, "at the end of the queue");
    let mut polled = ByHand::new(std::future::poll_fn(|cx| ours.poll_read_ready(cx)));
    polled.expect_pending();
    assert_eq!(polled.wakes(), 1);
    budget::restore(before);
    assert_eq!(refused.expect_ready(), b"!");
}

#[test]
fn closing_wakes_readers_and_writers_and_tells_that_it_is_closed() {
    let poller = poller();
    let (ours, _theirs) = pair(&poller);
    fill(&ours);
    let mut reads = ByHand::new(ours.io(Direction::Read, |mut s| s.read(&mut [0])));
    let mut writes = ByHand::new(ours.io(Direction::Write, |mut s| s.write(&[0])));
    reads.expect_pending();
    writes.expect_pending();
    assert!(!ours.is_closed());
    assert_eq!(poller.waiting_count(), 2);
    ours.close();
    assert!(ours.is_closed());
    assert_eq!((reads.wakes(), writes.wakes()), (1, 1));
    for wait in [&mut reads.expect_ready(), &mut writes.expect_ready()] {
        let error = wait.as_ref().expect_err("closed");
        assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    }
    assert_eq!(poller.waiting_count(), 0);
}

#[test]
fn a_time_that_is_over_wakes_those_of_its_direction_and_one_taken_back_nobody() {
    let poller = poller();
    let (ours, _theirs) = pair(&poller);
    fill(&ours);
    for direction in [Direction::Write, Direction::Read] {
        let mut reads = ByHand::new(ours.io(Direction::Read, |mut s| s.read(&mut [0])));
        let mut writes = ByHand::new(ours.io(Direction::Write, |mut s| s.write(&[0])));
        reads.expect_pending();
        writes.expect_pending();
        let expiry = ours.expiry(direction);
        drop(expiry.mark(false));
        assert_eq!((reads.wakes(), writes.wakes()), (0, 0));
        let expired = expiry.mark(true);
        assert_eq!((reads.wakes(), writes.wakes()), (0, 0), "not under a lock");
        drop(expired);
        let woken = match direction {
            Direction::Read => (1, 0),
            Direction::Write => (0, 1),
        };
        assert_eq!((reads.wakes(), writes.wakes()), woken);
        assert_eq!(poller.waiting_count(), 1);
        let over = if direction == Direction::Read {
            writes.expect_pending();
            reads.expect_ready()
        } else {
            reads.expect_pending();
            writes.expect_ready()
        };
        let error = over.expect_err("its time is over");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(expiry.mark(false));
    }
}

#[test]
fn a_wait_whose_try_was_interrupted_tries_again() {
    let poller = poller();
    let (ours, _theirs) = pair(&poller);
    let tries = Cell::new(0);
    let mut write = ByHand::new(ours.io(Direction::Write, |mut socket| {
        if tries.replace(tries.get() + 1) == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        socket.write(b"x")
    }));
    assert_eq!(write.expect_ready().expect("room"), 1);
    assert_eq!(tries.get(), 2);
}

#[test]
fn an_event_wakes_all_who_read() {
    let poller = poller();
    let (ours, mut theirs) = pair(&poller);
    let mut waits: Vec<_> = (0..3).map(|_| ByHand::new(read::<1>(&ours))).collect();
    waits.iter_mut().for_each(ByHand::expect_pending);
    theirs.write_all(b"abc").expect("room");
    assert_eq!(poller.poll(LONG).expect("a wait"), 3);
    for (wait, byte) in waits.iter_mut().zip([b"a", b"b", b"c"]) {
        assert_eq!(wait.wakes(), 1);
        assert_eq!(wait.expect_ready(), byte);
    }
}
