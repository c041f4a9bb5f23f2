//! A goroutine that sleeps a millisecond in a loop, beside hogs: how late does it get up?
//!
//! `cargo bench -p benches --bench hogs -- [words] [--workers 1,2] [--peers marmot,tokio,Go]
//! [--check]`
//!
//! ```text
//!   this process ──▶ child: one peer, one load, some seconds     its lateness, at the end
//!        └─ counts the child's threads, every few milliseconds
//! ```
//!
//! Each case runs in a process of its own, so that neither threads nor leftovers of one case
//! are another's. A sleep that has not ended when the time is over counts as late as it is
//! by then: who never gets up at all cannot look good.

mod peers;

use std::env;
use std::io::Read;
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use benches::args::Args;
use benches::args::usage::Target;
use benches::go;
use benches::measure::machine;
use benches::measure::process::Status;
use benches::measure::stats::{quantile, sorted};
use benches::peer::Runtime;

/// What the ticker runs beside.
#[derive(Clone, Copy, Debug)]
enum Load {
    Nothing,
    /// So many tasks that block their thread for so long.
    Block(usize, Duration),
    /// So many tasks that compute for so long.
    Burn(usize, Duration),
}

/// What must hold under a load.
#[derive(Clone, Copy, Debug)]
struct Bar {
    p99_us: f64,
    /// Threads, besides the Ps.
    threads: Option<u64>,
}

struct Case {
    name: &'static str,
    load: Load,
    bar: Option<Bar>,
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const fn p99_ms(ms: f64) -> Option<Bar> {
    Some(Bar {
        p99_us: ms * 1e3,
        threads: None,
    })
}

/// Goroutines that burn on threads of their own at the same time: the runtime's default cap.
const CAP: u64 = 8;

/// The monitor, and the thread that started the runtime.
const OTHERS: u64 = 2;

const CASES: [Case; 5] = [
    Case {
        name: "nothing",
        load: Load::Nothing,
        bar: None,
    },
    Case {
        name: "block_4",
        load: Load::Block(4, ms(50)),
        bar: p99_ms(3.0),
    },
    Case {
        name: "burn_4",
        load: Load::Burn(4, ms(50)),
        bar: p99_ms(3.0),
    },
    Case {
        name: "burn_1000",
        load: Load::Burn(1_000, ms(5)),
        bar: Some(Bar {
            p99_us: 5e3,
            threads: Some(CAP + OTHERS),
        }),
    },
    Case {
        name: "block_1000",
        load: Load::Block(1_000, ms(50)),
        bar: p99_ms(25.0),
    },
];

impl Load {
    fn describe(self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Block(tasks, time) => format!("{tasks} x block {} ms", time.as_millis()),
            Self::Burn(tasks, time) => format!("{tasks} x burn {} ms", time.as_millis()),
        }
    }

    /// As Go's program takes it: what, how many, how long.
    fn words(self) -> [String; 3] {
        let (what, tasks, time) = match self {
            Self::Nothing => ("nothing", 0, Duration::ZERO),
            Self::Block(tasks, time) => ("block", tasks, time),
            Self::Burn(tasks, time) => ("burn", tasks, time),
        };
        [
            what.to_owned(),
            tasks.to_string(),
            time.as_millis().to_string(),
        ]
    }
}

/// How long a case runs, its hogs included.
const TIME: Duration = ms(3_000);

/// The ticker's sleep.
const TICK: Duration = ms(1);

// ---- the child: runs one case

/// When the present sleep began, and how late the past ones were, in microseconds.
static TICKS: Mutex<(Option<Instant>, Vec<f64>)> = Mutex::new((None, Vec::new()));

fn late_us(began: Instant) -> f64 {
    began.elapsed().saturating_sub(TICK).as_secs_f64() * 1e6
}

async fn ticker<R: Runtime>() {
    loop {
        let began = Instant::now();
        TICKS.lock().unwrap().0 = Some(began);
        R::sleep(TICK).await;
        let late = late_us(began);
        TICKS.lock().unwrap().1.push(late);
    }
}

fn burn(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Hogs, and between two turns yields or sleeps for less than a millisecond.
async fn hog<R: Runtime>(load: Load, mut seed: u64) {
    loop {
        match load {
            Load::Nothing => {}
            Load::Block(_, time) => thread::sleep(time),
            Load::Burn(_, time) => burn(time),
        }
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        match seed >> 62 {
            0 | 1 => R::yield_now().await,
            _ => R::sleep(Duration::from_micros((seed >> 40) % 1_000)).await,
        }
    }
}

fn child<R: Runtime>(workers: usize, load: Load) {
    let rt = R::start(workers);
    rt.go_from_outside(ticker::<R>());
    if let Load::Block(tasks, _) | Load::Burn(tasks, _) = load {
        for seed in 0..tasks {
            rt.go_from_outside(hog::<R>(load, seed as u64));
        }
    }
    thread::sleep(TIME);
    report();
    // The hogs never end, so neither would a runtime that waits for them.
    process::exit(0);
}

/// `p50 p99 max ticks`, in microseconds.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn report() {
    let mut ticks = TICKS.lock().unwrap();
    let unfinished = ticks.0.map(late_us);
    ticks.1.extend(unfinished.filter(|&late| late > 0.0));
    let late = sorted(&ticks.1);
    let at = |share| quantile(&late, share);
    println!(
        "{:.1} {:.1} {:.1} {}",
        at(0.5),
        at(0.99),
        at(1.0),
        late.len()
    );
}

/// `--child peer workers case`
fn be_child(task: &[String]) {
    let [peer, workers, name] = task else {
        panic!("--child wants a peer, workers and a case");
    };
    let workers = workers.parse().expect("workers are a number");
    let case = CASES
        .iter()
        .find(|case| case.name == name)
        .expect("the case exists");
    match peer.as_str() {
        OURS => child::<peers::marmot::Marmot>(workers, case.load),
        "tokio" => child::<peers::tokio::Tokio>(workers, case.load),
        "smol" => child::<peers::smol::Smol>(workers, case.load),
        other => panic!("no peer {other}"),
    }
}

// ---- the parent: starts the cases, counts threads, judges

/// Who is compared.
const PEERS: [&str; 4] = [OURS, "tokio", "smol", go::NAME];

/// Whose bars they are.
const OURS: &str = "marmot";

/// What a case has shown.
#[derive(Clone, Copy, Debug)]
struct Figures {
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
    ticks: u64,
    threads: u64,
}

fn command(peer: &str, workers: usize, case: &Case, go: Option<&go::Program>) -> Option<Command> {
    if peer == go::NAME {
        return Some(go?.hogs(workers, &case.load.words(), TIME));
    }
    let mut command = Command::new(env::current_exe().ok()?);
    command.args(["--child", peer, &workers.to_string(), case.name]);
    Some(command)
}

/// Runs a case to its end, while counting its threads.
fn run(mut command: Command) -> Option<Figures> {
    let mut child = command.stdout(Stdio::piped()).spawn().ok()?;
    let pid = child.id().to_string();
    let mut threads = 0;
    while child.try_wait().ok()?.is_none() {
        threads = threads.max(Status::of(&pid).threads);
        thread::sleep(ms(5));
    }
    let mut text = String::new();
    child.stdout.take()?.read_to_string(&mut text).ok()?;
    let mut words = text.split_whitespace();
    Some(Figures {
        p50_us: words.next()?.parse().ok()?,
        p99_us: words.next()?.parse().ok()?,
        max_us: words.next()?.parse().ok()?,
        ticks: words.next()?.parse().ok()?,
        threads,
    })
}

impl Bar {
    fn is_met(&self, figures: &Figures, workers: usize) -> bool {
        let threads = self.threads.map(|others| others + workers as u64);
        figures.p99_us < self.p99_us && threads.is_none_or(|limit| figures.threads <= limit)
    }
}

/// The case again, twice: a bar is missed if it is missed two times in three. One miss may
/// be the machine's.
fn missed(bar: &Bar, first: Figures, workers: usize, again: impl Fn() -> Option<Figures>) -> bool {
    if bar.is_met(&first, workers) {
        return false;
    }
    let met = |_| again().is_some_and(|figures| bar.is_met(&figures, workers));
    !(0..2).all(met)
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn print(case: &Case, workers: usize, peer: &str, figures: &Figures) {
    println!(
        "| {} | {workers} | {peer} | {:.0} | {:.0} | {:.0} | {} | {} |",
        case.load.describe(),
        figures.p50_us,
        figures.p99_us,
        figures.max_us,
        figures.ticks,
        figures.threads,
    );
}

/// All peers in one case; the names of the bars that ours missed.
fn case(case: &Case, workers: usize, args: &Args, go: Option<&go::Program>) -> Option<String> {
    let mut failed = false;
    for peer in PEERS.iter().filter(|peer| args.wants_peer(peer)) {
        let again = || run(command(peer, workers, case, go)?);
        let figures = again();
        if let Some(figures) = &figures {
            print(case, workers, peer, figures);
        }
        if let (true, Some(bar)) = (args.check && *peer == OURS, &case.bar) {
            failed |= figures.is_none_or(|figures| missed(bar, figures, workers, again));
        }
    }
    failed.then(|| format!("{} with {workers} workers", case.name))
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn main() {
    let args = Args::of_process(&Target::new("hogs", CASES.map(|case| case.name)));
    if let Some(task) = &args.child {
        return be_child(task);
    }
    let cases: Vec<_> = CASES
        .iter()
        .filter(|case| args.bench && args.wants(&format!("hogs/{}", case.name)))
        .collect();
    if cases.is_empty() {
        return;
    }
    let go = go::Program::build(Path::new(env!("CARGO_TARGET_TMPDIR")));
    println!("{}", machine::describe());
    println!(
        "Lateness of a sleep of 1 ms, {} s a case:\n",
        TIME.as_secs()
    );
    println!("| beside | workers | peer | p50 us | p99 us | max us | ticks | threads |");
    println!("|---|--:|---|--:|--:|--:|--:|--:|");
    let mut missed = Vec::new();
    for &workers in &args.workers {
        for each in &cases {
            missed.extend(case(each, workers, &args, go.as_ref()));
        }
    }
    if !missed.is_empty() {
        eprintln!("bars missed: {}", missed.join(", "));
        process::exit(1);
    }
}
