//! Connecting to a host by its name: Happy Eyeballs (RFC 8305).
//!
//! ```text
//!   addresses, families in turn   a ── b ── c
//!   start a; start the next after a quarter of a second, or at once when one fails;
//!   the first connection that is made wins, and the others are dropped
//! ```
//!
//! Differs from Go, which races two families and goes through each in sequence; and from
//! tokio, which goes through all in sequence and keeps the last error.

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures::stream::{FuturesUnordered, Stream};
use marmot_netpoll::sockets;
use marmot_time::{Sleep, sleep, timeout};
use socket2::{Domain, Protocol, Socket, Type};

use crate::addrs::ToSocketAddrs;
use crate::resolve::resolve_from;
use crate::tcp::TcpStream;

/// How long the next attempt waits for the one before: RFC 8305, section 5, recommends it.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// How often a connection that has met itself is given up before that is reported, as in Go.
const SELF_CONNECTS: u32 = 3;

/// How to connect.
///
/// # Examples
///
/// ```
/// use marmot_net::{Dialer, TcpListener};
/// use std::time::Duration;
///
/// # marmot_wait::park::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let dialer = Dialer::new().timeout(Duration::from_secs(5));
/// let stream = dialer.connect(listener.local_addr()?).await?;
/// assert!(stream.nodelay()?);
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Dialer {
    timeout: Option<Duration>,
    attempt_delay: Duration,
    local: Option<SocketAddr>,
    nodelay: bool,
    keepalive: Option<Duration>,
}

impl Default for Dialer {
    fn default() -> Self {
        Dialer::new()
    }
}

impl Dialer {
    /// No timeout but the system's; small packets are sent at once (`TCP_NODELAY`), as in Go.
    pub fn new() -> Dialer {
        Dialer {
            timeout: None,
            attempt_delay: ATTEMPT_DELAY,
            local: None,
            nodelay: true,
            keepalive: None,
        }
    }

    /// Gives up after so long, looking up the name included.
    pub fn timeout(mut self, limit: Duration) -> Dialer {
        self.timeout = Some(limit);
        self
    }

    /// How long an attempt may go on before the next address is tried beside it; 250 ms by
    /// default.
    pub fn attempt_delay(mut self, delay: Duration) -> Dialer {
        self.attempt_delay = delay;
        self
    }

    /// Connects from this address; addresses of the other family are left out then.
    pub fn local_addr(mut self, local: SocketAddr) -> Dialer {
        self.local = Some(local);
        self
    }

    /// Whether small packets are sent at once.
    pub fn nodelay(mut self, yes: bool) -> Dialer {
        self.nodelay = yes;
        self
    }

    /// Probes a silent other side at this interval.
    pub fn keepalive(mut self, interval: Duration) -> Dialer {
        self.keepalive = Some(interval);
        self
    }

    /// Connects to the first of the addresses that answers.
    ///
    /// # Errors
    ///
    /// That of the first attempt, with those of all in it ([`DialError`]); `TimedOut`, with those
    /// of the attempts until then; or that of looking up the name.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends all attempts.
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(
        &self,
        addrs: A,
    ) -> impl Future<Output = io::Result<TcpStream>> + Send + use<A> {
        let (target, place, dialer) = (addrs.target(), Location::caller(), self.clone());
        async move {
            let mut tried = Tried::default();
            let dial = dialer.dial(target?, place, &mut tried);
            match dialer.timeout {
                None => dial.await,
                Some(limit) => match timeout(limit, dial).await {
                    Ok(dialed) => dialed,
                    Err(_) => Err(tried.timed_out()),
                },
            }
        }
    }

    async fn dial(
        &self,
        target: crate::Target,
        place: &'static Location<'static>,
        tried: &mut Tried,
    ) -> io::Result<TcpStream> {
        let mut addrs = resolve_from(target, place).await?;
        let found = addrs.len();
        addrs.retain(|addr| {
            self.local
                .is_none_or(|local| local.is_ipv4() == addr.is_ipv4())
        });
        match addrs[..] {
            [] if found > 0 => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no address of the family of the local one",
            )),
            [] => Err(crate::tcp::no_address()),
            // What a program does a thousand times a second, and needs no race.
            [addr] => {
                tried.only = Some(addr);
                let dialed = self.attempt(addr, place).await;
                dialed.map_err(|error| DialError::of(vec![(addr, error)]))
            }
            _ => self.race(in_turn(&addrs), place, tried).await,
        }
    }

    async fn race(
        &self,
        addrs: Vec<SocketAddr>,
        place: &'static Location<'static>,
        tried: &mut Tried,
    ) -> io::Result<TcpStream> {
        let mut left = addrs.into_iter();
        let mut attempts = FuturesUnordered::new();
        let mut delay: Option<Sleep> = None;
        loop {
            if delay.is_none()
                && let Some(addr) = left.next()
            {
                tried.under_way.push(addr);
                attempts.push(async move { (addr, self.attempt(addr, place).await) });
                delay = Some(sleep(self.attempt_delay));
            }
            match next(&mut attempts, delay.as_mut().filter(|_| left.len() > 0)).await {
                Turn::Start => delay = None,
                Turn::Ended(Some((_, Ok(stream)))) => return Ok(stream),
                Turn::Ended(Some((addr, Err(error)))) => {
                    tried.has_failed(addr, error);
                    delay = None;
                }
                Turn::Ended(None) => return Err(DialError::of(mem::take(&mut tried.failed))),
            }
        }
    }

    async fn attempt(
        &self,
        addr: SocketAddr,
        place: &'static Location<'static>,
    ) -> io::Result<TcpStream> {
        let mut again = SELF_CONNECTS;
        loop {
            let stream = self.begin(addr)?.connected(place).await?;
            if self.local.is_some() || !has_met_itself(&stream, addr)? {
                return Ok(stream);
            }
            again -= 1;
            if again == 0 {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
        }
    }

    fn begin(&self, addr: SocketAddr) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        if self.nodelay {
            socket.set_tcp_nodelay(true)?;
        }
        if let Some(local) = self.local {
            socket.bind(&local.into())?;
        }
        match socket.connect(&addr.into()) {
            Err(error) if !is_under_way(&error) => return Err(error),
            _ => {}
        }
        let stream = TcpStream::new(sockets::TcpStream::from_std(socket.into()))?;
        if self.keepalive.is_some() {
            stream.set_keepalive(self.keepalive)?;
        }
        Ok(stream)
    }
}

/// Whether nobody listens, and the system chose our own port to be that of `addr`.
fn has_met_itself(stream: &TcpStream, addr: SocketAddr) -> io::Result<bool> {
    Ok(addr.ip().is_loopback() && stream.local_addr()? == addr)
}

/// What has come of the attempts so far.
#[derive(Default)]
struct Tried {
    failed: Vec<(SocketAddr, io::Error)>,
    under_way: Vec<SocketAddr>,
    /// The address, if there is but one: needs no allocation.
    only: Option<SocketAddr>,
}

impl Tried {
    fn has_failed(&mut self, addr: SocketAddr, error: io::Error) {
        self.under_way.retain(|&other| other != addr);
        self.failed.push((addr, error));
    }

    /// The time is over: those that are under way have no other error.
    fn timed_out(self) -> io::Error {
        let late = self.under_way.into_iter().chain(self.only);
        let late = late.map(|addr| (addr, no_time()));
        let attempts: Vec<_> = self.failed.into_iter().chain(late).collect();
        if attempts.is_empty() {
            // The name was still being looked up.
            return no_time();
        }
        io::Error::new(io::ErrorKind::TimedOut, DialError { attempts })
    }
}

fn no_time() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "i/o timeout")
}

/// What a race waits for.
enum Turn<T> {
    /// The next address may be tried.
    Start,
    /// An attempt has ended, or there is none.
    Ended(Option<T>),
}

async fn next<F: Future>(
    attempts: &mut FuturesUnordered<F>,
    mut delay: Option<&mut Sleep>,
) -> Turn<F::Output> {
    let mut attempts = pin!(attempts);
    poll_fn(|cx| {
        if let Poll::Ready(ended) = attempts.as_mut().poll_next(cx) {
            return Poll::Ready(Turn::Ended(ended));
        }
        match &mut delay {
            Some(delay) => Pin::new(&mut **delay).poll(cx).map(|()| Turn::Start),
            None => Poll::Pending,
        }
    })
    .await
}

/// `EINPROGRESS` on Unix, which has no kind of its own in std.
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || cfg!(unix) && error.raw_os_error() == Some(in_progress())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const fn in_progress() -> i32 {
    115
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
const fn in_progress() -> i32 {
    36
}

/// The families in turn, beginning with that of the first address, which the resolver
/// prefers; within a family its order is kept.
fn in_turn(addrs: &[SocketAddr]) -> Vec<SocketAddr> {
    let first = |addr: &&SocketAddr| addr.is_ipv4() == addrs[0].is_ipv4();
    let mut preferred = addrs.iter().filter(first);
    let mut others = addrs.iter().filter(|addr| !first(addr));
    let mut order = Vec::with_capacity(addrs.len());
    while order.len() < addrs.len() {
        order.extend(preferred.next());
        order.extend(others.next());
    }
    order
}

/// Why no address could be connected to: what came of each attempt, in the order in which
/// they failed.
///
/// It is inside of the `io::Error` that connecting gives, whose kind is that of the first, or
/// `TimedOut` if the time was over before all had failed.
///
/// # Examples
///
/// ```
/// use marmot_net::{DialError, TcpListener, TcpStream};
///
/// # marmot_wait::park::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let gone = listener.local_addr()?;
/// drop(listener);
/// let error = TcpStream::connect(gone).await.expect_err("nobody listens");
/// let error: &DialError = error.get_ref().and_then(|e| e.downcast_ref()).expect("kept");
/// assert_eq!(error.attempts()[0].0, gone);
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct DialError {
    attempts: Vec<(SocketAddr, io::Error)>,
}

impl DialError {
    fn of(attempts: Vec<(SocketAddr, io::Error)>) -> io::Error {
        let kind = attempts
            .first()
            .map_or(io::ErrorKind::Other, |(_, error)| error.kind());
        io::Error::new(kind, DialError { attempts })
    }

    /// The addresses that were tried, and why each failed.
    #[must_use]
    pub fn attempts(&self) -> &[(SocketAddr, io::Error)] {
        &self.attempts
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (addr, error)) in self.attempts.iter().enumerate() {
            let between = if n > 0 { "; " } else { "" };
            write!(f, "{between}dial tcp {addr}: {error}")?;
        }
        Ok(())
    }
}

impl Error for DialError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let (_, error) = self.attempts.first()?;
        Some(error)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io::ErrorKind;

    use marmot_wait::park::block_on;

    use super::{DialError, Dialer, has_met_itself, in_turn};

    #[test]
    fn a_connection_that_has_met_itself_is_known() {
        block_on(async {
            let listener = crate::TcpListener::bind("127.0.0.1:0").await;
            let addr = listener.expect("a port").local_addr().expect("bound");
            // Nobody listens there any more, but whoever comes from there meets itself.
            let dialer = Dialer::new().local_addr(addr);
            let itself = dialer.connect(addr).await.expect("wanted, it is fine");
            assert_eq!(itself.peer_addr().expect("connected"), addr);
            assert!(has_met_itself(&itself, addr).expect("connected"));
            drop(itself);
            let listener = crate::TcpListener::bind("127.0.0.1:0").await;
            let addr = listener.as_ref().map(|it| it.local_addr());
            let addr = addr.expect("a port").expect("bound");
            let other = Dialer::new().connect(addr).await.expect("it listens");
            assert!(!has_met_itself(&other, addr).expect("connected"));
        });
    }

    #[test]
    fn the_first_failure_is_the_kind_of_all() {
        let addr = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let all = DialError::of(vec![
            (addr(1), ErrorKind::NetworkUnreachable.into()),
            (addr(2), ErrorKind::ConnectionRefused.into()),
        ]);
        assert_eq!(all.kind(), ErrorKind::NetworkUnreachable);
        let source = all.get_ref().and_then(Error::source).expect("the first");
        assert_eq!(source.to_string(), "network unreachable");
        let text =
            "dial tcp 127.0.0.1:1: network unreachable; dial tcp 127.0.0.1:2: connection refused";
        assert_eq!(all.to_string(), text);
    }

    #[test]
    fn families_take_turns_beginning_with_the_preferred_one() {
        let parse = |addrs: &[&str]| -> Vec<std::net::SocketAddr> {
            addrs
                .iter()
                .map(|addr| addr.parse().expect("an address"))
                .collect()
        };
        let given = parse(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        let order = parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(in_turn(&given), order);
    }
}
