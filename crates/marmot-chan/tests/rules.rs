//! The rules of channels, one test for each promise.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use futures::{SinkExt, StreamExt};
use marmot_chan::{Chan, Receiver, SendError, Sender, TryRecvError, TrySendError, chan, unbounded};
use marmot_wait::park::block_on;

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll_with<F: Future>(future: Pin<&mut F>, count: &Arc<Count>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::clone(count));
    future.poll(&mut Context::from_waker(&waker))
}

#[test]
fn a_buffered_channel_gives_its_values_back_in_order() {
    let (tx, rx) = chan(10);
    for n in 0..10 {
        tx.try_send(n).unwrap();
    }
    assert_eq!(tx.try_send(10), Err(TrySendError::Full(10)));
    assert_eq!((tx.len(), tx.capacity(), rx.is_full()), (10, 10, true));
    for n in 0..10 {
        assert_eq!(rx.try_recv(), Ok(n));
    }
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn an_unbuffered_send_waits_until_its_value_is_taken() {
    let (tx, rx) = chan(0);
    let count = Arc::<Count>::default();
    let mut send = pin!(tx.send(1));
    assert!(poll_with(send.as_mut(), &count).is_pending());
    assert_eq!((rx.len(), rx.capacity()), (0, 0));
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(count.get(), 1);
    assert_eq!(poll_with(send, &count), Poll::Ready(Ok(())));
}

#[test]
fn an_unbuffered_receive_takes_the_value_of_a_later_send() {
    let (tx, rx) = chan(0);
    let count = Arc::<Count>::default();
    let mut recv = pin!(rx.recv());
    assert!(poll_with(recv.as_mut(), &count).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(count.get(), 1);
    assert_eq!(poll_with(recv, &count), Poll::Ready(Some(1)));
}

#[test]
fn a_send_waits_only_when_the_buffer_is_full() {
    let (tx, rx) = chan(1);
    assert!(poll_once(pin!(tx.send(1))).is_ready());
    let mut second = pin!(tx.send(2));
    assert!(poll_once(second.as_mut()).is_pending());
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.len(), 1, "the waiting value moved in at once");
    assert!(poll_once(second).is_ready());
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn a_waiting_send_has_happened_once_there_is_room_even_if_it_is_then_dropped() {
    let (tx, rx) = chan(1);
    tx.try_send(1).unwrap();
    {
        let mut second = pin!(tx.send(2));
        assert!(poll_once(second.as_mut()).is_pending());
        assert_eq!(rx.try_recv(), Ok(1));
    }
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn waiting_receivers_are_served_in_the_order_they_came() {
    let (tx, rx) = chan(0);
    let mut waiting: Vec<_> = (0..10).map(|_| Box::pin(rx.recv())).collect();
    for recv in &mut waiting {
        assert!(poll_once(recv.as_mut()).is_pending());
    }
    for n in 0..10 {
        tx.try_send(n).unwrap();
    }
    for (n, recv) in waiting.iter_mut().enumerate() {
        assert_eq!(poll_once(recv.as_mut()), Poll::Ready(Some(n)));
    }
}

#[test]
fn waiting_senders_are_served_in_the_order_they_came() {
    for capacity in [0, 3] {
        let (tx, rx) = chan(capacity);
        let mut waiting: Vec<_> = (0..10).map(|n| Box::pin(tx.send(n))).collect();
        for send in &mut waiting {
            let _ = poll_once(send.as_mut());
        }
        for n in 0..10 {
            assert_eq!(rx.try_recv(), Ok(n));
        }
    }
}

#[test]
fn values_can_be_received_after_a_close_and_then_none() {
    let (tx, rx) = chan(3);
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    assert!(tx.close());
    assert!(!tx.close() && !rx.close());
    assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(block_on(rx.recv()), Some(1));
    assert_eq!(rx.try_recv(), Ok(2));
    for _ in 0..3 {
        assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(block_on(rx.recv()), None);
    }
}

#[test]
fn a_close_wakes_waiting_receivers_with_none() {
    let (tx, rx) = chan::<i32>(0);
    let count = Arc::<Count>::default();
    let mut waiting: Vec<_> = (0..40).map(|_| Box::pin(rx.recv())).collect();
    for recv in &mut waiting {
        assert!(poll_with(recv.as_mut(), &count).is_pending());
    }
    drop(tx);
    assert_eq!(count.get(), 40);
    for recv in &mut waiting {
        assert_eq!(poll_with(recv.as_mut(), &count), Poll::Ready(None));
    }
}

#[test]
fn a_close_gives_waiting_senders_their_values_back() {
    let (tx, rx) = chan(1);
    tx.try_send(0).unwrap();
    let mut send = pin!(tx.send(1));
    assert!(poll_once(send.as_mut()).is_pending());
    assert!(rx.close());
    assert_eq!(poll_once(send), Poll::Ready(Err(SendError(1))));
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!(SendError(1).to_string(), "send on closed channel");
}

#[test]
fn the_last_sender_closes_and_a_clone_does_not() {
    let (tx, rx) = chan::<i32>(1);
    let other = tx.clone();
    drop(tx);
    assert!(!rx.is_closed());
    drop(other);
    assert!(rx.is_closed());
}

#[test]
fn the_last_receiver_closes_and_drops_what_is_inside() {
    let value = Arc::new(());
    let (tx, rx) = chan(2);
    tx.try_send(Arc::clone(&value)).unwrap();
    let mut closed = pin!(tx.closed());
    assert!(poll_once(closed.as_mut()).is_pending());
    drop(rx);
    assert_eq!(Arc::strong_count(&value), 1);
    assert!(poll_once(closed).is_ready());
    assert!(matches!(tx.try_send(value), Err(TrySendError::Closed(_))));
}

#[test]
fn a_chan_closes_only_explicitly() {
    let ch = Chan::new(1);
    let (tx, rx) = (ch.sender(), ch.receiver());
    drop(ch.clone());
    drop(tx);
    drop(rx);
    assert!(!ch.is_closed());
    ch.try_send(1).unwrap();
    let tx = ch.sender();
    let rx = ch.receiver();
    drop(ch);
    assert!(!tx.is_closed());
    assert_eq!(rx.try_recv(), Ok(1));
    drop(tx);
    assert!(!rx.is_closed());
    assert!(rx.close());
}

#[test]
fn a_nil_channel_blocks_for_ever_on_both_ends() {
    let nil = Chan::nil();
    let mut send = pin!(nil.send(1));
    let mut recv = pin!(nil.recv());
    for _ in 0..3 {
        assert!(poll_once(send.as_mut()).is_pending());
        assert!(poll_once(recv.as_mut()).is_pending());
    }
    assert_eq!((nil.len(), nil.capacity()), (0, 0));
    assert!(poll_once(pin!(Receiver::<i32>::never().recv())).is_pending());
}

#[test]
#[should_panic(expected = "close of nil channel")]
fn closing_a_nil_channel_panics() {
    Chan::<i32>::nil().close();
}

#[test]
#[should_panic(expected = "makechan: size out of range")]
fn a_buffer_that_cannot_be_allocated_panics() {
    drop(chan::<[u8; 65535]>(1 << 59));
}

#[test]
fn send_from_empties_the_slot_exactly_if_it_sends() {
    let (tx, rx) = chan(1);
    let (mut a, mut b) = (Some(1), Some(2));
    assert!(poll_once(pin!(tx.send_from(&mut a))).is_ready());
    assert_eq!(a, None);
    {
        let mut send = pin!(tx.send_from(&mut b));
        assert!(poll_once(send.as_mut()).is_pending());
    }
    assert_eq!(b, Some(2), "given back");
    {
        let mut send = pin!(tx.send_from(&mut b));
        assert!(poll_once(send.as_mut()).is_pending());
        assert_eq!(rx.try_recv(), Ok(1));
    }
    assert_eq!(b, None, "it had happened");
    assert_eq!(rx.try_recv(), Ok(2));
    rx.close();
    b = Some(3);
    assert!(block_on(tx.send_from(&mut b)).is_err());
    assert_eq!(b, Some(3));
}

#[test]
fn a_permit_keeps_a_place_in_the_buffer() {
    let (tx, rx) = chan(1);
    let permit = block_on(tx.reserve()).unwrap();
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    drop(permit);
    assert_eq!(tx.try_send(1), Ok(()));
    let mut second = pin!(tx.reserve());
    assert!(poll_once(second.as_mut()).is_pending());
    assert_eq!(rx.try_recv(), Ok(1));
    let Poll::Ready(Ok(permit)) = poll_once(second) else {
        panic!("room was made");
    };
    assert_eq!(tx.try_send(3), Err(TrySendError::Full(3)));
    permit.send(2);
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn a_permit_of_an_unbuffered_channel_is_a_waiting_receiver() {
    let (tx, rx) = chan(0);
    let count = Arc::<Count>::default();
    let mut reserve = pin!(tx.reserve());
    assert!(poll_with(reserve.as_mut(), &count).is_pending());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    let mut recv = pin!(rx.recv());
    assert!(poll_once(recv.as_mut()).is_pending());
    assert_eq!(count.get(), 1);
    let Poll::Ready(Ok(permit)) = poll_with(reserve, &count) else {
        panic!("a receiver waits");
    };
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    let mut other = pin!(tx.send(3));
    assert!(poll_with(other.as_mut(), &count).is_pending());
    drop(permit);
    assert_eq!(count.get(), 2, "the receiver is free again");
    assert!(poll_with(other, &count).is_ready());
    assert_eq!(poll_once(recv), Poll::Ready(Some(3)));
}

#[test]
fn a_close_waits_for_permits_that_are_out() {
    let (tx, rx) = chan(1);
    let permit = block_on(tx.reserve()).unwrap();
    tx.close();
    let mut recv = pin!(rx.recv());
    assert!(poll_once(recv.as_mut()).is_pending());
    permit.send(1);
    assert_eq!(poll_once(recv), Poll::Ready(Some(1)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn recv_many_takes_what_is_there() {
    let (tx, rx) = chan(5);
    (0..5).for_each(|n| tx.try_send(n).unwrap());
    let mut values = vec![9];
    assert_eq!(block_on(rx.recv_many(&mut values, 3)), 3);
    assert_eq!(block_on(rx.recv_many(&mut values, 9)), 2);
    assert_eq!(values, [9, 0, 1, 2, 3, 4]);
    assert_eq!(block_on(rx.recv_many(&mut values, 0)), 0);
    drop(tx);
    assert_eq!(block_on(rx.recv_many(&mut values, 1)), 0);
}

#[test]
fn an_unbounded_channel_never_makes_a_sender_wait() {
    let (tx, rx) = unbounded();
    for n in 0..10_000 {
        assert!(poll_once(pin!(tx.send(n))).is_ready());
    }
    assert_eq!((rx.len(), rx.is_full()), (10_000, false));
    drop(tx);
    assert!(rx.iter().eq(0..10_000));
}

#[test]
fn a_stream_that_was_handed_a_value_leaves_it_to_a_plain_receive() {
    let (tx, mut rx) = chan(0);
    assert!(poll_once(pin!(rx.next())).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(poll_once(pin!(rx.next())).is_pending());
    tx.try_send(2).unwrap();
    assert_eq!(poll_once(pin!(rx.next())), Poll::Ready(Some(2)));
    assert!(poll_once(pin!(rx.next())).is_pending());
    drop(tx);
    assert_eq!(poll_once(pin!(rx.next())), Poll::Ready(None));
}

#[test]
fn a_sink_sends_in_order_and_says_when_the_channel_is_closed() {
    let (tx, rx) = chan(1);
    let mut sink = tx.into_sink();
    let reader = thread::spawn(move || rx.iter().take(3).collect::<Vec<_>>());
    for n in 0..3 {
        block_on(sink.send(n)).unwrap();
    }
    assert_eq!(reader.join().unwrap(), [0, 1, 2]);
    assert!(block_on(sink.send(3)).is_err());
}

#[test]
fn a_weak_handle_does_not_keep_the_channel_open() {
    let (tx, rx) = chan::<i32>(1);
    let (weak_tx, weak_rx) = (tx.downgrade(), rx.downgrade());
    assert!(weak_tx.upgrade().unwrap().same_channel(&tx));
    drop(tx);
    assert!(rx.is_closed() && weak_tx.upgrade().is_none());
    drop(rx);
    assert!(weak_rx.upgrade().is_none());
}

#[test]
fn handles_of_one_channel_are_the_same_channel() {
    let (tx, rx) = chan::<i32>(0);
    let (other, _rx) = chan::<i32>(0);
    assert!(tx.same_channel(&rx) && rx.same_channel(&tx));
    assert!(!other.same_channel(&rx));
    let ch = Chan::<i32>::new(0);
    assert!(ch.same_channel(&ch.receiver()) && ch.sender().same_channel(&ch));
}

#[test]
fn debug_names_the_element_type_and_the_capacity() {
    let (tx, rx) = chan::<i32>(3);
    tx.try_send(1).unwrap();
    assert_eq!(
        format!("{rx:?}"),
        "Receiver<i32> { capacity: 3, len: 1, closed: false }"
    );
    assert!(format!("{:?}", unbounded::<u8>().0).contains("unbounded"));
}

#[test]
fn zero_sized_values_are_counted() {
    let (tx, rx) = chan(2);
    tx.try_send(()).unwrap();
    tx.try_send(()).unwrap();
    assert!(tx.try_send(()).is_err());
    assert_eq!(rx.len(), 2);
    drop(tx);
    assert_eq!(rx.iter().count(), 2);
}

#[test]
fn a_channel_keeps_no_copy_of_what_was_received() {
    let value = Arc::new(());
    let (tx, rx) = chan(4);
    for _ in 0..3 {
        tx.try_send(Arc::clone(&value)).unwrap();
    }
    assert_eq!(Arc::strong_count(&value), 4);
    drop(rx.try_recv());
    drop(rx.try_recv());
    assert_eq!(Arc::strong_count(&value), 2);
}

#[test]
fn blocking_threads_exchange_everything_once_for_each_capacity() {
    for capacity in [0, 1, 2, 10] {
        let (tx, rx) = chan::<usize>(capacity);
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let tx = tx.clone();
                thread::spawn(move || (0..500).for_each(|n| tx.send_blocking(n).unwrap()))
            })
            .collect();
        drop(tx);
        let receivers: Vec<_> = (0..4)
            .map(|_| {
                let rx = rx.clone();
                thread::spawn(move || rx.iter().collect::<Vec<_>>())
            })
            .collect();
        let mut seen = [0; 500];
        for values in receivers {
            for n in values.join().unwrap() {
                seen[n] += 1;
            }
        }
        assert!(seen.iter().all(|&times| times == 4));
        for sender in senders {
            sender.join().unwrap();
        }
    }
}

#[test]
fn handles_and_futures_may_cross_threads() {
    fn crosses<T: Send + Sync>(_: &T) {}
    fn is_send<T: Send>(_: &T) {}
    let (tx, rx) = chan::<i32>(1);
    crosses(&tx);
    crosses(&rx);
    is_send(&tx.send(1));
    is_send(&rx.recv());
    crosses(&Chan::<i32>::nil());
}

#[test]
fn a_value_that_is_not_debug_can_be_given_back() {
    struct Opaque;
    let (tx, rx): (Sender<Opaque>, _) = chan(1);
    drop(rx);
    let error = tx.send_blocking(Opaque).unwrap_err();
    assert_eq!(
        format!("{error:?} {error}"),
        "SendError(..) send on closed channel"
    );
}
