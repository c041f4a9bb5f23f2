//! Ten thousand connections at once, between two processes.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use marmot::net::{TcpListener, TcpStream};
use marmot::prelude::*;
use marmot_testing::within;

use crate::support::{LIMIT, allow_descriptors, child, echo, on, serving};

const CROWD: u64 = 10_000;
/// What a process has open beside the connections.
const OTHERS: u64 = 200;
/// So many connect at once: as many as a listener's queue holds.
const AT_ONCE: usize = 500;

#[test]
#[expect(
    clippy::print_stderr,
    reason = "says if there was less to test than meant"
)]
fn ten_thousand_connections_are_served_at_once() {
    let allowed = allow_descriptors(CROWD + OTHERS) - OTHERS;
    let Some(mut server) = child("crowd::ten_thousand_connections_are_served_at_once") else {
        return serve();
    };
    if allowed < CROWD {
        eprintln!("only {allowed} connections: the system allows no more descriptors");
    }
    within(2 * LIMIT, move || {
        // Kept to the end: the test harness of the child has more to say.
        let mut lines = BufReader::new(server.stdout.take().expect("piped")).lines();
        let port: u16 = lines
            .by_ref()
            .map(|line| line.expect("text"))
            .find_map(|line| line.strip_prefix("port ")?.parse().ok())
            .expect("the server says its port");
        on(2, move || clients(port, allowed));
        drop(server.stdin.take());
        assert!(server.wait().expect("a child").success());
    });
}

#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn serve() {
    on(2, || async {
        let listener = TcpListener::bind("127.1.2.3:0").await.expect("a port");
        println!("port {}", listener.local_addr().expect("bound").port());
        let listener = serving(listener, echo);
        go!(|| drop(std::io::stdin().read(&mut [0])))
            .await
            .expect("the parent lets go");
        listener.close();
    });
}

/// All connect, then all talk, then all talk again, and only then they go.
async fn clients(port: u16, crowd: u64) {
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    let connecting: Vec<_> = (0..crowd)
        .map(|_| {
            go!([at_once], async move {
                let _turn = at_once.acquire(1).await;
                let stream = TcpStream::connect(("127.1.2.3", port)).await;
                let stream = stream.expect("it listens");
                // So that ten thousand do not linger afterwards.
                stream.set_linger(Some(Duration::ZERO)).expect("an option");
                stream
            })
        })
        .collect();
    let mut streams = Vec::new();
    for connecting in connecting {
        streams.push(Arc::new(connecting.await.expect("no panic")));
    }
    assert_eq!(streams.len() as u64, crowd);
    for round in 0..2_u64 {
        let talks: Vec<_> = streams
            .iter()
            .zip(0_u64..)
            .map(|(stream, number)| go!([stream], talk(stream, number << 1 | round)))
            .collect();
        for talk in talks {
            talk.await.expect("an echo of one's own");
        }
    }
}

async fn talk(stream: Arc<TcpStream>, number: u64) {
    let sent = number.to_le_bytes();
    stream.write_all(&sent).await.expect("room");
    let mut back = [0; 8];
    stream.read_exact(&mut back).await.expect("an echo");
    assert_eq!(back, sent);
}
