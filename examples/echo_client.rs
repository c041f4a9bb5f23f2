//! Sends each line of its input to a server and prints what comes back.
//!
//! `cargo run --example echo_client -- 127.0.0.1:7000`, beside an `echo_server`. In Go:
//! `go io.Copy(conn, os.Stdin)` and `io.Copy(os.Stdout, conn)`. Look at the two directions: each has
//! a goroutine, and the end of the input is told to the server, whose own end ends the program.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::io;

use futures::io::{AsyncBufReadExt, BufReader};
use marmot::net::TcpStream;
use marmot::prelude::*;

/// So long the server may take for the rest, once it has been told that there will be no more.
const PATIENCE: Duration = secs(2);

#[marmot::main]
async fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1);
    let addr = addr.as_deref().unwrap_or("127.0.0.1:7000");
    let (reader, writer) = TcpStream::connect(addr).await?.into_split();

    // A closure may block its thread: nobody else is held up.
    let (lines, input) = chan(16);
    go!(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if lines.send_blocking(line).is_err() {
                break;
            }
        }
    });
    let sending = go!(async move {
        while let Some(line) = input.recv().await {
            writer.write_all(format!("{line}\n").as_bytes()).await?;
        }
        // Acts on the read below, which already waits: until here nobody knew how long that may take.
        writer.set_read_deadline(Instant::now() + PATIENCE);
        // Dropping the writing half says that there will be no more.
        Ok::<_, io::Error>(())
    });

    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    while reader.read_line(&mut line).await? > 0 {
        print!("{line}");
        line.clear();
    }
    sending.await.expect("it does not panic")
}
