//! tokio's I/O traits on our streams.

mod support;

use std::io::IoSlice;
use std::pin::Pin;

use marmot_net::UnixStream;
use support::{Spawner, everywhere, pair};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, copy_bidirectional};

#[test]
fn tokios_own_helpers_work_on_our_streams() {
    everywhere(|spawner: Spawner| async move {
        let (mut client, mut near) = pair().await;
        let (mut far, mut server) = UnixStream::pair().expect("a pair");
        let proxy = spawner.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        let serving = spawner.spawn(async move {
            let mut question = String::new();
            server.read_to_string(&mut question).await.expect("words");
            AsyncWriteExt::write_all(&mut server, question.to_uppercase().as_bytes())
                .await
                .expect("room");
            AsyncWriteExt::shutdown(&mut server)
                .await
                .expect("connected");
        });
        AsyncWriteExt::write_all(&mut client, b"quiet")
            .await
            .expect("room");
        AsyncWriteExt::shutdown(&mut client)
            .await
            .expect("connected");
        let (mut reader, _writer) = client.into_split();
        let mut answer = String::new();
        reader.read_to_string(&mut answer).await.expect("words");
        assert_eq!(answer, "QUIET");
        serving.await;
        assert_eq!(proxy.await.expect("no error"), (5, 5));
    });
}

#[test]
fn a_read_adds_to_what_a_buffer_holds_and_takes_no_more_than_it_has_room_for() {
    everywhere(|_| async move {
        let (client, mut server) = pair().await;
        client.write_all(b"0123456789").await.expect("room");
        let mut memory = [std::mem::MaybeUninit::uninit(); 8];
        let mut buf = ReadBuf::uninit(&mut memory);
        buf.put_slice(b"abc");
        for held in ["abc01234", "abc01234"] {
            std::future::poll_fn(|cx| AsyncRead::poll_read(Pin::new(&mut server), cx, &mut buf))
                .await
                .expect("bytes, and then no room for more");
            assert_eq!(buf.filled(), held.as_bytes());
        }
        let mut rest = Vec::with_capacity(16);
        let got = AsyncReadExt::read_buf(&mut server, &mut rest).await;
        assert_eq!((got.expect("bytes"), &rest[..]), (5, &b"56789"[..]));
        drop(client);
        rest.clear();
        let end = AsyncReadExt::read_buf(&mut server, &mut rest).await;
        assert_eq!((end.expect("the end"), rest.len()), (0, 0));
    });
}

#[test]
fn several_buffers_go_out_with_one_write() {
    everywhere(|_| async move {
        let (client, server) = pair().await;
        let (mut reader, mut writer) = (client, server);
        assert!(AsyncWrite::is_write_vectored(&writer));
        let bufs = [
            IoSlice::new(b"one "),
            IoSlice::new(b""),
            IoSlice::new(b"two"),
        ];
        let put = AsyncWriteExt::write_vectored(&mut writer, &bufs).await;
        assert_eq!(put.expect("room"), 7);
        let mut back = [0; 7];
        AsyncReadExt::read_exact(&mut reader, &mut back)
            .await
            .expect("all of it");
        assert_eq!(&back, b"one two");
    });
}

#[test]
fn tokios_helpers_work_on_a_pipe_in_memory() {
    everywhere(|spawner: Spawner| async move {
        let (mut reader, mut writer) = marmot_net::io::pipe(3);
        let writing = spawner.spawn(async move {
            writer.write_all(b"more than there is room for").await?;
            writer.shutdown().await
        });
        let mut got = String::new();
        reader.read_to_string(&mut got).await.expect("words");
        assert_eq!(got, "more than there is room for");
        writing.await.expect("it was read");
    });
}
