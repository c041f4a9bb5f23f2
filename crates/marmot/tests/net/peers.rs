//! The other side breaks off, stalls, or says nothing.

use std::io::{ErrorKind, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use marmot::net::{TcpStream, UnixStream};
use marmot::prelude::*;

use crate::support::{echo, listener, on_each, pair, serving};

#[test]
fn a_reset_in_the_middle_ends_the_read_that_waits_and_the_writes_that_follow() {
    on_each(|| async {
        let (client, server) = pair().await;
        let client = Arc::new(client);
        let reading = go!([client], async move {
            let mut buffer = [0; 100];
            client.read_exact(&mut buffer).await
        });
        server.write_all(&[1; 50]).await.expect("room");
        server.set_linger(Some(Duration::ZERO)).expect("an option");
        drop(server);
        let error = reading
            .await
            .expect("no panic")
            .expect_err("half of it came");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let error = client.write(&[1]).await.expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

/// Writes until that fails; the process goes on.
#[test]
fn writing_to_a_peer_that_has_gone_is_an_error_and_no_signal() {
    on_each(|| async {
        let (client, server) = pair().await;
        drop(server);
        assert_eq!(client.read(&mut [0]).await.expect("the end"), 0);
        let error = loop {
            match client.write(&[1; 100]).await {
                Ok(_) => gosched().await,
                Err(error) => break error,
            }
        };
        let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
        assert!(gone.contains(&error.kind()), "{error}");
        let bufs = [IoSlice::new(b"a"), IoSlice::new(b"b")];
        let error = client.write_vectored(&bufs).await.expect_err("it is gone");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        let (here, there) = UnixStream::pair().expect("descriptors");
        drop(there);
        let error = here.write_all(b"hello").await.expect_err("it is gone");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn either_side_may_end_first_and_still_hears_the_other() {
    on_each(|| async {
        for client_first in [true, false] {
            let (client, server) = pair().await;
            let (first, second) = if client_first {
                (client, server)
            } else {
                (server, client)
            };
            first.write_all(b"question").await.expect("room");
            first.shutdown(Shutdown::Write).expect("connected");
            let mut heard = [0; 8];
            second.read_exact(&mut heard).await.expect("a question");
            assert_eq!(second.read(&mut [0]).await.expect("its end"), 0);
            // The first one already waits when the answer and the end come.
            let hearing = go!(async move {
                let mut answer = [0; 6];
                first.read_exact(&mut answer).await?;
                let end = first.read(&mut [0]).await?;
                Ok::<_, std::io::Error>((answer, end))
            });
            gosched().await;
            second.write_all(b"answer").await.expect("room");
            second.shutdown(Shutdown::Write).expect("connected");
            let (answer, end) = hearing.await.expect("no panic").expect("an answer");
            assert_eq!((&answer, end), (b"answer", 0));
        }
    });
}

#[test]
fn a_peer_that_does_not_read_holds_its_writer_up_and_nobody_else() {
    on_each(|| async {
        const CHUNK: usize = 64 * 1024;
        let (slow, writer) = pair().await;
        // Until there has been no room for a while.
        let mut sent = 0;
        while let Ok(put) = timeout(ms(100), writer.write(&[7; CHUNK])).await {
            sent += put.expect("it is connected");
            assert!(sent < 1 << 30, "the kernel holds a GiB");
        }
        let waiting = go!(async move {
            writer
                .write_all(&[8; CHUNK])
                .await
                .expect("room in the end");
        });
        let others = serving(listener().await, echo);
        let other = TcpStream::connect(others.local_addr().expect("bound"));
        let other = other.await.expect("it listens");
        for _ in 0..10 {
            other.write_all(b"hello").await.expect("room");
            other.read_exact(&mut [0; 5]).await.expect("an echo");
        }
        assert!(!waiting.is_finished());
        let mut all = vec![0; sent + CHUNK];
        slow.read_exact(&mut all).await.expect("all of it");
        waiting.await.expect("no panic");
        let (first, last) = all.split_at(sent);
        assert!(first.iter().all(|&byte| byte == 7) && last.iter().all(|&byte| byte == 8));
        assert_eq!(slow.read(&mut [0]).await.expect("the end"), 0);
        others.close();
    });
}

#[test]
fn deadlines_end_a_read_and_a_write_that_already_wait_and_nothing_is_lost() {
    on_each(|| async {
        let (client, server) = pair().await;
        let client = Arc::new(client);
        let reading = go!([client], async move { client.read(&mut [0]).await });
        let mut sent = 0;
        while let Ok(put) = timeout(ms(50), client.write(&[1; 65_536])).await {
            sent += put.expect("it is connected");
        }
        let writing = go!([client], async move { client.write(&[1]).await });
        gosched().await;
        client.set_deadline(Instant::now() + ms(5));
        for waiting in [reading, writing] {
            let error = waiting.await.expect("no panic").expect_err("it is over");
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (ErrorKind::TimedOut, "i/o timeout")
            );
        }
        client.set_deadline(None);
        server
            .read_exact(&mut vec![0; sent])
            .await
            .expect("all of it");
        server.write_all(b"!").await.expect("room");
        assert_eq!(client.read(&mut [0]).await.expect("a byte"), 1);
    });
}

/// A peer that is silent for ever looks like one that has lost power.
#[test]
fn silent_peers_are_given_up_by_their_deadlines() {
    on_each(|| async {
        let given_up = WaitGroup::new();
        let mut silent = Vec::new();
        for _ in 0..50 {
            let (client, server) = pair().await;
            silent.push(client);
            given_up.go(async move {
                server.set_read_deadline(Instant::now() + ms(20));
                let error = server.read(&mut [0]).await.expect_err("nothing comes");
                assert_eq!(error.kind(), ErrorKind::TimedOut);
            });
        }
        given_up.wait().await;
        for client in silent {
            assert_eq!(client.read(&mut [0]).await.expect("the end"), 0);
        }
    });
}

#[test]
fn a_goroutine_that_is_aborted_while_it_waits_takes_its_socket_along() {
    on_each(|| async {
        let mut pairs = Vec::new();
        for _ in 0..50 {
            let (client, server) = pair().await;
            let waiting = go!(async move { server.read(&mut [0]).await });
            pairs.push((client, waiting));
        }
        gosched().await;
        pairs.iter().for_each(|(_, waiting)| waiting.abort());
        for (client, waiting) in pairs {
            assert!(waiting.await.expect_err("it was aborted").is_cancelled());
            assert_eq!(client.read(&mut [0]).await.expect("the end"), 0);
        }
    });
}
