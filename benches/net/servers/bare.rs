//! The floor: one thread, one epoll, no runtime. For a request it reads once and writes once.

use std::io::{self, Read, Write};
use std::net::TcpListener as StdListener;
use std::thread;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::conns::{self, BUFFER_BYTES, GREETING};
use crate::plan::Kind;

/// The token of the listener; connections have their place in the list.
const LISTENER: Token = Token(usize::MAX - 1);

pub(crate) fn start(kind: Kind, listener: StdListener) {
    thread::spawn(move || serve(kind, listener).expect("the listener works"));
}

fn serve(kind: Kind, listener: StdListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut conns: Vec<Option<TcpStream>> = Vec::new();
    let mut events = Events::with_capacity(1024);
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{GREETING}",
        GREETING.len()
    );
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut conns)?;
            } else {
                let place = &mut conns[event.token().0];
                let goes_on = place
                    .as_mut()
                    .is_some_and(|conn| go_on(conn, kind, answer.as_bytes()).unwrap_or(false));
                if !goes_on {
                    *place = None;
                }
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    poll: &Poll,
    conns: &mut Vec<Option<TcpStream>>,
) -> io::Result<()> {
    loop {
        match listener.accept() {
            Ok((mut conn, _)) => {
                conn.set_nodelay(true)?;
                let token = Token(conns.len());
                poll.registry()
                    .register(&mut conn, token, Interest::READABLE)?;
                conns.push(Some(conn));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// The client sends requests whole and waits for each answer, so a read is a request.
fn go_on(conn: &mut TcpStream, kind: Kind, answer: &[u8]) -> io::Result<bool> {
    let mut buffer = [0; BUFFER_BYTES];
    match conn.read(&mut buffer) {
        Ok(0) => return Ok(false),
        Ok(some) => match kind {
            Kind::Echo | Kind::Work => {
                conns::answer(kind, &mut buffer[..some]);
                conn.write_all(&buffer[..some])?;
            }
            Kind::Http => conn.write_all(answer)?,
        },
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => return Err(error),
    }
    Ok(true)
}
