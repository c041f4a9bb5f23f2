//! A TCP server that ends well. At Ctrl-C or SIGTERM it takes no more connections, lets each
//! finish the line it is working on, and ends with status 0.
//!
//! Look at the two `select!`s: the signal is one more thing that can happen. In Go it is
//! `signal.NotifyContext`, and closing the listener to get out of `Accept`.
//! `ADDR=127.0.0.1:7000` takes that address; try it with `nc`.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::io;

use marmot::io::BufReader;
use marmot::net::{TcpListener, TcpStream};
use marmot::prelude::*;
use marmot::signal::{self, Signal};

/// Who has not finished by then is cut off.
const GRACE: Duration = secs(5);

#[marmot::main]
pub(crate) async fn main() -> io::Result<()> {
    let background = Context::background();
    let (ctx, stop) = signal::notify_context(&background, &[Signal::INT, Signal::TERM]);
    let addr = std::env::var("ADDR").unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(addr).await?;
    println!("listening on {}", listener.local_addr()?);

    let connections = WaitGroup::new();
    loop {
        select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connections.go(serve(stream, ctx.clone())),
                // Too many connections, perhaps: it has rested, and later there may be fewer.
                Err(error) => println!("accept: {error}"),
            },
            _ = ctx.done() => break,
        }
    }
    // From here on nobody connects, and a second signal ends the process at once.
    drop(listener);
    stop.stop();
    if let Some(cause) = ctx.cause() {
        println!("{cause}");
    }
    match timeout(GRACE, connections.wait()).await {
        Ok(()) => println!("all have finished"),
        Err(_) => println!("some have not finished"),
    }
    Ok(())
}

/// Answers each line after a while. The end of `ctx` is looked at between two lines only, so one
/// that is being worked on is answered.
async fn serve(stream: TcpStream, ctx: Context) {
    let mut lines = BufReader::new(&stream).lines();
    loop {
        let line = select! {
            read = lines.next_line() => match read {
                Ok(Some(line)) => line,
                // The client has gone. (A pattern that does not match would only take the arm out,
                // and wait on for the end of `ctx`.)
                _ => return,
            },
            _ = ctx.done() => {
                // Whether it still listens is all the same now.
                let _gone = stream.write_all(b"good bye\n").await;
                return;
            }
        };
        sleep(ms(200)).await;
        if stream
            .write_all(format!("done: {line}\n").as_bytes())
            .await
            .is_err()
        {
            return;
        }
    }
}
