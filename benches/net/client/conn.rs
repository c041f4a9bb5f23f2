//! One connection of the client: asks, and knows when an answer is whole and right.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use super::Load;
use crate::conns::ECHO_BYTES;
use crate::plan::{Kind, Part};
use crate::work;

/// What is asked of a web server.
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

pub(super) struct Conn {
    stream: TcpStream,
    request: Vec<u8>,
    expected: Expected,
    got: Vec<u8>,
    /// When the request that is under way was made, or was due.
    asked: Option<Instant>,
    /// When it asks next, and how long from one time to the next.
    times: Option<(Instant, Duration)>,
    shown: bool,
}

impl Conn {
    /// It has asked, unless it does so at moments of its own.
    pub(super) fn start(
        stream: TcpStream,
        load: &Load,
        part: Part,
        now: Instant,
    ) -> io::Result<Self> {
        let turns = (f64::from(part.work_us) * load.turns_per_us).round() as u32;
        let (request, expected) = match load.row.kind {
            Kind::Echo => {
                let request = vec![b'm'; ECHO_BYTES];
                (request.clone(), Expected::These(request))
            }
            Kind::Work => {
                let request = work::request(turns);
                let mut answer = request.clone();
                work::answer(&mut answer);
                (request, Expected::These(answer))
            }
            Kind::Http => (GET.to_vec(), Expected::Greeting(None)),
        };
        let mut conn = Self {
            stream,
            request,
            expected,
            got: Vec::with_capacity(1024),
            asked: None,
            times: part.times.map(|times| (now + times.first, times.every)),
            shown: part.shown,
        };
        if conn.times.is_none() {
            conn.ask(now)?;
        }
        Ok(conn)
    }

    fn ask(&mut self, when: Instant) -> io::Result<()> {
        self.asked = Some(when);
        self.got.clear();
        // A request fits into the buffer of a connection on which none is under way.
        self.stream.write_all(&self.request)
    }

    /// Asks if its moment has come; otherwise gives the moment that it waits for. One that
    /// waits for an answer does not ask, and then is late.
    pub(super) fn ask_if_due(&mut self, now: Instant) -> io::Result<Option<Instant>> {
        let Some((due, every)) = self.times.filter(|_| self.asked.is_none()) else {
            return Ok(None);
        };
        if due > now {
            return Ok(Some(due));
        }
        self.times = Some((due + every, every));
        self.ask(due)?;
        Ok(None)
    }

    /// There is something to read: all of the answer, as a rule.
    pub(super) fn go_on(&mut self, late: &mut Vec<f64>) -> io::Result<()> {
        let mut chunk = [0; 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            // Fewer than there is room for, so the next read would block: a new event comes.
            Ok(some) => {
                self.got.extend_from_slice(&chunk[..some]);
                self.look(late)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn look(&mut self, late: &mut Vec<f64>) -> io::Result<()> {
        if !self.expected.has_come(&self.got) {
            return Ok(());
        }
        let now = Instant::now();
        let asked = self.asked.take().expect("an answer follows a request");
        if self.shown {
            late.push((now - asked).as_secs_f64() * 1e6);
        }
        match self.times {
            None => self.ask(now),
            Some(_) => Ok(()),
        }
    }
}

/// How one knows that an answer is whole.
#[derive(Debug)]
enum Expected {
    /// These bytes.
    These(Vec<u8>),
    /// A web server's answer; the first one tells the length of all.
    Greeting(Option<usize>),
}

impl Expected {
    fn has_come(&mut self, got: &[u8]) -> bool {
        match self {
            Self::These(bytes) if got.len() < bytes.len() => false,
            Self::These(bytes) => {
                assert!(got == bytes, "the answer is right");
                true
            }
            Self::Greeting(length) => {
                *length = length.or_else(|| answer_length(got));
                let Some(length) = *length else { return false };
                assert!(got.len() <= length, "nothing is left over");
                got.len() == length
            }
        }
    }
}

/// Of head and body together, once the head is whole.
fn answer_length(got: &[u8]) -> Option<usize> {
    const END: &str = "\r\n\r\n";
    let text = std::str::from_utf8(got).expect("an answer is text");
    let head = text.find(END)? + END.len();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    let body = text[..head].lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse::<usize>().ok())?
    });
    Some(head + body.expect("an answer tells its length"))
}
