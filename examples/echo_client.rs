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

/// The server may say nothing for so long when it should.
const PATIENCE: Duration = secs(10);

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
        // Dropping the writing half says that there will be no more.
        Ok::<_, io::Error>(())
    });

    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    loop {
        // Only while something is owed would silence be a fault; here it is a limit for all.
        let read = timeout(PATIENCE, reader.read_line(&mut line)).await;
        if read.map_err(|_| io::ErrorKind::TimedOut)?? == 0 {
            break;
        }
        print!("{line}");
        line.clear();
    }
    sending.await.expect("it does not panic")
}
