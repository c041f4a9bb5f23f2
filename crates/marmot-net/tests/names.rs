//! What is here because std's sockets have it: second handles, streams of connections, addresses
//! that are no paths.

mod support;

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use futures::StreamExt;
use marmot_net::{Dialer, Target, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use support::{Spawner, everywhere, listener, pair};

#[test]
fn a_connection_lives_until_its_last_handle_goes() {
    everywhere(|_| async {
        let (client, server) = pair().await;
        let second = client.try_clone().expect("descriptors");
        client.write_all(b"one ").await.expect("room");
        drop(client);
        second.write_all(b"two").await.expect("it is open");
        let mut heard = [0; 7];
        server.read_exact(&mut heard).await.expect("both");
        assert_eq!(&heard, b"one two");
        drop(second);
        assert_eq!(server.read(&mut heard).await.expect("the end"), 0);
    });
}

#[test]
fn a_deadline_of_one_handle_is_none_of_the_other() {
    everywhere(|spawner: Spawner| async move {
        let (client, server) = pair().await;
        let second = client.try_clone().expect("descriptors");
        client.set_read_deadline(Instant::now());
        let error = client.read(&mut [0]).await.expect_err("it is over");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let reader = spawner.spawn(async move { second.read(&mut [0; 8]).await });
        server.write_all(b"late").await.expect("room");
        assert_eq!(reader.await.expect("no deadline"), 4);
    });
}

#[test]
fn each_connection_comes_to_one_handle_of_a_listener() {
    everywhere(|spawner: Spawner| async move {
        let first = listener().await;
        let second = first.try_clone().expect("descriptors");
        let addr = first.local_addr().expect("bound");
        assert_eq!(second.local_addr().expect("bound"), addr);
        let accepting = [first, second].map(|listener| {
            spawner.spawn(async move {
                let (stream, peer) = listener.accept().await.expect("a connection");
                drop(stream);
                peer
            })
        });
        // Whoever got the first one goes, so the other one gets the second.
        let mut expected = Vec::new();
        let mut clients = Vec::new();
        for _ in 0..2 {
            let client = TcpStream::connect(addr).await.expect("they listen");
            expected.push(client.local_addr().expect("connected"));
            clients.push(client);
        }
        let mut accepted = futures::future::join_all(accepting).await;
        accepted.sort();
        expected.sort();
        assert_eq!(accepted, expected);
    });
}

#[test]
fn a_stream_of_connections_ends_when_its_listener_is_closed() {
    everywhere(|spawner: Spawner| async move {
        let listener = std::sync::Arc::new(listener().await);
        let addr = listener.local_addr().expect("bound");
        let (counted, mut count) = futures::channel::mpsc::unbounded();
        let there = std::sync::Arc::clone(&listener);
        let server = spawner.spawn(async move {
            let mut incoming = there.incoming();
            while let Some(stream) = incoming.next().await {
                let peer = stream.expect("no error").peer_addr().expect("connected");
                counted.unbounded_send(peer).expect("somebody counts");
            }
        });
        for _ in 0..3 {
            let client = TcpStream::connect(addr).await.expect("it listens");
            let peer = count.next().await.expect("it goes on");
            assert_eq!(peer, client.local_addr().expect("connected"));
        }
        listener.close();
        server.await;
    });
}

#[test]
fn a_stream_of_connections_goes_on_after_an_error() {
    everywhere(|_| async {
        let listener = listener().await;
        let mut incoming = listener.incoming();
        listener.set_deadline(Instant::now());
        let error = incoming.next().await.expect("an item").expect_err("late");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        listener.set_deadline(None);
        let client = TcpStream::connect(listener.local_addr().expect("bound")).await;
        let _client = client.expect("it listens");
        incoming
            .next()
            .await
            .expect("an item")
            .expect("a connection");
    });
}

#[test]
fn a_dropped_stream_of_connections_loses_none() {
    everywhere(|_| async {
        let listener = listener().await;
        let mut incoming = listener.incoming();
        assert!(futures::poll!(incoming.next()).is_pending());
        let client = TcpStream::connect(listener.local_addr().expect("bound")).await;
        let client = client.expect("it listens");
        drop(incoming);
        let (_, peer) = listener.accept().await.expect("still there");
        assert_eq!(peer, client.local_addr().expect("connected"));
    });
}

#[test]
fn connecting_to_one_address_can_be_limited() {
    everywhere(|_| async {
        let listener = listener().await;
        let addr = listener.local_addr().expect("bound");
        let limit = Duration::from_secs(10);
        let stream = TcpStream::connect_timeout(&addr, limit)
            .await
            .expect("it listens");
        assert_eq!(stream.peer_addr().expect("connected"), addr);
    });
}

#[test]
fn both_handles_of_a_datagram_socket_have_its_options() {
    everywhere(|_| async {
        let first = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let second = first.try_clone().expect("descriptors");
        first.set_multicast_ttl_v4(3).expect("an option");
        first.set_multicast_loop_v4(false).expect("an option");
        assert_eq!(second.multicast_ttl_v4().expect("an option"), 3);
        assert!(!second.multicast_loop_v4().expect("an option"));
        let addr = first.local_addr().expect("bound");
        first.connect(addr).await.expect("itself");
        let would = second.try_recv(&mut [0; 4]).expect_err("nothing yet");
        assert_eq!(would.kind(), ErrorKind::WouldBlock);
        assert_eq!(second.try_send(b"hi").expect("room"), 2);
        assert_eq!(first.recv(&mut [0; 4]).await.expect("it is there"), 2);
        first.close();
        assert!(first.recv(&mut [0; 4]).await.is_err());
        second
            .send(b"hi")
            .await
            .expect("only the other handle is closed");
    });
}

#[test]
fn options_of_groups_are_there_for_both_families() {
    everywhere(|_| async {
        let Ok(socket) = UdpSocket::bind("[::1]:0").await else {
            return; // a host without IPv6
        };
        socket.set_multicast_loop_v6(false).expect("an option");
        assert!(!socket.multicast_loop_v6().expect("an option"));
    });
}

#[test]
fn a_listener_of_std_can_be_taken_and_cloned() {
    everywhere(|_| async {
        let bound = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let listener = TcpListener::from_std(bound).expect("registered");
        let second = listener.try_clone().expect("descriptors");
        drop(listener);
        let addr = second.local_addr().expect("bound");
        let client = TcpStream::connect(addr).await.expect("it listens");
        let (_, peer) = second.accept().await.expect("a connection");
        assert_eq!(peer, client.local_addr().expect("connected"));
    });
}

#[test]
fn an_error_names_the_address_it_is_about() {
    everywhere(|_| async {
        let text = async |addr: &str| {
            let error = TcpStream::connect(addr).await.expect_err("no address");
            (error.kind(), error.to_string())
        };
        let wrong = ErrorKind::InvalidInput;
        let missing = "address localhost: missing port in address";
        assert_eq!(text("localhost").await, (wrong, missing.to_owned()));
        let invalid = "address localhost:http: invalid port";
        assert_eq!(text("localhost:http").await, (wrong, invalid.to_owned()));
        for lone in ["[::1]", "[::1%1]"] {
            let missing = format!("address {lone}: missing port in address");
            assert_eq!(text(lone).await, (wrong, missing));
        }
        for many in ["::1", "1:2:80", "1::2::3:80"] {
            let colons = format!("address {many}: too many colons in address");
            assert_eq!(text(many).await, (wrong, colons));
        }
        // Too long to be asked of any server.
        let host = "x".repeat(64);
        let (_, lookup) = text(&format!("{host}:80")).await;
        assert!(lookup.starts_with(&format!("lookup {host}: ")), "{lookup}");
        let dialer = Dialer::new().local_addr(([127, 0, 0, 1], 0).into());
        let error = dialer.connect("[::1]:80").await.expect_err("two families");
        assert_eq!(
            error.to_string(),
            "no address of the family of the local one"
        );
    });
}

#[test]
fn what_cannot_be_bound_is_named_too() {
    everywhere(|_| async {
        let other = listener().await;
        let taken = other.local_addr().expect("bound");
        let error = TcpListener::bind(taken).await.expect_err("it is taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let text = error.to_string();
        assert!(text.starts_with(&format!("listen tcp {taken}: ")), "{text}");
        let inner = error.get_ref().and_then(std::error::Error::source);
        let inner: &std::io::Error = inner.and_then(|it| it.downcast_ref()).expect("kept");
        assert_eq!(inner.kind(), ErrorKind::AddrInUse);
        assert!(inner.raw_os_error().is_some());
        let elsewhere = std::net::SocketAddr::from(([192, 0, 2, 1], 9));
        let error = UdpSocket::bind(elsewhere).await.expect_err("not ours");
        let text = error.to_string();
        assert!(text.starts_with("listen udp 192.0.2.1:9: "), "{text}");
    });
}

#[test]
fn a_zone_of_an_address_is_the_resolvers() {
    let name = "[fe80::1%eth0]:80".target().expect("a name");
    assert_eq!(name, Target::host("fe80::1%eth0", 80));
    let plain = "::1:80".target().expect("an address");
    assert_eq!(plain, "[::1]:80".target().expect("an address"));
}

#[test]
fn sockets_become_stds_and_ours_again() {
    everywhere(|_| async {
        let (client, server) = pair().await;
        let blocking = std::net::TcpStream::try_from(client).expect("it can be had back");
        let client = TcpStream::try_from(blocking).expect("registered again");
        server.write_all(b"x").await.expect("open");
        assert_eq!(client.read(&mut [0]).await.expect("open"), 1);
    });
}

#[cfg(unix)]
mod unix {
    use std::os::unix::net::SocketAddr;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::StreamExt;
    use marmot_net::{UnixDatagram, UnixListener, UnixStream};

    use crate::support::everywhere;

    fn name() -> String {
        static TURN: AtomicU32 = AtomicU32::new(0);
        // ORDERING: Relaxed: only that the names differ.
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        format!("marmot-net-names-{}-{turn}", std::process::id())
    }

    /// A path that nobody else uses, and which is gone in the end.
    struct Place(PathBuf);

    impl Place {
        fn new() -> Place {
            Place(std::env::temp_dir().join(name()))
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _absent = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn unix_connections_have_second_handles_and_come_as_a_stream() {
        everywhere(|_| async {
            let path = Place::new();
            let listener = UnixListener::bind(&path.0).expect("a new path");
            let second = listener.try_clone().expect("descriptors");
            drop(listener);
            let mut incoming = second.incoming();
            let client = UnixStream::connect(&path.0).await.expect("it listens");
            let server = incoming
                .next()
                .await
                .expect("it goes on")
                .expect("no error");
            let twin = client.try_clone().expect("descriptors");
            drop(client);
            twin.write_all(b"hello").await.expect("open");
            let mut heard = [0; 5];
            server.read_exact(&mut heard).await.expect("words");
            second.close();
            assert!(incoming.next().await.is_none(), "it was closed");
        });
    }

    async fn by_address(receiver: UnixDatagram, addr: SocketAddr) {
        let sender = UnixDatagram::unbound().expect("a socket");
        let mut buf = [0; 8];
        sender
            .send_to_addr(b"one", &addr)
            .await
            .expect("it is there");
        assert_eq!(receiver.recv(&mut buf).await.expect("a datagram"), 3);
        sender.connect_addr(&addr).expect("it is there");
        sender.send(b"three").await.expect("connected");
        let twin = receiver.try_clone().expect("descriptors");
        assert_eq!(twin.recv(&mut buf).await.expect("a datagram"), 5);
    }

    #[test]
    fn datagrams_go_to_addresses_that_are_paths() {
        everywhere(|_| async {
            let path = Place::new();
            let addr = SocketAddr::from_pathname(&path.0);
            let addr = addr.expect("short enough");
            let receiver = UnixDatagram::bind_addr(&addr).expect("a new path");
            by_address(receiver, addr).await;
        });
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn datagrams_go_to_addresses_that_are_no_paths() {
        use std::os::linux::net::SocketAddrExt;

        everywhere(|_| async {
            let addr = SocketAddr::from_abstract_name(name()).expect("short enough");
            let receiver = UnixDatagram::bind_addr(&addr).expect("a new name");
            by_address(receiver, addr).await;
        });
    }

    #[test]
    fn an_unnamed_address_is_no_place_to_send_to() {
        everywhere(|_| async {
            let (a, _b) = UnixDatagram::pair().expect("sockets");
            let unnamed = a.local_addr().expect("it has none");
            let error = a.send_to_addr(b"x", &unnamed).await.expect_err("nowhere");
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        });
    }
}
