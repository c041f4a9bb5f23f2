//! Copying between streams, and pipes in memory.

mod support;

use std::io::ErrorKind;

use futures::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use marmot_net::io::{copy, copy_bidirectional, pipe};
use marmot_testing::ByHand;
use marmot_wait::budget;
use support::{Spawner, everywhere, pair};

#[test]
fn a_proxy_passes_both_directions_and_their_ends_on() {
    everywhere(|spawner: Spawner| async move {
        let (client, mut near) = pair().await;
        let (mut far, server) = pair().await;
        let proxy = spawner.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        let serving = spawner.spawn(async move {
            let mut question = String::new();
            server.read_to_string(&mut question).await.expect("words");
            let answer = question.repeat(100_000);
            server.write_all(answer.as_bytes()).await.expect("room");
        });
        client.write_all(b"question").await.expect("room");
        client
            .shutdown(std::net::Shutdown::Write)
            .expect("connected");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("words");
        assert_eq!(answer.len(), 800_000);
        serving.await;
        assert_eq!(proxy.await.expect("no error"), (8, 800_000));
    });
}

#[test]
fn what_was_copied_arrives_while_nothing_more_comes() {
    everywhere(|spawner: Spawner| async move {
        let (mut from, mut there) = pipe(64);
        let (mut here, to) = pipe(64);
        let copying = spawner.spawn(async move {
            let mut to = BufWriter::new(to);
            copy(&mut from, &mut to).await
        });
        there.write_all(b"hello").await.expect("room");
        let mut got = [0; 5];
        here.read_exact(&mut got).await.expect("it has arrived");
        assert_eq!(&got, b"hello");
        drop(there);
        assert_eq!(copying.await.expect("no error"), 5);
    });
}

#[test]
fn one_way_that_ends_leaves_the_other_one_going() {
    everywhere(|spawner: Spawner| async move {
        for ends_first in [0, 1] {
            let (client, mut near) = pair().await;
            let (mut far, server) = pair().await;
            let both = [client, server];
            let proxy = spawner.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
            let (first, second) = (&both[ends_first], &both[1 - ends_first]);
            first
                .shutdown(std::net::Shutdown::Write)
                .expect("connected");
            assert_eq!(second.read(&mut [0]).await.expect("the end"), 0);
            for _ in 0..3 {
                second.write_all(b"still").await.expect("room");
                let mut got = [0; 5];
                first.read_exact(&mut got).await.expect("it comes through");
            }
            second
                .shutdown(std::net::Shutdown::Write)
                .expect("connected");
            let (there, back) = proxy.await.expect("no error");
            assert_eq!([there, back][1 - ends_first], 15);
        }
    });
}

#[test]
fn an_error_on_one_side_ends_the_proxy() {
    everywhere(|spawner: Spawner| async move {
        let (client, mut near) = pair().await;
        let (mut far, server) = pair().await;
        let proxy = spawner.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        server
            .set_linger(Some(std::time::Duration::ZERO))
            .expect("connected");
        drop(server);
        assert_eq!(
            proxy.await.expect_err("reset").kind(),
            ErrorKind::ConnectionReset
        );
        drop(client);
    });
}

#[test]
fn a_pipe_carries_more_than_it_holds() {
    everywhere(|spawner: Spawner| async move {
        let (reader, mut writer) = pipe(7);
        let data: Vec<u8> = (0..10_000).map(|n| (n % 256) as u8).collect();
        let sent = data.clone();
        let writing = spawner.spawn(async move { writer.write_all(&sent).await });
        let mut reader = reader;
        let mut got = Vec::new();
        assert_eq!(copy(&mut reader, &mut got).await.expect("no error"), 10_000);
        assert_eq!(got, data);
        writing.await.expect("the reader is there");
    });
}

#[test]
fn a_pipe_without_a_reader_is_broken_and_one_without_a_writer_ends() {
    let (reader, mut writer) = pipe(1);
    let mut waiting = ByHand::new(async {
        writer
            .write_all(b"ab")
            .await
            .expect_err("the reader goes")
            .kind()
    });
    waiting.expect_pending();
    drop(reader);
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.expect_ready(), ErrorKind::BrokenPipe);
    drop(waiting);

    let (mut reader, writer) = pipe(1);
    let mut buf = [0];
    let mut waiting = ByHand::new(reader.read(&mut buf));
    waiting.expect_pending();
    drop(writer);
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.expect_ready().expect("the end"), 0);
}

#[test]
fn a_copy_between_ends_that_are_always_ready_lets_others_run() {
    let (mut zeroes, mut sink) = (futures::io::repeat(0), futures::io::sink());
    let mut endless = ByHand::new(copy(&mut zeroes, &mut sink));
    let before = budget::begin(16);
    endless.expect_pending();
    budget::restore(before);
    assert_eq!(endless.wakes(), 1, "it wants to go on");
}
