//! A server that gives back what it gets; a goroutine for each connection.
//!
//! `cargo run --example echo_server -- 127.0.0.1:7000`, and then `echo_client` with the same
//! address, or `nc`. In Go: `net.Listen`, `Accept` in a loop, `go io.Copy(conn, conn)`. Look at
//! what a goroutine that waits for its client costs: no thread, and less than a kilobyte.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::io;

use marmot::net::{TcpListener, TcpStream};
use marmot::prelude::*;

#[marmot::main]
async fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1);
    let listener = TcpListener::bind(addr.as_deref().unwrap_or("127.0.0.1:7000")).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => drop(go!(async move {
                match echo(stream).await {
                    Ok(bytes) => println!("{peer} has gone after {bytes} bytes"),
                    Err(error) => println!("{peer}: {error}"),
                }
            })),
            // Too many connections, for instance: it has rested, and those that are there go on.
            Err(error) => println!("accept: {error}"),
        }
    }
}

async fn echo(stream: TcpStream) -> io::Result<u64> {
    let (mut buffer, mut bytes) = ([0; 1024], 0);
    loop {
        let some = stream.read(&mut buffer).await?;
        if some == 0 {
            return Ok(bytes);
        }
        stream.write_all(&buffer[..some]).await?;
        bytes += some as u64;
    }
}
