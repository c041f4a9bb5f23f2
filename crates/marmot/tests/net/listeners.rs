//! Listening, accepting and connecting.

use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use marmot::net::{TcpStream, lookup_host};
use marmot::prelude::*;

use crate::support::{listener, on, on_each};

#[test]
fn a_listener_that_is_closed_ends_all_accepts_at_once() {
    on_each(|| async {
        let listener = Arc::new(listener().await);
        let addr = listener.local_addr().expect("bound");
        let accepts: Vec<_> = (0..8)
            .map(|_| go!([listener], async move { listener.accept().await.map(drop) }))
            .collect();
        gosched().await;
        assert!(listener.close());
        for accept in accepts {
            let error = accept.await.expect("no panic").expect_err("it is closed");
            assert_eq!(error.to_string(), "use of closed network connection");
        }
        let error = TcpStream::connect(addr).await.expect_err("it is closed");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn addresses_that_refuse_are_passed_over() {
    on_each(|| async {
        let gone = listener().await.local_addr().expect("bound");
        let good = listener().await;
        let addrs = [gone, gone, good.local_addr().expect("bound")];
        let stream = TcpStream::connect(&addrs[..]).await.expect("the third");
        assert_eq!(stream.peer_addr().expect("connected"), addrs[2]);
        let error = TcpStream::connect(&addrs[..2]).await.expect_err("nobody");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

/// Each connection wakes one of those who wait, who wakes the next to look whether there is
/// more. If each woke all there would be 1000 polls.
#[test]
fn a_name_is_looked_up_by_somebody_else_and_need_not_be_waited_for() {
    on(1, || async {
        let mut lookup = pin!(lookup_host("localhost:80"));
        // There is but one P, and we are on it.
        let polled = poll_fn(|cx| Poll::Ready(lookup.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        let mut found = lookup.await.expect("every machine has one");
        assert!(found.all(|addr| addr.ip().is_loopback() && addr.port() == 80));
        for _ in 0..10 {
            let mut given_up = pin!(TcpStream::connect("localhost:1"));
            let polled = poll_fn(|cx| Poll::Ready(given_up.as_mut().poll(cx))).await;
            assert!(polled.is_pending());
        }
    });
}

#[test]
fn a_connection_does_not_wake_a_herd() {
    const ACCEPTORS: usize = 50;
    const CONNECTIONS: usize = 20;
    on(2, || async {
        let listener = Arc::new(listener().await);
        let addr = listener.local_addr().expect("bound");
        let polls = Arc::new(AtomicUsize::new(0));
        let (tx, accepted) = chan(0);
        for _ in 0..ACCEPTORS {
            go!([listener, polls, tx], async move {
                let mut accept = pin!(listener.accept());
                let counted = poll_fn(|cx| {
                    polls.fetch_add(1, Ordering::Relaxed);
                    accept.as_mut().poll(cx)
                });
                if counted.await.is_ok() {
                    tx.send(()).await.expect("somebody counts");
                }
            });
        }
        while polls.load(Ordering::Relaxed) < ACCEPTORS {
            gosched().await;
        }
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(addr).await.expect("it listens");
            accepted.recv().await.expect("an acceptor");
            drop(stream);
            // A herd would be queued by now, and this goes behind it.
            for _ in 0..10 {
                gosched().await;
            }
        }
        let polls = polls.load(Ordering::Relaxed);
        assert!(polls <= ACCEPTORS + 4 * CONNECTIONS, "{polls} polls");
        listener.close();
    });
}

#[test]
fn connections_that_come_at_once_are_all_taken_by_those_who_wait() {
    const MANY: usize = 40;
    on_each(|| async {
        let listener = Arc::new(listener().await);
        let addr = listener.local_addr().expect("bound");
        let accepts: Vec<_> = (0..MANY)
            .map(|_| go!([listener], async move { listener.accept().await.map(drop) }))
            .collect();
        gosched().await;
        let clients: Vec<_> = (0..MANY).map(|_| go!(TcpStream::connect(addr))).collect();
        for accept in accepts {
            accept.await.expect("no panic").expect("a connection");
        }
        for client in clients {
            client.await.expect("no panic").expect("it listens");
        }
    });
}

#[test]
fn acceptors_that_go_away_while_they_are_woken_pass_connections_on() {
    on_each(|| async {
        let listener = Arc::new(listener().await);
        let addr = listener.local_addr().expect("bound");
        for _ in 0..100 {
            let accepts: Vec<_> = (0..3)
                .map(|_| go!([listener], async move { listener.accept().await.map(drop) }))
                .collect();
            gosched().await;
            let client = go!(TcpStream::connect(addr));
            accepts[0].abort();
            accepts[1].abort();
            client.await.expect("no panic").expect("it listens");
            let mut taken = 0;
            let mut ended = Vec::new();
            for accept in accepts {
                let third = ended.len() == 2;
                if third && taken > 0 {
                    accept.abort();
                }
                let outcome = accept.await;
                taken += usize::from(outcome.is_ok());
                ended.push(outcome);
            }
            assert_eq!(taken, 1);
        }
    });
}
