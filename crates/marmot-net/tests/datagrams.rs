//! UDP and Unix sockets, under executors that are not ours.

mod support;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use marmot_net::UdpSocket;
use support::{Spawner, everywhere};

async fn udp() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.expect("a port")
}

#[test]
fn a_datagram_comes_whole_and_says_from_whom() {
    everywhere(|spawner: Spawner| async move {
        let (a, b) = (udp().await, udp().await);
        let (from, to) = (
            a.local_addr().expect("bound"),
            b.local_addr().expect("bound"),
        );
        let receiver = spawner.spawn(async move {
            let mut buf = [0; 8];
            let peeked = b.peek_from(&mut buf).await.expect("a datagram");
            let (len, who) = b.recv_from(&mut buf).await.expect("the same");
            assert_eq!(peeked, (len, who));
            (buf[..len].to_vec(), who)
        });
        assert_eq!(a.send_to(b"whole", to).await.expect("room"), 5);
        assert_eq!(receiver.await, (b"whole".to_vec(), from));
    });
}

#[test]
fn a_datagram_that_does_not_fit_is_cut_and_one_of_no_bytes_is_one() {
    everywhere(|_| async {
        let (a, b) = (udp().await, udp().await);
        let to = b.local_addr().expect("bound");
        for datagram in [&b"longer than that"[..], b"", b"next"] {
            let put = a.send_to(datagram, to).await.expect("room");
            assert_eq!(put, datagram.len());
        }
        let mut buf = [0; 6];
        let (len, _) = b.peek_from(&mut buf).await.expect("a datagram");
        assert_eq!(&buf[..len], b"longer");
        assert_eq!(b.recv(&mut buf).await.expect("a datagram"), 6);
        assert_eq!(b.recv(&mut buf).await.expect("a datagram"), 0);
        let len = b.recv(&mut buf).await.expect("a datagram");
        assert_eq!(&buf[..len], b"next");
        let error = a.send_to(&[0; 70_000], to).await.expect_err("too long");
        assert!(error.raw_os_error().is_some(), "{error}");
    });
}

#[test]
fn the_first_address_that_works_is_bound_and_connected_to() {
    everywhere(|_| async {
        let other = udp().await;
        let taken = other.local_addr().expect("bound");
        let free = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let bound = UdpSocket::bind([taken, free]).await.expect("a port");
        assert_ne!(bound.local_addr().expect("bound"), taken);
        let error = UdpSocket::bind([taken, taken]).await.expect_err("taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        // Not of its family.
        let v6 = std::net::SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 9));
        bound.connect([v6, taken]).await.expect("the second");
        assert_eq!(bound.peer_addr().expect("connected"), taken);
        bound.connect([v6]).await.expect_err("not of its family");
    });
}

#[test]
fn connected_sockets_talk_to_each_other_and_learn_that_nobody_is_there() {
    everywhere(|_| async {
        let (a, b) = (udp().await, udp().await);
        a.connect(b.local_addr().expect("bound"))
            .await
            .expect("an address");
        b.connect(a.local_addr().expect("bound"))
            .await
            .expect("an address");
        a.send(b"hello").await.expect("room");
        let mut buf = [0; 8];
        assert_eq!(b.peek(&mut buf).await.expect("a datagram"), 5);
        assert_eq!(b.recv(&mut buf).await.expect("a datagram"), 5);
        assert_eq!(
            a.peer_addr().expect("connected"),
            b.local_addr().expect("bound")
        );
        drop(b);
        a.send(b"?").await.expect("it is sent");
        let error = a.recv(&mut buf).await.expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        // The error is gone with the telling: now there is nothing, and nothing comes.
        a.set_read_deadline(Instant::now() + Duration::from_millis(5));
        let error = a.recv(&mut buf).await.expect_err("nothing comes");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn many_tasks_receive_from_one_socket_and_each_datagram_comes_once() {
    everywhere(|spawner: Spawner| async move {
        const EACH: usize = 20;
        let (a, b) = (udp().await, Arc::new(udp().await));
        let to = b.local_addr().expect("bound");
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let b = Arc::clone(&b);
                spawner.spawn(async move {
                    let mut got = Vec::new();
                    while got.len() < EACH {
                        let mut buf = [0];
                        b.recv(&mut buf).await.expect("a datagram");
                        got.push(buf[0]);
                    }
                    got
                })
            })
            .collect();
        for n in 0..3 * EACH {
            a.send_to(&[n as u8], to).await.expect("room");
        }
        let mut all = Vec::new();
        for receiver in receivers {
            all.extend(receiver.await);
        }
        all.sort_unstable();
        assert_eq!(all, (0..3 * EACH as u8).collect::<Vec<_>>());
    });
}

#[test]
fn options_are_the_systems() {
    everywhere(|_| async {
        let socket = udp().await;
        socket.set_broadcast(true).expect("open");
        assert!(socket.broadcast().expect("open"));
        socket.set_ttl(9).expect("open");
        assert_eq!(socket.ttl().expect("open"), 9);
        socket.set_recv_buffer_size(1 << 15).expect("open");
        assert!(socket.recv_buffer_size().expect("open") >= 1 << 15);
        let error = socket
            .try_recv_from(&mut [0])
            .expect_err("nothing is there");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let std = socket.into_std().expect("open");
        UdpSocket::from_std(std).expect("open").close();
    });
}

#[cfg(unix)]
mod unix {
    use std::io::ErrorKind;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    use marmot_net::{UnixDatagram, UnixListener, UnixStream};

    use super::support::{Spawner, everywhere};

    /// A path of one's own for a socket, which goes at the end.
    struct Place(PathBuf);

    impl Place {
        fn new() -> Place {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            // ORDERING: Relaxed; only that no number comes twice matters.
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("marmot-{}-{number}.sock", std::process::id());
            Place(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _absent = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn a_connection_through_a_path_goes_both_ways() {
        everywhere(|spawner: Spawner| async move {
            let place = Place::new();
            let listener = UnixListener::bind(&place.0).expect("a new path");
            let server = spawner.spawn(async move {
                let (stream, _) = listener.accept().await.expect("a connection");
                let mut heard = String::new();
                stream.read_to_string(&mut heard).await.expect("words");
                stream
                    .write_all(heard.to_uppercase().as_bytes())
                    .await
                    .expect("room");
            });
            let client = UnixStream::connect(&place.0).await.expect("a listener");
            client.write_all(b"quiet").await.expect("room");
            client
                .shutdown(std::net::Shutdown::Write)
                .expect("connected");
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.expect("words");
            assert_eq!(answer, "QUIET");
            server.await;
            let error = UnixStream::connect(&place.0).await.expect_err("it is gone");
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            let absent = UnixStream::connect(place.0.with_extension("no")).await;
            let error = absent.expect_err("no such path");
            assert_eq!(error.kind(), ErrorKind::NotFound);
            let named = format!("dial unix {}: ", place.0.with_extension("no").display());
            assert!(error.to_string().starts_with(&named), "{error}");
            let error = UnixListener::bind(&place.0).expect_err("there is a file");
            assert_eq!(error.kind(), ErrorKind::AddrInUse);
            let named = format!("listen unix {}: ", place.0.display());
            assert!(error.to_string().starts_with(&named), "{error}");
            let long = "x".repeat(200);
            let error = UnixStream::connect(&long).await.expect_err("too long");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let named = format!("dial unix {long}: ");
            assert!(error.to_string().starts_with(&named), "{error}");
        });
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_waits_for_room_in_the_queue_of_its_listener() {
        use marmot_testing::ByHand;
        use socket2::{Domain, SockAddr, Socket, Type};
        use std::task::Poll;

        everywhere(|_| async {
            let place = Place::new();
            let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
            let addr = SockAddr::unix(&place.0).expect("a path");
            listener.bind(&addr).expect("a new path");
            listener.listen(0).expect("bound");
            let filling = UnixStream::connect(&place.0).await.expect("there is room");
            let mut waiting = ByHand::new(UnixStream::connect(&place.0));
            waiting.expect_pending();
            let (first, _) = listener.accept().expect("that which fills it");
            let stream = loop {
                std::thread::yield_now();
                if waiting.wakes() > 0
                    && let Poll::Ready(stream) = waiting.poll()
                {
                    break stream.expect("there is room again");
                }
            };
            drop((first, filling, stream));
            drop(listener);
            let error = UnixStream::connect(&place.0).await.expect_err("gone");
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        });
    }

    /// The system ends a read there, and tells nobody again of what is behind.
    #[cfg(target_os = "linux")]
    #[test]
    fn bytes_behind_those_that_came_with_a_descriptor_are_read_too() {
        use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
        use std::io::IoSlice;
        use std::mem::MaybeUninit;
        use std::os::fd::AsFd;

        everywhere(|_| async move {
            let (near, far) = UnixStream::pair().expect("a pair");
            let mut buf = [0; 64];
            for round in 0..3 {
                let passed = [far.as_fd()];
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut along = SendAncillaryBuffer::new(&mut space);
                assert!(along.push(SendAncillaryMessage::ScmRights(&passed)));
                let sent = sendmsg(&far, &[IoSlice::new(b"a")], &mut along, SendFlags::empty());
                assert_eq!(sent, Ok(1));
                far.write_all(b"bc").await.expect("room");
                assert_eq!(near.read(&mut buf).await.expect("bytes"), 1, "{round}");
                assert_eq!(near.read(&mut buf).await.expect("bytes"), 2, "{round}");
            }
        });
    }

    #[test]
    fn closing_a_listener_ends_an_accept_that_waits() {
        everywhere(|spawner: Spawner| async move {
            let place = Place::new();
            let listener = std::sync::Arc::new(UnixListener::bind(&place.0).expect("a new path"));
            let there = std::sync::Arc::clone(&listener);
            let accept = spawner.spawn(async move { there.accept().await.map(drop) });
            listener.close();
            let error = accept.await.expect_err("it is closed");
            assert_eq!(error.kind(), ErrorKind::NotConnected);
            if cfg!(target_os = "linux") {
                let error = UnixStream::connect(&place.0).await;
                let error = error.expect_err("nobody accepts any more");
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            }
        });
    }

    /// The kernel tells nobody of room in a queue that others have filled.
    #[cfg(target_os = "linux")]
    #[test]
    fn who_waits_for_room_in_a_queue_that_others_have_filled_burns_no_processor() {
        use marmot_testing::ByHand;
        use std::task::Poll;
        use std::time::{Duration, Instant};

        everywhere(|_| async {
            let place = Place::new();
            let receiver = UnixDatagram::bind(&place.0).expect("a new path");
            let (filling, sender) = (UnixDatagram::unbound(), UnixDatagram::unbound());
            let (filling, sender) = (filling.expect("a socket"), sender.expect("a socket"));
            filling.connect(&place.0).expect("it is there");
            while filling.try_send(b"x").is_ok() {}
            let mut sending = ByHand::new(sender.send_to(b"last", &place.0));
            sending.expect_pending();
            let (begun, mut looks) = (Instant::now(), 0);
            while begun.elapsed() < Duration::from_millis(100) {
                if sending.wakes() > 0 {
                    sending.expect_pending();
                    looks += 1;
                }
                std::thread::yield_now();
            }
            assert!((1..50).contains(&looks), "{looks}");
            sender.set_write_deadline(Instant::now());
            let late = loop {
                std::thread::yield_now();
                if sending.wakes() > 0
                    && let Poll::Ready(sent) = sending.poll()
                {
                    break sent.expect_err("its time is over");
                }
            };
            assert_eq!(late.kind(), ErrorKind::TimedOut);
            sender.set_write_deadline(None);
            let sending = async { sender.send_to(b"last", &place.0).await };
            let receiving = async {
                let mut buf = [0; 8];
                while receiver.recv(&mut buf).await.expect("open") == 1 {}
                assert_eq!(&buf[..4], b"last");
            };
            let (sent, ()) = futures::join!(sending, receiving);
            assert_eq!(sent.expect("there is room"), 4);
        });
    }

    #[test]
    fn datagrams_go_to_paths_and_wait_for_room() {
        everywhere(|spawner: Spawner| async move {
            const MANY: u32 = 2000;
            let place = Place::new();
            let receiver = UnixDatagram::bind(&place.0).expect("a new path");
            let sender = UnixDatagram::unbound().expect("a socket");
            sender.send_to(b"by path", &place.0).await.expect("room");
            let mut buf = [0; 16];
            assert_eq!(receiver.recv_from(&mut buf).await.expect("a datagram").0, 7);
            sender.connect(&place.0).expect("somebody is there");
            let sending = spawner.spawn(async move {
                for n in 0..MANY {
                    sender
                        .send(&n.to_le_bytes())
                        .await
                        .expect("room in the end");
                }
            });
            for n in 0..MANY {
                let mut number = [0; 4];
                assert_eq!(receiver.recv(&mut number).await.expect("a datagram"), 4);
                assert_eq!(u32::from_le_bytes(number), n);
            }
            sending.await;
        });
    }
}
