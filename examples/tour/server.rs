//! P45 does not end by itself: it is started, asked, and ended.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::child::{Run, command, one_p};

/// The port of the original.
const PORT: u16 = 8080;

/// Starts the server, asks it for `/bar` and for `/`, and ends it. Its answers are the output.
pub(crate) fn ask(id: &str, limit: Duration) -> io::Result<Run> {
    let began = Instant::now();
    let port = free_port()?;
    let child = command(id)?
        .env("PORT", port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let _server = Server(child);
    // Says nothing: a server that serves one after the other would wait for it.
    let _silent = connect(port, began + limit)?;
    let stdout = format!("{}\n{}", get(port, "/bar", limit)?, get(port, "/", limit)?);
    Ok(Run {
        stdout,
        status: Some(0),
        took: began.elapsed(),
        one_p: one_p(),
        ..Run::default()
    })
}

/// Ends with the process.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have died already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// That of the original, or another one if somebody has it.
fn free_port() -> io::Result<u16> {
    let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = free(PORT).or_else(|_| free(0))?;
    Ok(listener.local_addr()?.port())
}

/// Connects as soon as the server listens.
fn connect(port: u16, until: Instant) -> io::Result<TcpStream> {
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Err(_) if Instant::now() < until => thread::sleep(Duration::from_millis(2)),
            result => return result,
        }
    }
}

/// The body of the answer to a request.
fn get(port: u16, path: &str, limit: Duration) -> io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(limit))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::InvalidData)?;
    Ok(body.to_owned())
}
