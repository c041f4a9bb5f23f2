//! Calls that move less than was asked for, though there is more, or room for more.

mod support;

use std::io::{ErrorKind, IoSlice, IoSliceMut};

use futures::{AsyncReadExt, AsyncWriteExt};
use marmot_testing::ByHand;

use support::{Spawner, everywhere, pair};

/// More than a call of the system takes (`IOV_MAX`).
const MANY: usize = 1_500;

#[test]
fn after_more_buffers_than_a_call_takes_the_rest_is_written_at_once() {
    everywhere(|_| async {
        let (client, server) = pair().await;
        let bytes: Vec<u8> = (0..=255).cycle().take(MANY).collect();
        let parts: Vec<_> = bytes.chunks(1).map(IoSlice::new).collect();
        let mut put = 0;
        while put < MANY {
            put += client.write_vectored(&parts[put..]).await.expect("room");
        }
        let mut got = vec![0; MANY];
        server.read_exact(&mut got).await.expect("bytes");
        assert!(got == bytes);
    });
}

#[test]
fn after_more_buffers_than_a_call_fills_the_rest_is_read_at_once() {
    everywhere(|_| async {
        let (client, server) = pair().await;
        let bytes: Vec<u8> = (0..=255).cycle().take(MANY).collect();
        client.write_all(&bytes).await.expect("room");
        while server.peek(&mut [0; MANY]).await.expect("bytes") < MANY {}
        let mut all = vec![0; MANY];
        let mut parts: Vec<_> = all.chunks_mut(1).map(IoSliceMut::new).collect();
        let mut got = 0;
        while got < MANY {
            got += server
                .read_vectored(&mut parts[got..])
                .await
                .expect("bytes");
        }
        drop(parts);
        assert!(all == bytes);
    });
}

#[test]
fn all_is_read_to_the_end_and_what_came_is_kept() {
    everywhere(|spawner: Spawner| async move {
        let (client, server) = pair().await;
        let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 7) as u8).collect();
        let mut got = b"before".to_vec();
        client.write_all(&sent[..10]).await.expect("room");
        {
            // Dropped when it has read those.
            while server.peek(&mut [0; 10]).await.expect("bytes") < 10 {}
            let mut reading = ByHand::new(server.read_to_end(&mut got));
            reading.expect_pending();
        }
        let mine = sent.clone();
        let writing = spawner.spawn(async move { client.write_all(&mine[10..]).await });
        assert_eq!(got.strip_prefix(b"before"), Some(&sent[..10]));
        let more = server.read_to_end(&mut got).await.expect("its end");
        assert_eq!(10 + more, sent.len());
        assert!(got.strip_prefix(b"before") == Some(&sent[..]));
        writing.await.expect("all was taken");
    });
}

#[test]
fn text_is_read_to_the_end_if_it_is_text() {
    everywhere(|_| async {
        let mut text = "so: ".to_owned();
        for sent in ["größer".as_bytes(), b"\xff"] {
            let (client, server) = pair().await;
            client.write_all(sent).await.expect("room");
            drop(client);
            match server.read_to_string(&mut text).await {
                Ok(read) => assert_eq!(read, sent.len()),
                Err(error) => {
                    assert_eq!((error.kind(), sent), (ErrorKind::InvalidData, &b"\xff"[..]))
                }
            }
        }
        assert_eq!(text, "so: größer");
        let (client, server) = pair().await;
        client
            .set_linger(Some(std::time::Duration::ZERO))
            .expect("connected");
        drop(client);
        let reset = server.read_to_end(&mut Vec::new()).await;
        assert_eq!(reset.expect_err("reset").kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn empty_buffers_before_a_full_one_are_no_end() {
    everywhere(|_| async {
        let (client, server) = pair().await;
        let mut parts = vec![IoSlice::new(b""); MANY];
        parts.push(IoSlice::new(b"last"));
        assert_eq!(client.write_vectored(&parts).await.expect("room"), 4);
        let mut last = [0; 4];
        let mut parts: Vec<_> = (0..MANY).map(|_| IoSliceMut::new(&mut [])).collect();
        parts.push(IoSliceMut::new(&mut last));
        assert_eq!(server.read_vectored(&mut parts).await.expect("bytes"), 4);
        assert_eq!(&last, b"last");
    });
}

#[test]
fn without_room_nothing_is_waited_for() {
    everywhere(|_| async {
        let (client, _server) = pair().await;
        let mut none = [IoSliceMut::new(&mut []), IoSliceMut::new(&mut [])];
        assert_eq!(client.read_vectored(&mut none).await.expect("nothing"), 0);
        let read = AsyncReadExt::read_vectored(&mut &client, &mut none).await;
        assert_eq!(read.expect("nothing"), 0);
        let none = [IoSlice::new(b"")];
        assert_eq!(client.write_vectored(&none).await.expect("nothing"), 0);
        let put = AsyncWriteExt::write_vectored(&mut &client, &none).await;
        assert_eq!(put.expect("nothing"), 0);
        assert_eq!(client.peek(&mut []).await.expect("nothing"), 0);
    });
}

#[test]
fn an_end_that_our_own_close_makes_is_none_for_who_peeks() {
    everywhere(|_| async {
        let (client, _server) = pair().await;
        let mut buf = [0; 8];
        let mut peek = ByHand::new(client.peek(&mut buf));
        peek.expect_pending();
        client.close();
        let error = peek.run().expect("it is over").expect_err("it was closed");
        assert_eq!(error.kind(), ErrorKind::NotConnected);
    });
}
