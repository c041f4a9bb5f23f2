//! All connections of a row: opened, and kept busy for a while.
//!
//! ```text
//!        ┌──────────────────────────────────────────────────────┐
//!        ▼                                                      │
//!   those whose moment has come ask ─▶ wait, no longer than ─▶ answers are read; those
//!                                      until the next moment   without moments ask again
//! ```

use std::io;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::Load;
use super::alarm::Alarm;
use super::conn::Conn;

pub(super) struct Traffic {
    poll: Poll,
    events: Events,
    alarm: Alarm,
    conns: Vec<Conn>,
    /// The places of those that ask at moments of their own.
    timed: Vec<usize>,
}

impl Traffic {
    /// Connects; those that ask at once have asked.
    pub(super) fn start(load: &Load) -> io::Result<Self> {
        let poll = Poll::new()?;
        let alarm = Alarm::new(poll.registry())?;
        let streams = (0..load.row.conns)
            .map(|place| connect(load, &poll, Token(place)))
            .collect::<io::Result<Vec<_>>>()?;
        let now = Instant::now();
        let mut conns = Vec::with_capacity(streams.len());
        let mut timed = Vec::new();
        for (place, stream) in streams.into_iter().enumerate() {
            let part = load.row.part(place);
            timed.extend(part.times.map(|_| place));
            conns.push(Conn::start(stream, load, part, now)?);
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            alarm,
            conns,
            timed,
        })
    }

    /// Goes on for so long; gives how long that was, and adds the latencies in microseconds.
    pub(super) fn go_on(&mut self, time: Duration, late: &mut Vec<f64>) -> io::Result<Duration> {
        let start = Instant::now();
        loop {
            let now = Instant::now();
            if now - start >= time {
                return Ok(now - start);
            }
            let next = self.ask_where_due(now)?;
            match self.wait(next, start + time - now) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                waited => waited?,
            }
            for event in &self.events {
                // The alarm has no place.
                if let Some(conn) = self.conns.get_mut(event.token().0) {
                    conn.go_on(late)?;
                }
            }
        }
    }

    fn wait(&mut self, next: Option<Instant>, most: Duration) -> io::Result<()> {
        if let Some(next) = next {
            self.alarm.set(next)?;
        }
        let most = next.map_or(most, |next| self.alarm.limit(next, most));
        self.poll.poll(&mut self.events, Some(most))
    }

    /// Gives the first moment that is still to come, of those that wait for theirs.
    fn ask_where_due(&mut self, now: Instant) -> io::Result<Option<Instant>> {
        let mut first = None;
        for &place in &self.timed {
            let due = self.conns[place].ask_if_due(now)?;
            first = first.into_iter().chain(due).min();
        }
        Ok(first)
    }
}

fn connect(load: &Load, poll: &Poll, token: Token) -> io::Result<TcpStream> {
    let stream = std::net::TcpStream::connect(load.server)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let mut stream = TcpStream::from_std(stream);
    poll.registry()
        .register(&mut stream, token, Interest::READABLE)?;
    Ok(stream)
}
