//! Connections that come and go in every way for a while: what is left of them?
//!
//! Ten seconds as a test; `cargo xtask soak --minutes 20` takes its time. Rounds of connections
//! are made and ended by chance: some are closed, some broken, dropped while they wait, refused,
//! out of time. Between two rounds nothing is under way, so that descriptors can be counted
//! exactly, and what was allocated and not freed nearly so: caches fill at their own pace. What
//! the process has of the system's memory (`rss`) goes on growing for a while beyond that: each
//! thread allocates from an arena of its own, of which glibc makes up to eight for each CPU, and
//! keeps in it what it had in its worst moment.

#![cfg(target_os = "linux")]
#![expect(
    clippy::print_stdout,
    reason = "the figures are what a long run is for"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Instant;

use marmot::net::{TcpListener, TcpStream, UnixStream};
use marmot::prelude::*;
use marmot_testing::{Rng, within};

const TEN_SECONDS: u64 = 10;
/// Clients at once, and what each does in a round.
const CLIENTS: usize = 32;
const DEEDS: usize = 20;
/// The first part of the time, in which caches and pools fill: one in so many.
const WARM_UP: u32 = 5;
/// What may be allocated then and not freed, more than after the warm-up.
const HEAP_KIB: i64 = 512;
/// What the process may grow after that: the allocator keeps what it had in a bad moment.
const GROWTH_KIB: u64 = 4 * 1024;
/// What a thread more takes: what it has touched of its stack, and its part of the heap.
const THREAD_KIB: u64 = 256;

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let seconds = std::env::var("MARMOT_SOAK_SECONDS")
        .map_or(TEN_SECONDS, |text| text.parse().expect("a number"));
    let time = secs(seconds);
    within(time + secs(60), move || {
        let runtime = Runtime::builder().max_procs(4).build().expect("a runtime");
        let soak = runtime.spawn(soak(time));
        runtime.block_on(soak).expect("nothing was left behind");
    });
}

/// Bytes allocated and not freed.
// ORDERING: Relaxed, a count; nothing is under way when it is read.
static LIVE: AtomicI64 = AtomicI64::new(0);

struct Counting;

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait")]
mod counting {
    use super::{Counting, GlobalAlloc, LIVE, Layout, Ordering, System};

    fn add(bytes: usize) {
        LIVE.fetch_add(bytes.cast_signed() as i64, Ordering::Relaxed);
    }

    fn subtract(bytes: usize) {
        LIVE.fetch_sub(bytes.cast_signed() as i64, Ordering::Relaxed);
    }

    // SAFETY: everything is passed on to the system's allocator as it came.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            add(layout.size());
            // SAFETY: the caller's promise, as above.
            unsafe { System.alloc(layout) }
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            add(layout.size());
            // SAFETY: the caller's promise, as above.
            unsafe { System.alloc_zeroed(layout) }
        }

        unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            add(size);
            subtract(layout.size());
            // SAFETY: the caller's promise, as above.
            unsafe { System.realloc(at, layout, size) }
        }

        unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
            subtract(layout.size());
            // SAFETY: the caller's promise, as above.
            unsafe { System.dealloc(at, layout) }
        }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a process has.
#[derive(Clone, Copy, Debug)]
struct Held {
    sockets: usize,
    /// Without those with which the monitor looks at the threads, of which there may be more.
    others: usize,
    heap_kib: i64,
    rss_kib: u64,
    threads: u64,
    goroutines: usize,
}

impl Held {
    fn now() -> Held {
        let heap_kib = LIVE.load(Ordering::Relaxed) / 1024;
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let word = line.and_then(|line| line.split_whitespace().next());
            word.and_then(|word| word.parse().ok()).expect("a number")
        };
        let links = std::fs::read_dir("/proc/self/fd").expect("Linux");
        let paths: Vec<_> = links
            .filter_map(|link| std::fs::read_link(link.ok()?.path()).ok())
            .collect();
        let count = |what: &str| {
            let is = |path: &&PathBuf| path.to_string_lossy().starts_with(what);
            paths.iter().filter(is).count()
        };
        Held {
            sockets: count("socket:"),
            others: paths.len() - count("socket:") - count("/proc/"),
            heap_kib,
            rss_kib: field("VmRSS:"),
            threads: field("Threads:"),
            goroutines: runtime::num_goroutine(),
        }
    }
}

async fn soak(time: Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = listener.local_addr().expect("bound");
    let nobody = refusing().await;
    let acceptors: Vec<_> = acceptors(listener).collect();
    let mut rng = Rng::from_env();
    let start = Instant::now();
    let mut round = 0_u64;
    let (mut first, mut middle) = (None, None);
    let last = loop {
        run(&mut rng, server, nobody).await;
        Tally::balanced().await;
        round += 1;
        let held = Held::now();
        let elapsed = start.elapsed();
        if elapsed >= time / WARM_UP && first.is_none() {
            first = tell("after the warm-up", elapsed, round, held);
        }
        if elapsed >= time / 2 && middle.is_none() {
            middle = tell("in the middle", elapsed, round, held);
        }
        if elapsed >= time {
            tell("at the end", elapsed, round, held);
            break held;
        }
    };
    let first = first.expect("it came before the end");
    let what = format!("{last:?} after {first:?}, seed {}", rng.seed());
    assert_eq!(last.sockets, first.sockets, "{what}");
    assert_eq!(last.goroutines, first.goroutines, "{what}");
    assert_eq!(last.others, first.others, "{what}");
    assert!(last.heap_kib <= first.heap_kib + HEAP_KIB, "{what}");
    let threads = last.threads.saturating_sub(first.threads);
    let allowed = GROWTH_KIB + threads * THREAD_KIB;
    assert!(last.rss_kib <= first.rss_kib + allowed, "{what}");
    acceptors.iter().for_each(JoinHandle::abort);
}

fn tell(when: &str, elapsed: Duration, round: u64, held: Held) -> Option<Held> {
    println!(
        "{when}: {:.0} s, {} deeds, {held:?}",
        elapsed.as_secs_f64(),
        round * (CLIENTS * DEEDS) as u64
    );
    Some(held)
}

/// An address at which nobody listens: its socket is bound, so nobody else will.
async fn refusing() -> SocketAddr {
    let bound = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let addr = bound.local_addr().expect("bound");
    // A port of UDP; the same number of TCP is free or not, which a connection tells.
    drop(bound);
    addr
}

/// Connections made, accepted and ended so far.
struct Tally {
    made: AtomicUsize,
    accepted: AtomicUsize,
    ended: AtomicUsize,
}

static TALLY: Tally = Tally {
    made: AtomicUsize::new(0),
    accepted: AtomicUsize::new(0),
    ended: AtomicUsize::new(0),
};

impl Tally {
    fn count(which: &AtomicUsize) {
        which.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until every connection that was made has been accepted, and has ended.
    async fn balanced() {
        let read = |which: &AtomicUsize| which.load(Ordering::Relaxed);
        let made = read(&TALLY.made);
        while read(&TALLY.accepted) < made || read(&TALLY.ended) < made {
            sleep(ms(1)).await;
        }
    }
}

/// Several goroutines that accept from one listener.
fn acceptors(listener: TcpListener) -> impl Iterator<Item = JoinHandle<()>> {
    let listener = Arc::new(listener);
    (0..4).map(move |_| {
        go!([listener], async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                Tally::count(&TALLY.accepted);
                go!(async move {
                    // Some of the clients break off.
                    let _broken = echo(stream).await;
                    Tally::count(&TALLY.ended);
                });
            }
        })
    })
}

async fn dial(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).await.expect("it listens");
    Tally::count(&TALLY.made);
    stream
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        stream.set_read_deadline(Instant::now() + secs(30));
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            some => stream.write_all(&buffer[..some]).await?,
        }
    }
}

/// One round.
async fn run(rng: &mut Rng, server: SocketAddr, nobody: SocketAddr) {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut rng = rng.fork();
            go!(async move {
                for _ in 0..DEEDS {
                    deed(&mut rng, server, nobody).await;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("a client does not panic");
    }
}

/// One connection, in one of many ways. What must succeed panics if it does not.
async fn deed(rng: &mut Rng, server: SocketAddr, nobody: SocketAddr) {
    let size = 1 + rng.below(20_000);
    match rng.below(9) {
        0 | 1 => exchange(server, size, 1 + rng.below(4)).await,
        2 => abort(server, size).await,
        3 => half_close(server, size).await,
        4 => out_of_time(server).await,
        5 => dropped_while_waiting(server).await,
        6 => drop(dial(server).await),
        7 => drop(TcpStream::connect(nobody).await),
        _ => unix_pair(size).await,
    }
}

async fn exchange(server: SocketAddr, size: usize, times: usize) {
    let stream = dial(server).await;
    let (reader, writer) = stream.into_split();
    let writing = go!(async move {
        for _ in 0..times {
            writer.write_all(&vec![7; size]).await?;
        }
        Ok::<_, io::Error>(())
    });
    let mut back = vec![0; size * times];
    reader.read_exact(&mut back).await.expect("an echo");
    writing.await.expect("no panic").expect("room");
    assert!(back.iter().all(|&byte| byte == 7));
}

/// The other side gets a reset.
async fn abort(server: SocketAddr, size: usize) {
    let stream = dial(server).await;
    stream.write_all(&vec![1; size]).await.expect("room");
    stream.set_linger(Some(Duration::ZERO)).expect("an option");
}

async fn half_close(server: SocketAddr, size: usize) {
    let stream = dial(server).await;
    stream.write_all(&vec![1; size]).await.expect("room");
    stream.shutdown(Shutdown::Write).expect("it is connected");
    let (mut buffer, mut got) = ([0; 4096], 0);
    loop {
        match stream
            .read(&mut buffer)
            .await
            .expect("an echo, and its end")
        {
            0 => break,
            some => got += some,
        }
    }
    assert_eq!(got, size);
}

async fn out_of_time(server: SocketAddr) {
    let stream = dial(server).await;
    stream.set_deadline(Instant::now() + ms(2));
    let error = stream.read(&mut [0]).await.expect_err("nothing comes");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

async fn dropped_while_waiting(server: SocketAddr) {
    let stream = dial(server).await;
    let waited = timeout(ms(1), stream.read(&mut [0])).await;
    assert!(waited.is_err(), "nothing comes");
}

async fn unix_pair(size: usize) {
    let (here, there) = UnixStream::pair().expect("descriptors");
    let writing = go!(async move { there.write_all(&vec![3; size]).await });
    let mut buffer = vec![0; size];
    here.read_exact(&mut buffer).await.expect("all of it");
    writing.await.expect("no panic").expect("room");
}
