//! TCP on loopback, under executors that are not ours.

mod support;

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::io::{AsyncReadExt, AsyncWriteExt};
use marmot_net::{DialError, Dialer, ListenConfig, TcpListener, TcpStream};
use marmot_testing::{ByHand, within};
use marmot_wait::park::block_on;
use support::{LIMIT, Spawner, everywhere, listener, pair};

async fn echo(stream: TcpStream) -> std::io::Result<()> {
    let mut buf = [0; 1024];
    loop {
        match stream.read(&mut buf).await? {
            0 => return Ok(()),
            got => stream.write_all(&buf[..got]).await?,
        }
    }
}

#[test]
fn an_echo_server_gives_back_what_it_got() {
    everywhere(|spawner| async move {
        let listener = listener().await;
        let addr = listener.local_addr().expect("bound");
        let there = spawner.clone();
        let server = spawner.spawn(async move {
            for _ in 0..4 {
                let (stream, _) = listener.accept().await.expect("a connection");
                there.spawn(echo(stream)).forget();
            }
        });
        let clients: Vec<_> = (0_u8..4)
            .map(|client| {
                spawner.spawn(async move {
                    let stream = TcpStream::connect(addr).await.expect("a server");
                    for round in 0_u8..50 {
                        let sent = [client, round, 3];
                        stream.write_all(&sent).await.expect("room");
                        let mut got = [0; 3];
                        stream.read_exact(&mut got).await.expect("an echo");
                        assert_eq!(got, sent);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await;
        }
        server.await;
    });
}

#[test]
fn two_tasks_use_one_connection_in_both_directions_at_once() {
    everywhere(|spawner: Spawner| async move {
        const TOTAL: usize = 1 << 21;
        let (client, server) = pair().await;
        let echoing = spawner.spawn(echo(server));
        let client = Arc::new(client);
        let there = Arc::clone(&client);
        let writer = spawner.spawn(async move {
            let data: Vec<u8> = (0..TOTAL).map(|n| (n % 251) as u8).collect();
            there.write_all(&data).await.expect("room in the end");
            there.shutdown(Shutdown::Write).expect("connected");
        });
        let mut got = Vec::with_capacity(TOTAL);
        client.read_to_end(&mut got).await.expect("all of it");
        assert_eq!(got.len(), TOTAL);
        assert!(
            got.iter()
                .enumerate()
                .all(|(n, &byte)| byte == (n % 251) as u8)
        );
        writer.await;
        echoing.await.expect("no error");
    });
}

#[test]
fn the_end_of_one_direction_leaves_the_other_open() {
    everywhere(|_| async {
        let (client, server) = pair().await;
        client.write_all(b"last words").await.expect("room");
        client.shutdown(Shutdown::Write).expect("connected");
        let mut heard = String::new();
        server.read_to_string(&mut heard).await.expect("words");
        assert_eq!(heard, "last words");
        server.write_all(b"answer").await.expect("it still reads");
        drop(server);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.expect("words");
        assert_eq!(answer, b"answer");
    });
}

#[test]
fn a_reset_ends_a_read_that_waits_with_an_error() {
    everywhere(|spawner: Spawner| async move {
        let (client, server) = pair().await;
        let reader = spawner.spawn(async move { client.read(&mut [0; 8]).await });
        server.set_linger(Some(Duration::ZERO)).expect("connected");
        drop(server);
        let error = reader.await.expect_err("the connection was reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn where_nobody_listens_a_connection_is_refused() {
    everywhere(|_| async {
        let addr = {
            let gone = listener().await;
            gone.local_addr().expect("bound")
        };
        let error = TcpStream::connect(addr).await.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(
            error.to_string().starts_with(&format!("dial tcp {addr}: ")),
            "{error}"
        );
    });
}

#[test]
fn closing_a_listener_ends_the_accepts_that_wait() {
    everywhere(|spawner: Spawner| async move {
        let listener = Arc::new(listener().await);
        let addr = listener.local_addr().expect("bound");
        let accepts: Vec<_> = (0..3)
            .map(|_| {
                let listener = Arc::clone(&listener);
                spawner.spawn(async move { listener.accept().await.map(|_| ()) })
            })
            .collect();
        assert!(listener.close());
        assert!(!listener.close());
        for accept in accepts {
            let error = accept.await.expect_err("it is closed");
            assert_eq!(error.kind(), ErrorKind::NotConnected);
            assert_eq!(error.to_string(), "use of closed network connection");
        }
        assert!(listener.is_closed());
        if cfg!(target_os = "linux") {
            let refused = TcpStream::connect(addr).await.expect_err("nobody listens");
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        }
    });
}

#[test]
fn closing_a_connection_ends_what_waits_on_it() {
    everywhere(|spawner: Spawner| async move {
        let (client, server) = pair().await;
        let client = Arc::new(client);
        let there = Arc::clone(&client);
        let reader = spawner.spawn(async move { there.read(&mut [0]).await });
        assert!(client.close());
        let error = reader.await.expect_err("it is closed");
        assert_eq!(error.to_string(), "use of closed network connection");
        assert_eq!(server.read(&mut [0]).await.expect("the end"), 0);
    });
}

#[test]
fn a_read_that_is_dropped_while_it_waits_loses_nothing() {
    everywhere(|_| async {
        let (client, server) = pair().await;
        for round in 0_u8..100 {
            let mut buf = [0; 4];
            let mut dropped = ByHand::new(server.read(&mut buf));
            dropped.expect_pending();
            client.write_all(&[round]).await.expect("room");
            if round % 2 == 0 {
                // Not even one that has been woken.
                server.readable().await.expect("something comes");
            }
            drop(dropped);
            assert_eq!(server.read(&mut buf).await.expect("a byte"), 1);
            assert_eq!(buf[0], round);
        }
    });
}

#[test]
fn a_thousand_connections_are_served() {
    const CONNECTIONS: usize = 1000;
    within(LIMIT, || {
        let _descriptors = rustix::process::setrlimit(
            rustix::process::Resource::Nofile,
            rustix::process::Rlimit {
                current: rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum,
                ..rustix::process::getrlimit(rustix::process::Resource::Nofile)
            },
        );
        block_on(async {
            let listener = listener().await;
            let addr = listener.local_addr().expect("bound");
            let serve = async {
                let mut streams = Vec::new();
                for _ in 0..CONNECTIONS {
                    streams.push(listener.accept().await.expect("a connection").0);
                }
                futures::future::join_all(streams.into_iter().map(echo)).await
            };
            let ask = futures::future::join_all((0..CONNECTIONS).map(|n| async move {
                let stream = TcpStream::connect(addr).await.expect("a server");
                let sent = (n as u64).to_le_bytes();
                for _ in 0..3 {
                    stream.write_all(&sent).await.expect("room");
                    let mut got = [0; 8];
                    stream.read_exact(&mut got).await.expect("an echo");
                    assert_eq!(got, sent);
                }
            }));
            let (served, _) = futures::future::join(serve, ask).await;
            assert!(served.iter().all(Result::is_ok));
        });
    });
}

#[test]
fn several_buffers_are_read_and_written_in_one_go() {
    everywhere(|_| async {
        let (client, server) = pair().await;
        let parts = [IoSlice::new(b"one "), IoSlice::new(b"two")];
        assert_eq!(client.write_vectored(&parts).await.expect("room"), 7);
        let (mut a, mut b) = ([0; 3], [0; 8]);
        let mut parts = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(server.read_vectored(&mut parts).await.expect("bytes"), 7);
        assert_eq!((&a, &b[..4]), (b"one", &b" two"[..]));
    });
}

#[test]
fn what_was_peeked_is_read_again() {
    everywhere(|_| async {
        let (client, server) = pair().await;
        client.write_all(b"peek").await.expect("room");
        let mut buf = [0; 4];
        while server.peek(&mut buf).await.expect("bytes") < 4 {}
        buf = [0; 4];
        server.read_exact(&mut buf).await.expect("bytes");
        assert_eq!(&buf, b"peek");
        let error = server.try_read(&mut buf).expect_err("nothing is left");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn urgent_data_in_the_middle_does_not_hide_what_follows() {
    everywhere(|_| async {
        let (client, server) = pair().await;
        let (mut got, mut buf) = (Vec::new(), [0; 64]);
        let mut first = ByHand::new(server.readable());
        drop(first.poll());
        client.write_all(b"before").await.expect("room");
        socket2::SockRef::from(&client)
            .send_out_of_band(b"!")
            .expect("room");
        client.write_all(b"after").await.expect("room");
        while got.len() < 11 {
            let some = server.read(&mut buf).await.expect("bytes");
            got.extend_from_slice(&buf[..some]);
        }
        assert_eq!(got, b"beforeafter");
    });
}

#[test]
fn halves_go_to_different_tasks_and_come_together_again() {
    everywhere(|spawner: Spawner| async move {
        let (client, server) = pair().await;
        let echoing = spawner.spawn(echo(server));
        let (mut reader, mut writer) = client.into_split();
        let writing = spawner.spawn(async move {
            AsyncWriteExt::write_all(&mut writer, b"half")
                .await
                .expect("room");
            writer
        });
        let mut got = [0; 4];
        AsyncReadExt::read_exact(&mut reader, &mut got)
            .await
            .expect("an echo");
        assert_eq!(&got, b"half");
        let client = reader.reunite(writing.await).expect("of one connection");
        client.write_all(b"more").await.expect("still open");
        client.read_exact(&mut got).await.expect("an echo");
        assert_eq!(&got, b"more");
        let (mut reader, writer) = client.into_split();
        drop(writer);
        echoing.await.expect("the writer's end has come through");
        assert_eq!(reader.read(&mut got).await.expect("the end"), 0);
    });
}

#[test]
fn a_deadline_ends_a_read_that_already_waits_and_can_be_moved() {
    everywhere(|spawner: Spawner| async move {
        let (client, server) = pair().await;
        let client = Arc::new(client);
        let there = Arc::clone(&client);
        let reader = spawner.spawn(async move { there.read(&mut [0]).await });
        let begun = Instant::now();
        client.set_read_deadline(begun + Duration::from_millis(20));
        let error = reader.await.expect_err("its time is over");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begun.elapsed() >= Duration::from_millis(20));
        let error = client.read(&mut [0]).await.expect_err("it still is");
        assert_eq!(error.to_string(), "i/o timeout");
        client
            .write_all(b"x")
            .await
            .expect("writing has no deadline");
        client.set_deadline(None);
        server.write_all(b"y").await.expect("room");
        let mut byte = [0];
        assert_eq!(client.read(&mut byte).await.expect("a byte"), 1);
        assert_eq!(&byte, b"y");
    });
}

#[test]
fn a_deadline_that_was_replaced_in_time_does_not_act() {
    everywhere(|_| async {
        let (client, server) = pair().await;
        for _ in 0..200 {
            client.set_deadline(Instant::now() + Duration::from_micros(50));
            client.set_deadline(Instant::now() + LIMIT);
            server.write_all(b"z").await.expect("room");
            assert_eq!(client.read(&mut [0]).await.expect("a byte"), 1);
        }
        client.set_deadline(Instant::now());
        let error = client.read(&mut [0]).await.expect_err("a deadline of now");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn a_deadline_of_writing_ends_a_write_that_waits_and_no_read() {
    everywhere(|spawner: Spawner| async move {
        let (client, server) = pair().await;
        let client = Arc::new(client);
        let there = Arc::clone(&client);
        let writing = spawner.spawn(async move { there.write_all(&vec![1; 100_000_000]).await });
        client.set_write_deadline(Instant::now() + Duration::from_millis(20));
        let error = writing.await.expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let error = client.write(&[1]).await.expect_err("it still is");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        server.write_all(b"x").await.expect("room");
        let read = client.read(&mut [0]).await;
        assert_eq!(read.expect("reading has no deadline"), 1);
        client.set_write_deadline(None);
        drop(server);
        let error = client.write_all(&vec![1; 100_000_000]).await;
        assert_ne!(error.expect_err("it is gone").kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn all_of_a_long_text_comes_once_and_in_order() {
    everywhere(|spawner: Spawner| async move {
        let (client, server) = pair().await;
        let sent: Vec<u8> = (0..6_000_000_u32).map(|n| (n / 251) as u8).collect();
        let mine = sent.clone();
        let writing = spawner.spawn(async move { client.write_all(&mine).await });
        // In two pieces, each longer than all buffers on the way.
        let mut got = vec![0; sent.len()];
        let (first, second) = got.split_at_mut(sent.len() / 2);
        server.read_exact(first).await.expect("bytes");
        server.read_exact(second).await.expect("bytes");
        writing.await.expect("all was taken");
        assert!(got == sent);
        assert_eq!(server.read(&mut [0]).await.expect("the end"), 0);
    });
}

#[test]
fn ending_what_the_other_side_has_reset_is_no_error() {
    everywhere(|_| async {
        let (client, server) = pair().await;
        server.set_linger(Some(Duration::ZERO)).expect("connected");
        drop(server);
        client.read(&mut [0]).await.expect_err("reset");
        let error = socket2::SockRef::from(&client).shutdown(Shutdown::Write);
        assert_eq!(error.expect_err("gone").kind(), ErrorKind::NotConnected);
        client.shutdown(Shutdown::Write).expect("ended");
        AsyncWriteExt::close(&mut &client).await.expect("ended");
    });
}

#[test]
fn the_first_address_that_can_be_bound_is_bound() {
    everywhere(|_| async {
        let other = listener().await;
        let taken = other.local_addr().expect("bound");
        let free = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let bound = TcpListener::bind([taken, free]).await.expect("a port");
        assert_ne!(bound.local_addr().expect("bound"), taken);
        let error = TcpListener::bind([taken, taken]).await;
        assert_eq!(error.expect_err("taken").kind(), ErrorKind::AddrInUse);
    });
}

#[test]
fn a_listener_for_both_families_takes_both_and_one_for_v6_only_that() {
    everywhere(|_| async {
        for only in [false, true] {
            let config = ListenConfig::new().only_v6(only);
            let Ok(listener) = config.bind("[::]:0").await else {
                return; // A machine without IPv6.
            };
            let port = listener.local_addr().expect("bound").port();
            let v4 = TcpStream::connect(([127, 0, 0, 1], port)).await;
            assert_eq!(v4.is_err(), only);
        }
    });
}

#[test]
fn a_dialer_s_options_are_the_connection_s() {
    everywhere(|_| async {
        let listener = listener().await;
        let there = listener.local_addr().expect("bound");
        let local = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        // All of 127.0.0.0/8 is this host's on Linux.
        let last = if cfg!(target_os = "linux") { 9 } else { 1 };
        let ours = ([127, 0, 0, last], 0);
        let dialer = Dialer::new()
            .nodelay(false)
            .keepalive(Duration::from_secs(7))
            .local_addr(ours.into());
        let stream = dialer.connect(there).await.expect("it listens");
        assert!(!stream.nodelay().expect("connected"));
        assert!(stream.keepalive().expect("connected"));
        let socket = socket2::SockRef::from(&stream);
        let seven = Duration::from_secs(7);
        assert_eq!(socket.tcp_keepalive_time().expect("a socket"), seven);
        assert_eq!(socket.tcp_keepalive_interval().expect("a socket"), seven);
        if cfg!(target_os = "linux") {
            let (_, peer) = listener.accept().await.expect("a connection");
            assert_eq!(peer.ip(), std::net::IpAddr::from([127, 0, 0, 9]));
        }
        let stream = Dialer::new().local_addr(local).connect(there).await;
        assert!(!stream.expect("it listens").keepalive().expect("connected"));
    });
}

#[test]
fn a_deadline_ends_an_accept() {
    everywhere(|_| async {
        let listener = listener().await;
        listener.set_deadline(Instant::now() + Duration::from_millis(5));
        let error = listener.accept().await.expect_err("nobody comes");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn options_are_the_systems() {
    everywhere(|_| async {
        let (client, server) = pair().await;
        for stream in [&client, &server] {
            assert!(stream.nodelay().expect("connected"));
        }
        client.set_nodelay(false).expect("connected");
        assert!(!client.nodelay().expect("connected"));
        client.set_ttl(33).expect("connected");
        assert_eq!(client.ttl().expect("connected"), 33);
        client
            .set_linger(Some(Duration::from_secs(2)))
            .expect("connected");
        assert_eq!(
            client.linger().expect("connected"),
            Some(Duration::from_secs(2))
        );
        client.set_linger(None).expect("connected");
        client
            .set_keepalive(Some(Duration::from_secs(9)))
            .expect("connected");
        assert!(client.keepalive().expect("connected"));
        client.set_keepalive(None).expect("connected");
        assert!(!client.keepalive().expect("connected"));
        client.set_recv_buffer_size(1 << 16).expect("connected");
        assert!(client.recv_buffer_size().expect("connected") >= 1 << 16);
        assert!(client.take_error().expect("connected").is_none());
        assert_eq!(
            client.peer_addr().expect("connected"),
            server.local_addr().expect("connected")
        );
    });
}

#[test]
#[cfg(target_os = "linux")]
fn listeners_may_share_a_port_and_a_port_can_be_bound_again_at_once() {
    everywhere(|_| async {
        let config = ListenConfig::new().reuse_port(true);
        let first = config.bind("127.0.0.1:0").await.expect("a port");
        let addr = first.local_addr().expect("bound");
        let second = config.bind(addr).await.expect("the same port");
        drop((first, second));
        let listener = TcpListener::bind(addr).await.expect("free again");
        let client = TcpStream::connect(addr).await.expect("a listener");
        let (server, _) = listener.accept().await.expect("a connection");
        // Its end lingers on the server's side.
        drop((server, listener, client));
        TcpListener::bind(addr).await.expect("and again");
    });
}

#[test]
fn an_address_that_does_not_answer_is_not_waited_for() {
    everywhere(|_| async {
        // A full queue of connections answers no more: on Linux further ones wait for ever.
        let full = ListenConfig::new()
            .backlog(0)
            .bind("127.0.0.1:0")
            .await
            .expect("a port");
        let silent = full.local_addr().expect("bound");
        let dialer = Dialer::new().timeout(Duration::from_millis(30));
        let mut filling = Vec::new();
        while let Ok(stream) = dialer.connect(silent).await {
            filling.push(stream);
        }
        assert!(filling.len() < 5, "{} have room", filling.len());
        let listener = listener().await;
        let good = listener.local_addr().expect("bound");
        let refused = {
            let gone = support::listener().await;
            gone.local_addr().expect("bound")
        };
        let dialer = Dialer::new().attempt_delay(Duration::from_millis(20));
        let begun = Instant::now();
        let stream = dialer
            .connect([refused, silent, good])
            .await
            .expect("one answers");
        assert_eq!(stream.peer_addr().expect("connected"), good);
        assert!(
            begun.elapsed() >= Duration::from_millis(20),
            "the silent one had its time"
        );
        assert!(begun.elapsed() < Duration::from_secs(1), "and no more");
        let dialer = dialer.timeout(Duration::from_millis(60));
        let error = dialer
            .connect([refused, silent])
            .await
            .expect_err("nobody answers");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(
            attempts(&error),
            [
                (refused, ErrorKind::ConnectionRefused),
                (silent, ErrorKind::TimedOut)
            ]
        );
        let error = dialer.connect(silent).await.expect_err("it is silent");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.to_string(), format!("dial tcp {silent}: i/o timeout"));
        assert_eq!(attempts(&error), [(silent, ErrorKind::TimedOut)]);
    });
}

fn attempts(error: &std::io::Error) -> Vec<(std::net::SocketAddr, ErrorKind)> {
    let kept = error
        .get_ref()
        .and_then(|error| error.downcast_ref::<DialError>());
    let attempts = kept.expect("a DialError").attempts();
    let kinds = attempts.iter().map(|(addr, error)| (*addr, error.kind()));
    kinds.collect()
}

#[test]
fn every_failed_attempt_is_told() {
    everywhere(|_| async {
        let mut gone = Vec::new();
        for _ in 0..3 {
            gone.push(listener().await.local_addr().expect("bound"));
        }
        let error = TcpStream::connect(&gone).await.expect_err("nobody listens");
        let refused = gone
            .iter()
            .map(|&addr| (addr, ErrorKind::ConnectionRefused));
        assert_eq!(attempts(&error), refused.collect::<Vec<_>>());
    });
}

#[test]
fn a_name_is_looked_up() {
    everywhere(|_| async {
        let listener = TcpListener::bind("localhost:0")
            .await
            .expect("a name of this host");
        let port = listener.local_addr().expect("bound").port();
        let stream = TcpStream::connect(("localhost", port))
            .await
            .expect("a listener");
        assert!(stream.peer_addr().expect("connected").ip().is_loopback());
        let error = TcpStream::connect("no port").await.expect_err("no address");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let none: [std::net::SocketAddr; 0] = [];
        let error = TcpStream::connect(none).await.expect_err("no address");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_minimal_web_server_answers() {
    everywhere(|spawner: Spawner| async move {
        let listener = Arc::new(listener().await);
        let addr = listener.local_addr().expect("bound");
        let (there, serving) = (spawner.clone(), Arc::clone(&listener));
        let server = spawner.spawn(async move {
            while let Ok((stream, _)) = serving.accept().await {
                there.spawn(async move { answer(stream).await }).forget();
            }
        });
        for path in ["/bar", "/baz"] {
            let stream = TcpStream::connect(addr).await.expect("a server");
            let request = format!("GET {path} HTTP/1.0\r\nHost: here\r\n\r\n");
            stream.write_all(request.as_bytes()).await.expect("room");
            let mut response = String::new();
            stream
                .read_to_string(&mut response)
                .await
                .expect("an answer");
            assert!(response.starts_with("HTTP/1.0 200 OK\r\n"), "{response}");
            assert!(
                response.ends_with(&format!("\r\n\r\nHello, \"{path}\"")),
                "{response}"
            );
        }
        listener.close();
        server.await;
    });
}

async fn answer(stream: TcpStream) -> std::io::Result<()> {
    let (mut request, mut buf) = (Vec::new(), [0; 512]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buf).await? {
            0 => return Ok(()),
            got => request.extend_from_slice(&buf[..got]),
        }
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or("/");
    let body = format!("Hello, {path:?}");
    let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).await
}

#[test]
fn nothing_is_read_and_written_at_once() {
    everywhere(|_| async {
        let (client, _server) = pair().await;
        let mut wait = ByHand::new(client.readable());
        while wait.poll().is_ready() {
            let error = client.try_read(&mut [0]).expect_err("nothing to read");
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            wait = ByHand::new(client.readable());
        }
        assert_eq!(client.read(&mut []).await.expect("nothing"), 0);
        client.read_exact(&mut []).await.expect("nothing");
        assert_eq!(client.read_vectored(&mut []).await.expect("nothing"), 0);
        assert_eq!(
            AsyncReadExt::read(&mut &client, &mut [])
                .await
                .expect("nothing"),
            0
        );
        client.write_all(&[]).await.expect("nothing");
        assert_eq!(client.write(&[]).await.expect("nothing"), 0);
    });
}

#[test]
fn a_port_without_a_host_is_one_of_every_address_here() {
    everywhere(|_| async {
        let listener = TcpListener::bind(":0").await.expect("a port");
        let addr = listener.local_addr().expect("bound");
        assert!(addr.ip().is_unspecified());
        let client = TcpStream::connect(("127.0.0.1", addr.port())).await;
        let (server, _) = listener.accept().await.expect("a connection");
        assert_eq!(
            server.peer_addr().expect("open").port(),
            client
                .expect("connected")
                .local_addr()
                .expect("open")
                .port()
        );
    });
}
