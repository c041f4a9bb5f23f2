//! A server without descriptors: it rests, says so, and goes on when there are some again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream as Plain;
use std::time::Instant;

use marmot::prelude::*;
use marmot_testing::within;

use crate::support::{LIMIT, allow_descriptors, child, echo, listener, on};

/// Descriptors of the server: some for itself, the others for connections.
const DESCRIPTORS: u64 = 40;
/// More clients than it has descriptors for.
const CLIENTS: usize = 60;

#[test]
fn a_server_without_descriptors_rests_and_recovers() {
    let Some(mut server) = child("exhausted::a_server_without_descriptors_rests_and_recovers")
    else {
        return serve();
    };
    within(LIMIT, move || {
        let mut lines = BufReader::new(server.stdout.take().expect("piped")).lines();
        let mut line = || lines.next().expect("a line").expect("text");
        let port = loop {
            if let Some(port) = line().strip_prefix("port ") {
                break port.parse::<u16>().expect("a number");
            }
        };
        let connect = || Plain::connect(("127.0.0.1", port)).expect("it has room in its queue");
        let held: Vec<_> = (0..CLIENTS).map(|_| connect()).collect();
        while line() != "no descriptors" {}
        drop(held);
        // Those that it has accepted end, those in its queue too, and then there is room.
        let mut client = connect();
        client.write_all(b"hello").expect("room");
        client.read_exact(&mut [0; 5]).expect("an echo");
        drop(client);
        drop(server.stdin.take());
        assert!(server.wait().expect("a child").success());
    });
}

#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn serve() {
    allow_descriptors(DESCRIPTORS);
    on(2, || async {
        let listener = listener().await;
        println!("port {}", listener.local_addr().expect("bound").port());
        let parent = go!(|| drop(std::io::stdin().read(&mut [0])));
        let serving = go!(async move {
            let (begun, mut failures) = (Instant::now(), 0);
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(go!(echo(stream))),
                    Err(error) => {
                        assert_eq!(error.raw_os_error(), Some(24), "EMFILE: {error}");
                        failures += 1;
                        println!("no descriptors");
                        // Rests of 5 ms at least, so it does not spin.
                        assert!(begun.elapsed() >= ms(5) * failures, "{failures} failures");
                    }
                }
            }
        });
        parent.await.expect("the parent lets go");
        assert!(!serving.is_finished(), "it goes on");
        serving.abort();
    });
}
