//! Which ports of a host are open? A hundred attempts at a time.
//!
//! `cargo run --example port_scan -- localhost 1 1024`. In Go: a buffered channel as a semaphore, or
//! `errgroup.SetLimit`, and `net.DialTimeout`. Look at the limit: a goroutine is started only when
//! there is room, so a scan of 65,535 ports never has more than a hundred of them, or of sockets.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use marmot::net::{Dialer, lookup_host};
use marmot::prelude::*;

/// Attempts at a time.
const LIMIT: usize = 100;
/// A port that says nothing for so long is filtered, or far away.
const PATIENCE: Duration = ms(500);

#[marmot::main]
async fn main() -> io::Result<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [host, first, last] = &args[..] else {
        return Err(io::Error::other("port_scan HOST FIRST LAST"));
    };
    let number = |text: &str| text.parse::<u16>().map_err(io::Error::other);
    let (first, last) = (number(first)?, number(last)?);
    let found = lookup_host((host.as_str(), 0)).await?.next();
    let host = found.ok_or(ErrorKind::NotFound)?;

    let start = Instant::now();
    let open = scan(host, first, last).await;
    for port in &open {
        println!("{port} is open");
    }
    let count = (first..=last).count();
    println!(
        "{} of {count} ports are open, after {:.1?}",
        open.len(),
        start.elapsed()
    );
    Ok(())
}

/// Whether the other side says no, or nothing. Else it is our own want: of descriptors, for one.
fn is_the_others(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::TimedOut
    )
}

/// The open ones, in order.
async fn scan(host: SocketAddr, first: u16, last: u16) -> Vec<u16> {
    let limit = Arc::new(Semaphore::new(LIMIT));
    let mut attempts = Vec::new();
    for port in first..=last {
        let turn = limit.clone().acquire_owned(1).await;
        let addr = SocketAddr::new(host.ip(), port);
        attempts.push(go!(async move {
            let connected = Dialer::new().timeout(PATIENCE).connect(addr).await;
            drop(turn);
            match connected {
                Ok(_) => Some(port),
                Err(error) if is_the_others(&error) => None,
                Err(error) => {
                    println!("{port} is unknown: {error}");
                    None
                }
            }
        }));
    }
    let mut open = Vec::new();
    for attempt in attempts {
        open.extend(attempt.await.expect("it does not panic"));
    }
    open
}
