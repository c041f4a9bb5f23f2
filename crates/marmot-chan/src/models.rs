//! Channels and selects in every interleaving of two or three threads.
//!
//! `RUSTFLAGS="--cfg marmot_loom" LOOM_MAX_PREEMPTIONS=2 cargo test --release --lib -p marmot-chan`
//!
//! Tried against planted bugs; each fails at least one model: a selection that is not busy
//! while futures are polled, a busy one that is passed without a mark, a mark that is ignored,
//! a claim that wins twice or wakes nobody, a decision that its owner does not see, enlisting
//! after the locks were released, locks in no order, a dropped receive that keeps its value, a
//! close that tells no receiver, either ordering of the latch made Relaxed, a selection's waker
//! given away without a Release. The Acquire of `Owner::is_alone` can be left out as far as the
//! models see: in them no selection is used twice.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc as StdArc;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::{Arc, Notify};
use loom::thread;

use crate::select::seed;
use crate::{Receiver, Sender, chan, select};

/// Every interleaving, with several choices of selects: random ones would make a model that is
/// not the same when it is run again.
fn model(run: impl Fn() + Copy + Send + Sync + 'static) {
    for choices in 0..4 {
        loom::model(move || {
            seed(choices);
            run();
        });
    }
}

struct Park(Notify);

impl Wake for Park {
    fn wake(self: StdArc<Self>) {
        self.0.notify();
    }
}

/// Waits for a wake-up between two polls: a lost one is a deadlock, which loom reports.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let park = StdArc::new(Park(Notify::new()));
    let waker = Waker::from(StdArc::clone(&park));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        park.0.wait();
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_send_and_a_receive_meet() {
    for capacity in [0, 1] {
        model(move || {
            let (tx, rx) = chan(capacity);
            let sender = thread::spawn(move || {
                block_on(tx.send(1)).unwrap();
                drop(tx);
            });
            assert_eq!(block_on(rx.recv()), Some(1));
            assert_eq!(block_on(rx.recv()), None, "the drop has closed it");
            sender.join().unwrap();
        });
    }
}

/// Two receivers take turns with the place in the channel itself, which each leaves without
/// the lock.
#[test]
fn two_receivers_and_two_sends_meet() {
    model(|| {
        let (tx, rx) = chan(0);
        let other = rx.clone();
        let other = thread::spawn(move || block_on(other.recv()).unwrap());
        let sender = thread::spawn(move || {
            block_on(tx.send(1)).unwrap();
            block_on(tx.send(2)).unwrap();
        });
        let here = block_on(rx.recv()).unwrap();
        assert_eq!(here + other.join().unwrap(), 3);
        sender.join().unwrap();
    });
}

#[test]
fn a_close_and_a_waiting_operation_do_not_miss_each_other() {
    model(|| {
        let (tx, rx) = chan::<i32>(0);
        let closer = thread::spawn(move || drop(tx));
        assert_eq!(block_on(rx.recv()), None);
        closer.join().unwrap();
    });
    model(|| {
        let (tx, rx) = chan::<i32>(0);
        let closer = thread::spawn(move || drop(rx));
        assert!(block_on(tx.send(1)).is_err());
        closer.join().unwrap();
    });
}

#[test]
fn a_dropped_receive_loses_nothing() {
    model(|| {
        let (tx, rx) = chan(0);
        let sender = thread::spawn(move || tx.try_send(1).is_ok());
        let mut got = None;
        {
            let mut recv = pin!(rx.recv());
            if let Poll::Ready(value) = poll_once(recv.as_mut()) {
                got = value;
            }
        }
        let sent = sender.join().unwrap();
        let got = got.or_else(|| rx.try_recv().ok());
        assert_eq!(got.is_some(), sent);
    });
}

/// Two peers, each on one of the channels of one select: exactly one is served, and the other
/// knows that he was not.
#[test]
fn of_two_peers_of_one_select_exactly_one_is_served() {
    model(|| {
        let (a_tx, a) = chan(0);
        let (b_tx, b) = chan(0);
        let one = thread::spawn(move || (a_tx.try_send(1).is_ok(), a_tx));
        let two = thread::spawn(move || (b_tx.try_send(1).is_ok(), b_tx));
        let mut got = 0;
        {
            let mut waiting = pin!(async {
                select! { _ = a.recv() => {}, _ = b.recv() => {} }
            });
            // What was handed to a select that is then dropped goes back.
            if poll_once(waiting.as_mut()).is_ready() {
                got += 1;
            }
        }
        let (one, _a_tx) = one.join().unwrap();
        let (two, _b_tx) = two.join().unwrap();
        got += usize::from(a.try_recv().is_ok()) + usize::from(b.try_recv().is_ok());
        assert_eq!(got, usize::from(one) + usize::from(two));
        assert!(got <= 1);
    });
}

async fn crossing(tx: &Sender<u32>, rx: &Receiver<u32>, value: u32) -> Option<u32> {
    select! {
        Ok(()) = tx.send(value) => None,
        Some(got) = rx.recv() => Some(got),
    }
}

/// Each goroutine offers to the other and listens to the other: one sends, one receives.
#[test]
fn two_selects_on_each_other_meet_once() {
    model(|| {
        let (a_tx, a_rx) = chan(0);
        let (b_tx, b_rx) = chan(0);
        let ends = Arc::new((a_tx, a_rx, b_tx, b_rx));
        let others = Arc::clone(&ends);
        let other = thread::spawn(move || block_on(crossing(&others.2, &others.1, 2)));
        let here = block_on(crossing(&ends.0, &ends.3, 1));
        let there = other.join().unwrap();
        assert!(matches!((here, there), (None, Some(1)) | (Some(2), None)));
        assert!(ends.1.try_recv().is_err() && ends.3.try_recv().is_err());
    });
}

/// A select that polls a future while a peer comes by: the peer is not missed, whenever he
/// comes.
#[test]
fn a_busy_select_misses_nobody() {
    model(|| {
        let (tx, rx) = chan(0);
        let sender = thread::spawn(move || {
            block_on(tx.send(1)).unwrap();
            tx
        });
        let mut polls = 0;
        let got = block_on(async {
            select! {
                v = rx.recv() => v,
                _ = poll_fn(|cx| {
                    // Twice it is polled for nothing, which makes the select busy.
                    polls += 1;
                    if polls < 3 {
                        cx.waker().wake_by_ref();
                    }
                    Poll::<()>::Pending
                }) => None,
            }
        });
        assert_eq!(got, Some(1));
        drop(sender.join().unwrap());
    });
}

/// A future that becomes ready while a peer sends: one of them is chosen, and the value is
/// delivered exactly if it was the channel.
#[test]
fn a_future_and_a_peer_are_never_both_chosen() {
    model(|| {
        let (tx, rx) = chan(0);
        let sender = thread::spawn(move || (tx.try_send(1).is_ok(), tx));
        let mut polls = 0;
        let mut ready = false;
        let got = block_on(async {
            select! {
                v = rx.recv() => v,
                _ = poll_fn(|cx| {
                    polls += 1;
                    if polls < 2 {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    ready = true;
                    Poll::Ready(())
                }) => None,
            }
        });
        let (sent, _tx) = sender.join().unwrap();
        assert_eq!(got.is_some(), sent);
        assert_ne!(got.is_some(), ready);
    });
}

/// A losing select leaves while a peer looks for waiters.
#[test]
fn a_leaving_select_does_not_take_a_value_with_it() {
    model(|| {
        let (tx, rx) = chan(0);
        let (other_tx, other) = chan::<i32>(1);
        let sender = thread::spawn(move || (tx.try_send(1).is_ok(), tx));
        let got = {
            let mut waiting = pin!(async {
                select! { v = rx.recv() => v, v = other.recv() => v }
            });
            match poll_once(waiting.as_mut()) {
                Poll::Ready(got) => got,
                Poll::Pending => {
                    other_tx.try_send(2).unwrap();
                    match poll_once(waiting.as_mut()) {
                        Poll::Ready(got) => got,
                        Poll::Pending => panic!("one of the two was served"),
                    }
                }
            }
        };
        let (sent, _tx) = sender.join().unwrap();
        assert_eq!(sent, got == Some(1));
        assert!(rx.try_recv().is_err());
    });
}
