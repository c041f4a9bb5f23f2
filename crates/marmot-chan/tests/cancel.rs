//! An operation dropped at every point at which it can be: nothing is lost, nothing is
//! delivered twice, no waiter is left.

use std::future::{Future, pending};
use std::ops::DerefMut;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::StreamExt;
use marmot_chan::{SendError, TryRecvError, TrySendError, chan, select};

fn poll_once<P: DerefMut<Target: Future>>(
    mut future: Pin<P>,
) -> Poll<<P::Target as Future>::Output> {
    let mut cx = Context::from_waker(Waker::noop());
    future.as_mut().poll(&mut cx)
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll_with<P: DerefMut<Target: Future>>(
    mut future: Pin<P>,
    count: &Arc<Count>,
) -> Poll<<P::Target as Future>::Output> {
    let waker = Waker::from(Arc::clone(count));
    future.as_mut().poll(&mut Context::from_waker(&waker))
}

#[test]
fn an_operation_dropped_before_its_first_poll_has_done_nothing() {
    let (tx, rx) = chan(1);
    drop(tx.send(1));
    drop(rx.recv());
    drop(tx.reserve());
    let mut slot = Some(2);
    drop(tx.send_from(&mut slot));
    assert_eq!(slot, Some(2));
    assert!(rx.is_empty());
    assert_eq!(tx.try_send(3), Ok(()));
}

#[test]
fn a_dropped_receive_leaves_the_line() {
    let (tx, rx) = chan(0);
    let mut first = Box::pin(rx.recv());
    let mut second = Box::pin(rx.recv());
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(poll_once(second.as_mut()).is_pending());
    drop(first);
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(poll_once(second), Poll::Ready(Some(1)));
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
}

#[test]
fn a_dropped_receive_gives_its_value_to_the_next_waiter_and_wakes_it() {
    let (tx, rx) = chan(0);
    let count = Arc::<Count>::default();
    let mut first = Box::pin(rx.recv());
    let mut second = Box::pin(rx.recv());
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(poll_with(second.as_mut(), &count).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), 0);
    drop(first);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert_eq!(poll_once(second), Poll::Ready(Some(1)));
}

#[test]
fn a_dropped_receive_gives_its_value_back_to_the_front() {
    for capacity in [0, 3] {
        let (tx, rx) = chan(capacity);
        let mut recv = Box::pin(rx.recv());
        assert!(poll_once(recv.as_mut()).is_pending());
        tx.try_send(1).unwrap();
        let more = if capacity > 0 { 2..4 } else { 0..0 };
        more.clone().for_each(|n| tx.try_send(n).unwrap());
        drop(recv);
        assert_eq!(rx.try_recv(), Ok(1));
        more.for_each(|n| assert_eq!(rx.try_recv(), Ok(n)));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn a_value_given_back_to_a_full_channel_does_not_let_more_in() {
    let (tx, rx) = chan(1);
    let mut recv = Box::pin(rx.recv());
    assert!(poll_once(recv.as_mut()).is_pending());
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    let mut send = Box::pin(tx.send(3));
    assert!(poll_once(send.as_mut()).is_pending());
    drop(recv);
    assert_eq!(rx.len(), 2);
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(
        poll_once(send.as_mut()).is_pending(),
        "one too many was inside"
    );
    assert_eq!(rx.try_recv(), Ok(2));
    assert!(poll_once(send).is_ready());
    assert_eq!(rx.try_recv(), Ok(3));
}

#[test]
fn a_dropped_receive_gives_back_after_a_close_too() {
    let (tx, rx) = chan(0);
    let mut recv = Box::pin(rx.recv());
    assert!(poll_once(recv.as_mut()).is_pending());
    tx.try_send(1).unwrap();
    drop(tx);
    drop(recv);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn a_dropped_send_takes_its_value_with_it_if_it_was_not_sent() {
    let value = Arc::new(());
    let (tx, rx) = chan(0);
    let mut send = Box::pin(tx.send(Arc::clone(&value)));
    assert!(poll_once(send.as_mut()).is_pending());
    assert_eq!(Arc::strong_count(&value), 2);
    drop(send);
    assert_eq!(Arc::strong_count(&value), 1);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_dropped_send_makes_way_for_the_next() {
    let (tx, rx) = chan(1);
    tx.try_send(0).unwrap();
    let mut first = Box::pin(tx.send(1));
    let mut second = Box::pin(tx.send(2));
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(poll_once(second.as_mut()).is_pending());
    drop(first);
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!(rx.try_recv(), Ok(2));
    assert!(poll_once(second).is_ready());
}

#[test]
fn a_send_dropped_after_a_close_drops_its_value_once() {
    let value = Arc::new(());
    let (tx, rx) = chan(0);
    let mut send = Box::pin(tx.send(Arc::clone(&value)));
    assert!(poll_once(send.as_mut()).is_pending());
    rx.close();
    drop(send);
    assert_eq!(Arc::strong_count(&value), 1);
    assert!(matches!(tx.send_blocking(value), Err(SendError(_))));
}

#[test]
fn a_dropped_reservation_gives_the_place_it_was_granted_to_the_next() {
    let (tx, rx) = chan(1);
    tx.try_send(0).unwrap();
    let count = Arc::<Count>::default();
    let mut reserve = Box::pin(tx.reserve());
    let mut send = Box::pin(tx.send(2));
    assert!(poll_once(reserve.as_mut()).is_pending());
    assert!(poll_with(send.as_mut(), &count).is_pending());
    assert_eq!(rx.try_recv(), Ok(0));
    assert!(poll_with(send.as_mut(), &count).is_pending());
    drop(reserve);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert!(poll_once(send).is_ready());
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn a_dropped_nudged_send_passes_the_nudge_on() {
    let (tx, rx) = chan(0);
    let mut recv = Box::pin(rx.recv());
    assert!(poll_once(recv.as_mut()).is_pending());
    let Poll::Ready(Ok(permit)) = poll_once(pin!(tx.reserve())) else {
        panic!("a receiver waits");
    };
    let count = Arc::<Count>::default();
    let mut first = Box::pin(tx.send(1));
    let mut second = Box::pin(tx.send(2));
    assert!(poll_with(first.as_mut(), &count).is_pending());
    assert!(poll_with(second.as_mut(), &count).is_pending());
    drop(permit);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    drop(first);
    assert_eq!(count.0.load(Ordering::SeqCst), 2);
    assert!(poll_once(second).is_ready());
    assert_eq!(poll_once(recv), Poll::Ready(Some(2)));
}

#[test]
fn a_dropped_wait_for_the_close_leaves_nothing() {
    let (tx, rx) = chan::<i32>(0);
    let count = Arc::<Count>::default();
    let mut closed = Box::pin(tx.closed());
    assert!(poll_with(closed.as_mut(), &count).is_pending());
    drop(closed);
    drop(rx);
    assert_eq!(Arc::strong_count(&count), 1);
    assert_eq!(count.0.load(Ordering::SeqCst), 0);
}

#[test]
fn a_dropped_stream_gives_back_what_it_was_handed() {
    let (tx, rx) = chan(0);
    let mut stream = rx.clone();
    assert!(poll_once(pin!(stream.next())).is_pending());
    tx.try_send(1).unwrap();
    drop(stream);
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn a_dropped_select_leaves_all_lines_in_every_state() {
    // 0: waiting; 1: a receive was decided; 2: a send was decided; 3: closed.
    for what in 0..4 {
        let (tx, rx) = chan(0);
        let (out, out_rx) = chan(0);
        let mut next = Some(5);
        let mut waiting = Box::pin(async {
            select! {
                _ = rx.recv() => {}
                _ = out.send_from(&mut next) => {}
                _ = pending::<()>() => {}
            }
        });
        assert!(poll_once(waiting.as_mut()).is_pending());
        match what {
            1 => tx.try_send(1).unwrap(),
            2 => assert_eq!(out_rx.try_recv(), Ok(5)),
            3 => assert!(tx.close()),
            _ => {}
        }
        drop(waiting);
        let sent = out_rx.try_recv();
        assert_eq!(sent, Err(TryRecvError::Empty), "case {what}");
        assert_eq!(next.is_none(), what == 2, "case {what}: the slot tells");
        let left = match what {
            1 => Ok(1),
            3 => Err(TryRecvError::Closed),
            _ => Err(TryRecvError::Empty),
        };
        assert_eq!(rx.try_recv(), left, "case {what}");
        if what != 3 {
            assert!(tx.try_send(9).is_err(), "nobody waits any more");
        }
    }
}

#[test]
fn the_waker_of_a_dropped_operation_is_freed() {
    let (tx, rx) = chan::<i32>(0);
    let (_tx2, rx2) = chan::<i32>(0);
    let count = Arc::<Count>::default();
    let mut recv = Box::pin(rx.recv());
    assert!(poll_with(recv.as_mut(), &count).is_pending());
    drop(recv);
    assert_eq!(Arc::strong_count(&count), 1);
    let mut waiting = Box::pin(async {
        select! { _ = rx.recv() => {}, _ = rx2.recv() => {} }
    });
    assert!(poll_with(waiting.as_mut(), &count).is_pending());
    drop(waiting);
    assert_eq!(Arc::strong_count(&count), 1);
    let mut send = Box::pin(tx.send(1));
    assert!(poll_with(send.as_mut(), &count).is_pending());
    drop(send);
    assert_eq!(Arc::strong_count(&count), 1);
}

#[test]
fn a_panicking_future_arm_leaves_nothing_behind() {
    let (tx, rx) = chan::<i32>(0);
    let mut waiting = Box::pin(async {
        let mut first = true;
        select! {
            _ = rx.recv() => {}
            _ = std::future::poll_fn(move |_| -> Poll<()> {
                assert!(std::mem::take(&mut first), "the second poll panics");
                Poll::Pending
            }) => {}
        }
    });
    assert!(poll_once(waiting.as_mut()).is_pending());
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = poll_once(waiting.as_mut());
    }));
    assert!(polled.is_err());
    assert!(tx.try_send(1).is_err());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_waiter_that_is_polled_by_another_task_wakes_that_one() {
    let (tx, rx) = chan(0);
    let (first, second) = (Arc::<Count>::default(), Arc::<Count>::default());
    let mut recv = Box::pin(rx.recv());
    assert!(poll_with(recv.as_mut(), &first).is_pending());
    assert!(poll_with(recv.as_mut(), &second).is_pending());
    let mut waiting = Box::pin(async {
        select! { v = recv => v, _ = pending::<()>() => None }
    });
    assert!(poll_with(waiting.as_mut(), &first).is_pending());
    assert!(poll_with(waiting.as_mut(), &second).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!(first.0.load(Ordering::SeqCst), 0);
    assert_eq!(second.0.load(Ordering::SeqCst), 1);
    assert_eq!(poll_once(waiting), Poll::Ready(Some(1)));
}
