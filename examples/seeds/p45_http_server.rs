//! P45: a web server: `curl http://127.0.0.1:8080/bar` answers `Hello, "/bar"`.
//!
//! Go's `http.ListenAndServe` starts a goroutine for each connection, and so does this loop. The
//! goroutines that wait for the network hold no thread. `PORT=8081` takes another port.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::io;

use futures::io::{AsyncBufReadExt, BufReader};
use marmot::net::{TcpListener, TcpStream};
use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        // What can't be accepted for want of descriptors is accepted later; it has rested.
        if let Ok((stream, _)) = listener.accept().await {
            go!(serve(stream));
        }
    }
}

/// One request, one answer. What goes wrong concerns this connection only.
async fn serve(stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let mut request = String::new();
    reader.read_line(&mut request).await?;
    let mut header = String::new();
    while reader.read_line(&mut header).await? > 2 {
        header.clear();
    }
    stream.write_all(answer(&request).as_bytes()).await
}

fn answer(request: &str) -> String {
    let (status, body) = match request.split_whitespace().nth(1) {
        Some(path @ "/bar") => ("200 OK", format!("Hello, {path:?}")),
        _ => ("404 Not Found", "404 page not found\n".to_owned()),
    };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
