//! Which operations wait and which do not, row by row. What waits is shown by a time limit of
//! a few milliseconds that it outlasts; what does not, by coming to its end.

use std::future::Future;

use marmot::chan::{SendError, TryRecvError, TrySendError};
use marmot::prelude::*;

use crate::support::{on_each, panic_text};

/// It is still waiting when the time is over.
async fn waits<F: Future>(what: &str, operation: F) {
    assert!(timeout(ms(5), operation).await.is_err(), "{what} waits");
}

#[test]
fn operations_on_nil_and_idle_channels_wait() {
    on_each(|| async {
        let nil = Chan::<i32>::nil();
        let (tx, open) = chan::<i32>(0);
        let (full, _rx) = chan::<i32>(1);
        full.send(0).await.unwrap();
        waits("a send on nil", nil.send(7)).await;
        waits("a receive from nil", nil.recv()).await;
        waits(
            "a receive from a channel that never gets a value",
            Receiver::<i32>::never().recv(),
        )
        .await;
        waits("a receive from an open idle channel", open.recv()).await;
        waits("a send on an idle channel", tx.send(7)).await;
        waits("a send on a full channel", full.send(1)).await;
    });
}

#[test]
fn selects_without_a_case_that_can_go_on_wait() {
    on_each(|| async {
        let nil = Chan::<i32>::nil();
        let ch = Chan::<i32>::new(0);
        waits("an empty select", async {
            let () = select! {};
        })
        .await;
        waits("a receive from nil", async {
            select! { _ = <-nil => {} }
        })
        .await;
        waits("a send on nil", async {
            select! { nil <- 7 => {} }
        })
        .await;
        waits("both on nil", async {
            select! { _ = <-nil => {}, nil <- 7 => {} }
        })
        .await;
        waits("a receive from an idle channel", async {
            select! { _ = <-ch => {} }
        })
        .await;
        waits("send and receive on one idle channel", async {
            select! { ch <- 7 => {}, _ = <-ch => {} }
        })
        .await;
        waits("cases that are none", async {
            select! { _ = None::<&Chan<i32>>.map(|ch| ch.recv()) => {}, _ = <-nil => {} }
        })
        .await;
    });
}

#[test]
fn operations_with_room_or_on_closed_channels_do_not_wait() {
    on_each(|| async {
        let buffered = Chan::<i32>::new(10);
        buffered.send(1).await.unwrap();
        select! { buffered <- 2 => {} }
        assert_eq!(buffered.len(), 2);

        let closed = Chan::<i32>::new(10);
        closed.close();
        for _ in 0..10 {
            assert_eq!(closed.recv().await, None);
            assert_eq!(closed.try_recv(), Err(TryRecvError::Closed));
        }
        assert_eq!(closed.send(1).await, Err(SendError(1)));
        assert!(matches!(closed.try_send(2), Err(TrySendError::Closed(2))));
    });
}

#[test]
fn a_default_is_taken_exactly_if_nothing_can_go_on() {
    on_each(|| async {
        let nil = Chan::<i32>::nil();
        let (tx, rx) = chan::<i32>(1);
        let only = select! { default => rx.len() };
        assert_eq!(only, 0);
        assert!(select! { _ = <-nil => false, default => true });
        assert!(select! { nil <- 7 => false, default => true });
        assert!(select! { _ = <-nil => false, nil <- 7 => false, default => true });
        assert!(select! { _ = <-rx => false, default => true });
        assert!(select! { tx <- 8 => true, default => false });
        assert!(select! { tx <- 9 => false, default => true });
        assert!(select! { v = <-rx => v == Some(8), default => false });
        tx.close();
        assert!(select! { v = <-rx => v.is_none(), default => false });
    });
}

#[test]
fn every_form_of_receive_from_a_closed_channel_is_selected() {
    on_each(|| async {
        let (tx, closed) = chan::<i32>(1);
        tx.send(1).await.unwrap();
        drop(tx);
        // What was buffered comes first, with true.
        let (mut value, mut ok);
        select! { v = <-closed => (value, ok) = (v.unwrap_or(0), v.is_some()) }
        assert_eq!((value, ok), (1, true));
        select! { v = <-closed => (value, ok) = (v.unwrap_or(0), v.is_some()) }
        assert_eq!((value, ok), (0, false));
        assert!(select! { _ = <-closed => true });
        assert!(select! { _ = closed.recv() => true, default => false });
        assert!(select! { None = closed.recv() => true, default => false });
        let nil = Chan::<i32>::nil();
        assert!(select! { v = <-closed => v.is_none(), _ = <-nil => false });
        assert!(select! { Some(_) = <-closed => false, else => true });
        assert!(select!(match any {
            v if closed.recv() => v.is_none(),
            _ => false,
        }));
    });
}

/// The way of Go, for those who want it: an arrow on a channel that somebody has closed.
#[test]
fn an_arrow_onto_a_closed_channel_panics_in_every_select() {
    on_each(|| async {
        let ch = Chan::<i32>::new(1);
        ch.close();
        let plain = go!([ch], async move {
            select! { ch <- 7 => {} }
        });
        let with_default = go!([ch], async move {
            select! { ch <- 7 => {}, default => {} }
        });
        let larger = go!([ch], async move {
            let nil = Chan::<i32>::nil();
            select! { _ = <-nil => {}, ch <- 7 => {} }
        });
        let open = Chan::<i32>::new(0);
        let waiting = go!([open], async move {
            select! { open <- 7 => {} }
        });
        while open.try_send(0).is_err() && runtime::stack().matches("[select").count() < 1 {
            gosched().await;
        }
        open.close();
        for panicked in [plain, with_default, larger, waiting] {
            assert_eq!(panic_text(panicked.await), "send on closed channel");
        }
        assert_eq!((ch.len(), open.len()), (0, 0), "nothing was sent");
    });
}

#[test]
fn closing_twice_says_so_and_closing_nil_panics() {
    on_each(|| async {
        let ch = Chan::<i32>::new(1);
        assert!(ch.close() && !ch.close() && !ch.sender().close());
        let nil = go!(async { Chan::<i32>::nil().close() });
        assert_eq!(panic_text(nil.await), "close of nil channel");
    });
}

#[test]
fn length_and_capacity_are_those_of_the_buffer() {
    on_each(|| async {
        let ch = Chan::<i32>::new(10);
        assert_eq!((ch.len(), ch.capacity()), (0, 10));
        for n in 0..3 {
            ch.send(n).await.unwrap();
        }
        assert_eq!((ch.len(), ch.capacity()), (3, 10));
        let unbuffered = Chan::<i32>::new(0);
        let sender = go!([unbuffered], async move { unbuffered.send(1).await });
        gosched().await;
        assert_eq!((unbuffered.len(), unbuffered.capacity()), (0, 0));
        assert_eq!(unbuffered.recv().await, Some(1));
        sender.await.unwrap().unwrap();
        let nil = Chan::<i32>::nil();
        assert_eq!((nil.len(), nil.capacity()), (0, 0));
        let (tx, rx) = chan::<()>(3);
        assert_eq!((tx.capacity(), rx.capacity(), rx.len()), (3, 3, 0));
    });
}

#[test]
fn buffers_that_cannot_be_are_refused() {
    for size in [usize::MAX, usize::MAX / 2, 1 << 59] {
        let refused = std::panic::catch_unwind(|| chan::<u64>(size)).unwrap_err();
        assert_eq!(
            refused.downcast_ref::<&str>(),
            Some(&"makechan: size out of range")
        );
    }
    let large = std::panic::catch_unwind(|| chan::<[u8; 65_535]>((1 << 46) | 10));
    assert!(large.is_err());
}
