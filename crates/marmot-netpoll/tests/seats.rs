//! Who is at the poller, who is interrupted, and who looks when nobody does.

#![cfg(unix)]

use std::future::Future;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use marmot_netpoll::{Direction, Evented, Interest, Poller, Seat, pipes};
use marmot_testing::{ByHand, until, within};
use marmot_wait::park::block_on;

const LIMIT: Duration = Duration::from_secs(20);

type Pipe = (pipes::Sender, Evented<pipes::Receiver>);

fn pipe(poller: &Arc<Poller>) -> Pipe {
    let (sender, receiver) = pipes::new().expect("a pipe");
    let receiver = Evented::with_poller(poller, receiver, Interest::READABLE);
    (sender, receiver.expect("registered"))
}

async fn byte(receiver: &Evented<pipes::Receiver>) -> u8 {
    let mut byte = [0];
    let read = receiver.io(Direction::Read, |mut pipe| pipe.read(&mut byte));
    assert_eq!(read.await.expect("a read"), 1);
    byte[0]
}

#[test]
fn an_interrupt_ends_the_wait_in_progress_and_the_one_not_yet_begun() {
    within(LIMIT, || {
        let poller = Poller::new().expect("a poller");
        let seat = Arc::new(Seat::new(&poller));
        for _ in 0..200 {
            let there = Arc::clone(&seat);
            let sleeper = thread::spawn(move || there.poll(None));
            seat.interrupt();
            sleeper.join().expect("no panic").expect("no error");
        }
    });
}

#[test]
fn a_look_does_not_use_up_an_interrupt() {
    let poller = Poller::new().expect("a poller");
    poller.interrupt();
    assert_eq!(poller.poll(Some(Duration::ZERO)).expect("a look"), 0);
    within(LIMIT, move || poller.poll(None).expect("no wait"));
}

#[test]
fn a_wait_of_less_than_a_millisecond_is_not_cut_short() {
    let poller = Poller::new().expect("a poller");
    for span in [1, 50, 300, 999, 1000, 1500].map(Duration::from_micros) {
        let start = Instant::now();
        poller.poll(Some(span)).expect("a wait");
        assert!(start.elapsed() >= span);
    }
}

#[test]
fn a_second_runtime_is_interrupted_without_the_first() {
    within(LIMIT, || {
        let poller = Poller::new().expect("a poller");
        let (first, second) = (Arc::new(Seat::new(&poller)), Arc::new(Seat::new(&poller)));
        let (ended, ends) = mpsc::channel();
        let sleeper = |seat: &Arc<Seat>, name: &'static str| {
            let (seat, ended) = (Arc::clone(seat), ended.clone());
            thread::spawn(move || {
                seat.poll(None).expect("a wait");
                ended.send(name).expect("somebody listens");
            })
        };
        let a = sleeper(&first, "first");
        until(LIMIT, "the first is at the poller", || asleep(&first));
        let b = sleeper(&second, "second");
        until(LIMIT, "the second waits for its turn", || asleep(&second));
        second.interrupt();
        assert_eq!(ends.recv().expect("an end"), "second");
        first.interrupt();
        assert_eq!(ends.recv().expect("an end"), "first");
        a.join().and(b.join()).expect("no panics");
    });
}

/// As far as it can be seen from outside.
fn asleep(seat: &Seat) -> bool {
    let seat = format!("{seat:?}");
    seat.contains("Bell(1)") || seat.contains("Bell(2)")
}

#[test]
fn the_poller_passes_to_the_next_runtime_when_the_first_gets_up() {
    within(LIMIT, || {
        let poller = Poller::new().expect("a poller");
        let (first, second) = (Arc::new(Seat::new(&poller)), Arc::new(Seat::new(&poller)));
        let there = Arc::clone(&first);
        let a = thread::spawn(move || there.poll(None));
        until(LIMIT, "the first is at the poller", || asleep(&first));
        let (mut sender, receiver) = pipe(&poller);
        let reader = thread::spawn(move || block_on(byte(&receiver)));
        until(LIMIT, "somebody reads", || poller.waiting_count() == 1);
        let b = thread::spawn(move || while second.poll(None).expect("a wait") == 0 {});
        first.interrupt();
        a.join().expect("no panic").expect("no error");
        sender.write_all(b"x").expect("room");
        assert_eq!(reader.join().expect("a byte"), b'x');
        b.join().expect("the second has woken the reader");
    });
}

#[test]
fn one_who_waits_while_no_runtime_looks_is_served_and_when_the_last_one_leaves_too() {
    within(LIMIT, || {
        let poller = Poller::new().expect("a poller");
        let (mut sender, receiver) = pipe(&poller);
        for _ in 0..50 {
            // Nobody ever polls from this seat: it leaves while somebody begins to wait.
            let seat = Seat::new(&poller);
            assert!(poller.has_driver());
            let leaver = thread::spawn(move || drop(seat));
            sender.write_all(b"y").expect("room");
            assert_eq!(block_on(byte(&receiver)), b'y');
            leaver.join().expect("no panic");
            let writer = thread::spawn(move || {
                thread::yield_now();
                sender.write_all(b"z").expect("room");
                sender
            });
            assert_eq!(block_on(byte(&receiver)), b'z');
            sender = writer.join().expect("no panic");
        }
    });
}

struct Watch {
    poller: Arc<Poller>,
    seen: AtomicUsize,
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        // ORDERING: Relaxed; the same thread reads it.
        self.seen
            .store(self.poller.waiting_count(), Ordering::Relaxed);
    }
}

#[test]
fn the_count_of_those_that_wait_falls_after_they_have_been_woken() {
    let poller = Poller::new().expect("a poller");
    poller.add_driver();
    let (mut sender, receiver) = pipe(&poller);
    let watch = Arc::new(Watch {
        poller: Arc::clone(&poller),
        seen: AtomicUsize::new(0),
    });
    let waker = Waker::from(Arc::clone(&watch));
    let mut read = Box::pin(byte(&receiver));
    let polled = read.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    assert_eq!(poller.waiting_count(), 1);
    sender.write_all(b"!").expect("room");
    assert_eq!(
        poller
            .poll(Some(Duration::from_secs(10)))
            .expect("an event"),
        1
    );
    // ORDERING: Relaxed; the same thread wrote it.
    assert_eq!(watch.seen.load(Ordering::Relaxed), 1);
    assert_eq!(poller.waiting_count(), 0);
}

#[test]
fn a_wait_that_is_dropped_is_no_longer_counted_and_loses_nothing() {
    within(LIMIT, || {
        let poller = Poller::new().expect("a poller");
        poller.add_driver();
        let (mut sender, receiver) = pipe(&poller);
        let mut read = Box::pin(byte(&receiver));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(read.as_mut().poll(&mut cx).is_pending());
        sender.write_all(b"?").expect("room");
        assert_eq!(poller.poll(None).expect("an event"), 1);
        drop(read);
        let mut again = Box::pin(byte(&receiver));
        assert!(again.as_mut().poll(&mut cx).is_ready());
        drop(again);
        let mut third = Box::pin(byte(&receiver));
        assert!(third.as_mut().poll(&mut cx).is_pending());
        assert_eq!(poller.waiting_count(), 1);
        drop(third);
        assert_eq!(poller.waiting_count(), 0);
    });
}

#[test]
fn a_look_wakes_those_whose_time_has_come() {
    within(LIMIT, || {
        let poller = Poller::new().expect("a poller");
        poller.add_driver();
        let (mut sender, receiver) = pipe(&poller);
        let mut read = ByHand::new(byte(&receiver));
        read.expect_pending();
        assert_eq!(poller.poll(Some(Duration::ZERO)).expect("a look"), 0);
        sender.write_all(b"!").expect("room");
        assert_eq!(poller.poll(Some(Duration::ZERO)).expect("a look"), 1);
        assert_eq!(read.wakes(), 1);
        assert_eq!(read.expect_ready(), b'!');
    });
}

#[test]
fn one_who_waits_is_served_when_the_last_runtime_has_left() {
    within(LIMIT, || {
        let poller = Poller::new().expect("a poller");
        let seat = Seat::new(&poller);
        let (mut sender, receiver) = pipe(&poller);
        let mut read = ByHand::new(byte(&receiver));
        read.expect_pending();
        drop(seat);
        sender.write_all(b"!").expect("room");
        until(LIMIT, "somebody looks", || read.wakes() == 1);
        assert_eq!(read.expect_ready(), b'!');
    });
}

#[test]
fn the_fallback_leaves_the_poller_to_a_runtime_that_comes() {
    within(LIMIT, || {
        let poller = Poller::new().expect("a poller");
        let (mut sender, receiver) = pipe(&poller);
        for _ in 0..20 {
            // The thread is started, or goes on, and waits in the kernel.
            let mut read = ByHand::new(byte(&receiver));
            read.expect_pending();
            let seat = Arc::new(Seat::new(&poller));
            let there = Arc::clone(&seat);
            let sleeper = thread::spawn(move || there.poll(None));
            until(LIMIT, "the runtime is in the kernel", || polling(&seat));
            sender.write_all(b"!").expect("room");
            assert_eq!(sleeper.join().expect("no panic").expect("an event"), 1);
            assert_eq!(read.expect_ready(), b'!');
        }
    });
}

/// As far as it can be seen from outside.
fn polling(seat: &Seat) -> bool {
    format!("{seat:?}").contains("Bell(2)")
}

#[test]
fn the_fallback_outlives_a_waker_that_panics() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker that panics");
        }
    }
    within(LIMIT, || {
        let poller = Poller::new().expect("a poller");
        let (mut sender, receiver) = pipe(&poller);
        let waker = Waker::from(Arc::new(Panics));
        let mut read = Box::pin(byte(&receiver));
        let polled = read.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        sender.write_all(b"ab").expect("room");
        until(LIMIT, "it was woken", || poller.waiting_count() == 0);
        drop(read);
        let (mut other, receiver) = pipe(&poller);
        let mut read = ByHand::new(byte(&receiver));
        read.expect_pending();
        other.write_all(b"!").expect("room");
        until(LIMIT, "somebody looks still", || read.wakes() == 1);
        assert_eq!(read.expect_ready(), b'!');
    });
}
