//! The client: one thread, one epoll, one request at a time on each connection.
//!
//! It is the same for all servers, and cheap: for a request one read, one write, one look at
//! the clock, and a share of an `epoll_wait`.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use benches::measure::cost::cpu_time_of;
use benches::measure::limits;
use benches::measure::stats::{quantile, sorted};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::plan::Kind;

/// What an echo carries.
pub(crate) const ECHO_BYTES: usize = 64;

/// What is asked of a web server.
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) kind: Kind,
    pub(crate) server: SocketAddr,
    pub(crate) pid: u32,
    pub(crate) conns: usize,
    pub(crate) warm_up: Duration,
    pub(crate) time: Duration,
}

/// What it has shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Requests in a second.
    pub(crate) rate: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    /// Processor time of the server for a request.
    pub(crate) cpu_us: f64,
}

impl Figures {
    pub(crate) fn to_line(self) -> String {
        format!(
            "{} {} {} {} {}",
            self.rate, self.p50_us, self.p99_us, self.p999_us, self.cpu_us
        )
    }

    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let mut numbers = line.split_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self {
            rate: next()?,
            p50_us: next()?,
            p99_us: next()?,
            p999_us: next()?,
            cpu_us: next()?,
        })
    }
}

/// Measures, after a warm-up.
pub(crate) fn run(load: Load) -> io::Result<Figures> {
    let _enough = limits::raise_descriptors();
    let mut poll = Poll::new()?;
    let mut conns = connect(&load, &poll)?;
    let mut late = Vec::new();
    drive(&mut poll, &mut conns, load.warm_up, &mut late)?;
    late.clear();
    let cpu = cpu_time_of(load.pid);
    let time = drive(&mut poll, &mut conns, load.time, &mut late)?;
    let cpu = cpu_time_of(load.pid)
        .zip(cpu)
        .map_or(Duration::ZERO, |(after, before)| after - before);
    let count = late.len() as f64;
    let late = sorted(&late);
    Ok(Figures {
        rate: count / time.as_secs_f64(),
        p50_us: quantile(&late, 0.5),
        p99_us: quantile(&late, 0.99),
        p999_us: quantile(&late, 0.999),
        cpu_us: cpu.as_secs_f64() * 1e6 / count.max(1.0),
    })
}

fn connect(load: &Load, poll: &Poll) -> io::Result<Vec<Conn>> {
    let request = match load.kind {
        Kind::Echo => vec![b'm'; ECHO_BYTES],
        Kind::Http => GET.to_vec(),
    };
    let mut conns = Vec::with_capacity(load.conns);
    for number in 0..load.conns {
        let stream = std::net::TcpStream::connect(load.server)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry()
            .register(&mut stream, Token(number), Interest::READABLE)?;
        conns.push(Conn {
            stream,
            request: request.clone(),
            expected: match load.kind {
                Kind::Echo => Expected::Bytes(ECHO_BYTES),
                Kind::Http => Expected::Answer,
            },
            got: Vec::with_capacity(1024),
            sent: Instant::now(),
        });
    }
    for conn in &mut conns {
        conn.ask(Instant::now())?;
    }
    Ok(conns)
}

/// Goes on for so long; gives how long that was, and adds the latencies in microseconds.
fn drive(
    poll: &mut Poll,
    conns: &mut [Conn],
    time: Duration,
    late: &mut Vec<f64>,
) -> io::Result<Duration> {
    let mut events = Events::with_capacity(1024);
    let start = Instant::now();
    while start.elapsed() < time {
        match poll.poll(&mut events, Some(time)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            conns[event.token().0].go_on(late)?;
        }
    }
    Ok(start.elapsed())
}

/// How one knows that an answer is whole.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// So many bytes: an echo, or a web server's answer whose length is known.
    Bytes(usize),
    /// The first answer of a web server tells the length of all.
    Answer,
}

struct Conn {
    stream: TcpStream,
    request: Vec<u8>,
    expected: Expected,
    got: Vec<u8>,
    sent: Instant,
}

impl Conn {
    fn ask(&mut self, now: Instant) -> io::Result<()> {
        self.sent = now;
        self.got.clear();
        // A request fits into the buffer of a connection on which none is under way.
        self.stream.write_all(&self.request)
    }

    /// There is something to read: all of the answer, as a rule.
    fn go_on(&mut self, late: &mut Vec<f64>) -> io::Result<()> {
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
        let Some(length) = self.expected.length(&self.got) else {
            return Ok(());
        };
        if self.got.len() < length {
            return Ok(());
        }
        assert_eq!(self.got.len(), length, "nothing is left over");
        self.expected = Expected::Bytes(length);
        let now = Instant::now();
        late.push((now - self.sent).as_secs_f64() * 1e6);
        self.ask(now)
    }
}

impl Expected {
    fn length(self, got: &[u8]) -> Option<usize> {
        match self {
            Self::Bytes(length) => Some(length),
            Self::Answer => answer_length(got),
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
