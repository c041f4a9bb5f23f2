//! Passes connections on to another server, with deadlines.
//!
//! `cargo run --example tcp_proxy -- 127.0.0.1:7002 example.com:80 [idle seconds]`. In Go:
//! `net.Dialer{Timeout: ..}`, two `io.Copy`, `SetReadDeadline`. Look at the half-close: when one side
//! has said all, the other is told so, and may still answer; and at the deadline, which acts on a
//! read that already waits, so that bytes in one direction keep the other one alive.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::io;
use std::net::Shutdown;
use std::sync::Arc;

use marmot::net::{Dialer, TcpListener, TcpStream};
use marmot::prelude::*;

/// The other server has so long to take a connection.
const DIAL: Duration = secs(5);
/// A connection on which nothing moves is given up after so many seconds.
const IDLE_SECONDS: f64 = 60.0;

#[marmot::main]
async fn main() -> io::Result<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [here, there, idle @ ..] = &args[..] else {
        return Err(io::Error::other("tcp_proxy ADDRESS TARGET [IDLE SECONDS]"));
    };
    let idle = idle.first().map_or(Ok(IDLE_SECONDS), |text| text.parse());
    let idle = Duration::try_from_secs_f64(idle.map_err(io::Error::other)?);
    let idle = idle.map_err(io::Error::other)?;
    let there: Arc<str> = there.as_str().into();
    let listener = TcpListener::bind(here.as_str()).await?;
    println!("listening on {}, for {there}", listener.local_addr()?);
    loop {
        let (client, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many connections, for instance: it has rested, and those that are there go on.
                println!("accept: {error}");
                continue;
            }
        };
        go!([there], async move {
            match pass(client, &there, idle).await {
                Ok((up, down)) => println!("{peer}: {up} bytes there, {down} back"),
                Err(error) => println!("{peer}: {error}"),
            }
        });
    }
}

/// Both directions, until both have ended or one is broken.
async fn pass(client: TcpStream, there: &str, idle: Duration) -> io::Result<(u64, u64)> {
    let server = Dialer::new().timeout(DIAL).connect(there).await?;
    let both = Arc::new([client, server]);
    let back = go!([both], async move { copy(&both, 1, 0, idle).await });
    let up = copy(&both, 0, 1, idle).await;
    let down = back.await.expect("it does not panic");
    match (up, down) {
        (Ok(up), Ok(down)) => Ok((up, down)),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        // One of them has only found the streams closed by the other.
        (Err(up), Err(down)) if up.kind() == io::ErrorKind::NotConnected => Err(down),
        (Err(up), Err(_)) => Err(up),
    }
}

/// One direction. Whatever moves puts the deadlines of both sides off.
async fn copy(both: &[TcpStream; 2], from: usize, to: usize, idle: Duration) -> io::Result<u64> {
    let mut buffer = vec![0; 32 * 1024];
    let mut bytes = 0;
    loop {
        // Beyond what a clock can tell is never.
        let deadline = Instant::now().checked_add(idle);
        both.iter().for_each(|stream| stream.set_deadline(deadline));
        let moved = async {
            let some = both[from].read(&mut buffer).await?;
            both[to].write_all(&buffer[..some]).await?;
            Ok(some)
        };
        match moved.await {
            // This direction is over, and the other side is told; the opposite one goes on.
            Ok(0) => {
                both[to].shutdown(Shutdown::Write)?;
                return Ok(bytes);
            }
            Ok(some) => bytes += some as u64,
            Err(error) => {
                for stream in both {
                    stream.close();
                }
                return Err(error);
            }
        }
    }
}
