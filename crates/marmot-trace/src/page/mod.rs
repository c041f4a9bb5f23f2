//! A page that shows what a program does, on a port of its own machine.
//!
//! ```text
//!   browser ──▶ thread that accepts ──▶ a thread a request ──▶ Handle::dump, metrics
//!                                                          └─▶ a Session: a trace
//! ```
//!
//! The server has threads of its own and blocking sockets of std: it is asked when the program is
//! stuck, and then no goroutine of it would run. It reads heads of at most 8 KiB, answers GET and
//! HEAD, and closes. That little of HTTP is less code than a library needs to be set up (decision
//! 0029). What it reads it does not change.

mod guard;
mod http;
mod json;
mod routes;
mod state;

use std::fmt;
use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use marmot_scheduler::{Handle, OurThread};

use crate::flight::FlightRecorder;
use guard::Guard;
use http::{Answer, MAX_HEAD, Request, Status, end_of_head, parse};

/// So many requests at once.
const MOST_REQUESTS: usize = 16;
/// A request has to be there in this time.
const READ_TIME: Duration = Duration::from_secs(5);
/// An answer has to be taken in this time, each part of it.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// Shows the runtime of this thread on a page at `addr`: "host:port"; without a host, 127.0.0.1;
/// port 0 is any that is free.
///
/// The page shows goroutines, Ps, threads and metrics as they stand, and takes traces. Beside it
/// are the same things for programs to read: `/debug/` lists them. They are answered even when
/// every goroutine is stuck.
///
/// The server goes on until the process ends, or [`PageServer::stop`]. It listens on this machine
/// only; [`page`] has options for more.
///
/// # Errors
///
/// If there is no runtime on this thread (`NotFound`), if the address is not one of this machine
/// (`PermissionDenied`), or can't be listened on.
///
/// # Examples
///
/// ```
/// let runtime = marmot_scheduler::Runtime::new()?;
/// let server = runtime.block_on(async { marmot_trace::serve("localhost:0") })?;
/// println!("look at http://{}/", server.local_addr());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn serve(addr: impl AsRef<str>) -> io::Result<PageServer> {
    page().serve(addr)
}

/// Options of a page first; then [`PageBuilder::serve`].
pub fn page() -> PageBuilder {
    PageBuilder::default()
}

/// Options of a page; see [`page`].
#[derive(Debug, Default)]
#[must_use = "nothing is served before `serve`"]
pub struct PageBuilder {
    handle: Option<Handle>,
    flight: Option<FlightRecorder>,
    guard: Guard,
}

impl PageBuilder {
    /// Shows this runtime instead of that of the thread that calls [`serve`](PageBuilder::serve).
    pub fn runtime(mut self, handle: Handle) -> PageBuilder {
        self.handle = Some(handle);
        self
    }

    /// Keeps the last seconds for `/debug/flight`.
    pub fn flight_recorder(mut self, recorder: FlightRecorder) -> PageBuilder {
        self.flight = Some(recorder);
        self
    }

    /// Listens where other machines can ask, too. There is no password: whoever can reach the
    /// address sees what the program does, and can have it record.
    pub fn allow_remote(mut self) -> PageBuilder {
        self.guard.remote = true;
        self
    }

    /// Answers requests for this name, too. Others than addresses and `localhost` are refused, so
    /// that no page of a foreign name can ask in the name of whoever looks at it.
    pub fn allow_host(mut self, name: impl Into<String>) -> PageBuilder {
        self.guard.hosts.push(name.into());
        self
    }

    /// Serves at this address; see [`serve`].
    ///
    /// # Errors
    ///
    /// As [`serve`].
    pub fn serve(self, addr: impl AsRef<str>) -> io::Result<PageServer> {
        let handle = self.handle.or_else(Handle::try_current).ok_or_else(|| {
            let error = "no runtime on this thread: serve inside one, or name it with `runtime`";
            io::Error::new(io::ErrorKind::NotFound, error)
        })?;
        let listener = TcpListener::bind(&*self.guard.listen_at(addr.as_ref())?)?;
        let inner = Arc::new(Inner {
            handle,
            flight: self.flight,
            guard: self.guard,
            began: Instant::now(),
            local: listener.local_addr()?,
            ends: AtomicBool::new(false),
            requests: AtomicUsize::new(0),
            traces: AtomicUsize::new(0),
        });
        let served = Arc::clone(&inner);
        start("marmot-page", move || accept(&listener, &served))?;
        Ok(PageServer(inner))
    }
}

/// A page that is being served.
///
/// Dropping it changes nothing.
#[derive(Debug)]
pub struct PageServer(Arc<Inner>);

impl PageServer {
    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local
    }

    /// Takes no more requests; those in progress end soon.
    pub fn stop(self) {
        // ORDERING: Relaxed; the connection below brings the thread to look.
        self.0.ends.store(true, Ordering::Relaxed);
        drop(TcpStream::connect_timeout(
            &self.0.local,
            Duration::from_secs(1),
        ));
    }
}

/// What the threads of a server share.
// ORDERING: Relaxed for all of it: a flag looked at from time to time, and two counts.
struct Inner {
    handle: Handle,
    flight: Option<FlightRecorder>,
    guard: Guard,
    began: Instant,
    local: SocketAddr,
    ends: AtomicBool,
    requests: AtomicUsize,
    traces: AtomicUsize,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

/// Starts a thread that wakes no goroutine, and says so: a deadlock is certain beside it.
fn start(name: &str, f: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.stack_size(256 << 10).spawn(move || {
        let _ours = OurThread::new();
        f();
    })?;
    Ok(())
}

/// The thread that accepts.
fn accept(listener: &TcpListener, inner: &Arc<Inner>) {
    for stream in listener.incoming() {
        if inner.ends.load(Ordering::Relaxed) {
            return;
        }
        match stream {
            Ok(stream) => take(stream, inner),
            // Out of descriptors, most likely: others may close some.
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Gives a connection a thread, if there are not too many.
fn take(mut stream: TcpStream, inner: &Arc<Inner>) {
    drop(stream.set_read_timeout(Some(READ_TIME)));
    drop(stream.set_write_timeout(Some(WRITE_TIME)));
    if inner.requests.fetch_add(1, Ordering::Relaxed) >= MOST_REQUESTS {
        inner.requests.fetch_sub(1, Ordering::Relaxed);
        return send_away(&mut stream);
    }
    let counted = Counted(Arc::clone(inner));
    // If no thread can be made, the connection is closed with the closure.
    drop(start("marmot-page-request", move || {
        // A client that has gone away is no fault of ours.
        drop(counted.0.serve(stream));
    }));
}

/// Too many are here already. Waits for nothing.
fn send_away(stream: &mut TcpStream) {
    drop(stream.set_nonblocking(true));
    drop(Answer::fault(Status::BUSY, "too many requests at once").send(stream, false));
    // What was sent and not read would reset the connection, and the answer with it.
    drop(stream.read(&mut [0; 1024]));
}

/// A request in progress.
struct Counted(Arc<Inner>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Inner {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        match read(&mut stream)?.and_then(|head| self.admit(&head)) {
            Ok(request) => self.answer(&request, &mut stream)?,
            Err(fault) => fault.send(&mut stream, false)?,
        }
        linger(&mut stream)
    }

    fn admit(&self, head: &[u8]) -> Result<Request, Answer> {
        let request = parse(head).map_err(|status| Answer::fault(status, explain(status)))?;
        if !self.guard.allows(&request.host) {
            let sentence = "this name is not one of this server's; use its address";
            return Err(Answer::fault(Status::FORBIDDEN, sentence));
        }
        if request.foreign {
            return Err(Answer::fault(
                Status::FORBIDDEN,
                "asked for by a page from elsewhere",
            ));
        }
        Ok(request)
    }
}

fn explain(status: Status) -> &'static str {
    match status {
        Status::METHOD => "this server can only be read from",
        Status::VERSION => "HTTP/1.1, please",
        _ => "this is not a request that can be understood",
    }
}

/// Reads the head of a request; an answer if there will be none. An error: the client has gone.
fn read(stream: &mut TcpStream) -> io::Result<Result<Vec<u8>, Answer>> {
    let began = Instant::now();
    let mut head = Vec::new();
    let mut part = [0; 1024];
    loop {
        match stream.read(&mut part) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => head.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if is_timeout(&error) => return Ok(Err(late())),
            Err(error) => return Err(error),
        }
        if let Some(end) = end_of_head(&head) {
            head.truncate(end);
            return Ok(Ok(head));
        }
        if head.len() > MAX_HEAD {
            return Ok(Err(Answer::fault(Status::TOO_LARGE, "at most 8 KiB")));
        }
        if began.elapsed() > READ_TIME {
            return Ok(Err(late()));
        }
    }
}

fn late() -> Answer {
    Answer::fault(Status::TIMEOUT, "the request did not come in time")
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// Lets the client take the answer before the connection is closed: what it has sent and nobody
/// read would otherwise reset it.
fn linger(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut rest = [0; 1024];
    for _ in 0..64 {
        if stream.read(&mut rest)? == 0 {
            break;
        }
    }
    Ok(())
}
