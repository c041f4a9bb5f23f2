//! A million goroutines that wait, and ten million that come and go: what do they take?
//!
//! `cargo bench -p benches --bench memory -- [words] [--peers marmot,tokio] [--scale 1]
//! [--check]`
//!
//! Each case runs in a process of its own. Bytes are counted twice: what was asked of the
//! allocator, and by how much the process grew. The counting costs time, the same for all,
//! so the nanoseconds here are not those of `--bench versus`.

#![expect(unsafe_code, reason = "an allocator that counts is an unsafe trait")]

mod peers;

use std::alloc::{GlobalAlloc, Layout, System};
use std::env;
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use benches::args::Args;
use benches::args::usage::Target;
use benches::countdown::Countdown;
use benches::measure::machine;
use benches::measure::process::Status;
use benches::peer::{Channel, Runtime};

// ---- counting

/// The system's allocator, with a count of the bytes that are in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is passed on to `System` as it is, which keeps the contract; the count
// beside it allocates nothing and cannot panic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // ORDERING: Relaxed, here and below: a count that publishes nothing.
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise about the layout is the one `System` wants.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // ORDERING: Relaxed, as above.
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer came from `System`, through `alloc` or `realloc` here.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // ORDERING: Relaxed, as above; wrapping, so a smaller size is subtracted.
        IN_USE.fetch_add(size.wrapping_sub(layout.size()), Ordering::Relaxed);
        // SAFETY: the pointer came from `System`, through `alloc` or `realloc` here.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What is in use: bytes of the allocator, bytes of the process.
#[derive(Clone, Copy)]
struct Use {
    allocated: usize,
    resident: u64,
}

impl Use {
    fn now() -> Self {
        Self {
            // ORDERING: Relaxed, as above.
            allocated: IN_USE.load(Ordering::Relaxed),
            resident: Status::read().rss_kib * 1024,
        }
    }

    /// What one of so many has added since.
    fn each_since(self, before: Self, tasks: u64) -> (f64, f64) {
        let tasks = tasks as f64;
        (
            self.allocated.saturating_sub(before.allocated) as f64 / tasks,
            self.resident.saturating_sub(before.resident) as f64 / tasks,
        )
    }
}

// ---- the child: runs one case

/// What a case has shown.
#[derive(Clone, Copy)]
struct Figures {
    allocated: f64,
    resident: f64,
    ns: f64,
    peak_mib: u64,
}

/// How the waiting tasks find their channel.
#[derive(Clone, Copy)]
enum Share {
    /// All wait for one channel.
    One,
    /// Each has its own, whose other end the root keeps.
    Own,
}

/// The two moments of a task: it is about to wait, it has been let go.
#[derive(Default)]
struct Milestones {
    there: Countdown,
    end: Countdown,
}

async fn wait_at<C: Channel>(rx: &'static C::Rx<u64>, at: &'static Milestones) {
    at.there.arrive();
    assert!(C::recv_shared(rx).await.is_none(), "nobody sends");
    at.end.arrive();
}

async fn wait_with<C: Channel>(mut rx: C::Rx<u64>, at: &'static Milestones) {
    at.there.arrive();
    assert!(C::recv(&mut rx).await.is_none(), "nobody sends");
    at.end.arrive();
}

/// Starts the tasks; returns the sending ends.
fn start_waiting<R: Runtime, C: Channel>(
    share: Share,
    tasks: u64,
    at: &'static Milestones,
) -> Vec<C::Tx<u64>> {
    match share {
        Share::One => {
            let (tx, rx) = C::new::<u64>(C::CAN.tightest());
            let rx = &*Box::leak(Box::new(rx));
            (0..tasks).for_each(|_| R::go(wait_at::<C>(rx, at)));
            vec![tx]
        }
        Share::Own => (0..tasks)
            .map(|_| {
                let (tx, rx) = C::new::<u64>(C::CAN.tightest());
                R::go(wait_with::<C>(rx, at));
                tx
            })
            .collect(),
    }
}

/// Starts so many tasks that wait, looks, and lets them go: each must really have waited.
async fn park<R: Runtime, C: Channel>(share: Share, tasks: u64) -> Figures {
    let at: &'static Milestones = Box::leak(Box::default());
    let count = usize::try_from(tasks).expect("tasks fit into the address space");
    at.there.expect(count);
    at.end.expect(count);
    let before = Use::now();
    let start = Instant::now();
    let kept = start_waiting::<R, C>(share, tasks, at);
    at.there.wait().await;
    // Those that arrived last may still be on their way to the line: once round the queue.
    R::yield_now().await;
    let (allocated, resident) = Use::now().each_since(before, tasks);
    drop(kept);
    at.end.wait().await;
    Figures {
        allocated,
        resident,
        ns: start.elapsed().as_nanos() as f64 / tasks as f64,
        peak_mib: 0,
    }
}

/// Tasks that one task starts before it lets others run.
const BURST: u64 = 1_000;

/// Starts so many tasks that do nothing, a burst at a time.
async fn come_and_go<R: Runtime>(tasks: u64) -> Figures {
    let done = Countdown::leak();
    let before = Use::now();
    let start = Instant::now();
    done.expect(usize::try_from(tasks).expect("tasks fit into the address space"));
    for task in 0..tasks {
        R::go(async move { done.arrive() });
        if task % BURST == BURST - 1 {
            R::yield_now().await;
        }
    }
    done.wait().await;
    let ns = start.elapsed().as_nanos() as f64 / tasks as f64;
    let (allocated, resident) = Use::now().each_since(before, tasks);
    Figures {
        allocated,
        resident,
        ns,
        peak_mib: 0,
    }
}

fn run<R: Runtime, C: Channel>(case: &str, tasks: u64) -> Figures {
    let rt = R::start(2);
    let mut figures = match case {
        "parked_shared" => rt.run(park::<R, C>(Share::One, tasks)),
        "parked_own" => rt.run(park::<R, C>(Share::Own, tasks)),
        "come_and_go" => rt.run(come_and_go::<R>(tasks)),
        other => panic!("no case {other}"),
    };
    figures.peak_mib = Status::read().peak_rss_kib / 1024;
    figures
}

/// `--child peer case tasks`
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn be_child(task: &[String]) {
    use peers::{async_channel, kanal, marmot, smol, tokio};
    let [peer, case, tasks] = task else {
        panic!("--child wants a peer, a case and a number of tasks");
    };
    let tasks = tasks.parse().expect("tasks are a number");
    let figures = match peer.as_str() {
        OURS => run::<marmot::Marmot, marmot::Chan>(case, tasks),
        "tokio" => run::<tokio::Tokio, tokio::Mpsc>(case, tasks),
        "tokio, async-channel" => run::<tokio::Tokio, async_channel::AsyncChannel>(case, tasks),
        "tokio, kanal" => run::<tokio::Tokio, kanal::Kanal>(case, tasks),
        "smol" => run::<smol::Smol, async_channel::AsyncChannel>(case, tasks),
        other => panic!("no peer {other}"),
    };
    println!(
        "{} {} {} {}",
        figures.allocated, figures.resident, figures.ns, figures.peak_mib
    );
}

// ---- the parent: starts the cases, judges

/// Whose bars they are.
const OURS: &str = "marmot";

/// What a whole process may take, in MiB.
const MOST_MIB: u64 = 512;

struct Case {
    name: &'static str,
    what: &'static str,
    tasks: u64,
    /// Bytes that a task of ours may add to the process.
    most_bytes: Option<f64>,
    peers: &'static [&'static str],
}

const CASES: [Case; 3] = [
    Case {
        name: "parked_shared",
        what: "wait for one channel",
        tasks: 1_000_000,
        most_bytes: Some(160.0),
        // tokio's mpsc has one receiver.
        peers: &[OURS, "tokio, async-channel", "tokio, kanal", "smol"],
    },
    Case {
        name: "parked_own",
        what: "wait, each for its own channel",
        tasks: 1_000_000,
        most_bytes: Some(450.0),
        peers: &[
            OURS,
            "tokio",
            "tokio, async-channel",
            "tokio, kanal",
            "smol",
        ],
    },
    Case {
        name: "come_and_go",
        what: "come and go",
        tasks: 10_000_000,
        most_bytes: None,
        peers: &[OURS, "tokio", "smol"],
    },
];

fn start(peer: &str, case: &Case, tasks: u64) -> Option<Figures> {
    let output = Command::new(env::current_exe().ok()?)
        .args(["--child", peer, case.name, &tasks.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut words = text.split_whitespace();
    let figures = Figures {
        allocated: words.next()?.parse().ok()?,
        resident: words.next()?.parse().ok()?,
        ns: words.next()?.parse().ok()?,
        peak_mib: words.next()?.parse().ok()?,
    };
    output.status.success().then_some(figures)
}

fn is_met(case: &Case, figures: &Figures) -> bool {
    figures.peak_mib < MOST_MIB && case.most_bytes.is_none_or(|most| figures.resident < most)
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn print(case: &Case, tasks: u64, peer: &str, figures: &Figures) {
    println!(
        "| {tasks} {} | {peer} | {:.0} | {:.0} | {} | {:.0} |",
        case.what, figures.allocated, figures.resident, figures.peak_mib, figures.ns
    );
}

/// All peers in one case; false if ours missed a bar.
fn case(case: &Case, args: &Args) -> bool {
    let tasks = ((case.tasks as f64 * args.scale) as u64).max(1);
    let mut met = true;
    for peer in case.peers.iter().filter(|peer| args.wants_peer(peer)) {
        let figures = start(peer, case, tasks);
        if let Some(figures) = &figures {
            print(case, tasks, peer, figures);
        }
        if *peer == OURS {
            met = figures.is_some_and(|figures| is_met(case, &figures));
        }
    }
    met
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn main() {
    let args = Args::of_process(&Target::new("memory", CASES.map(|case| case.name)));
    if let Some(task) = &args.child {
        return be_child(task);
    }
    let cases: Vec<_> = CASES
        .iter()
        .filter(|case| args.bench && args.wants(&format!("memory/{}", case.name)))
        .collect();
    if cases.is_empty() {
        return;
    }
    println!("{}", machine::describe());
    println!("| case | peer | bytes asked, each | bytes grown, each | peak MiB | ns each |");
    println!("|---|---|--:|--:|--:|--:|");
    let missed: Vec<_> = cases.iter().filter(|each| !case(each, &args)).collect();
    if args.check && !missed.is_empty() {
        let names: Vec<_> = missed.iter().map(|case| case.name).collect();
        eprintln!("bars missed: {}", names.join(", "));
        process::exit(1);
    }
}
