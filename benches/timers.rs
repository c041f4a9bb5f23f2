//! Timers: what one costs that is made and taken back, and how late the others are.
//!
//! `cargo bench -p benches --bench timers -- [words] [--rounds 9] [--workers 1,2]
//! [--peers marmot,tokio,smol,Go] [--scale 1]`
//!
//! The rows of making and taking back are interleaved, as in `versus`. What is late, and what
//! a million sleepers take, is measured in a process of its own for each peer, one peer after the
//! other in each round; the table shows medians, and beside the processor time the median of its
//! ratios to ours within a round.

mod peers;

use std::env;
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::{Pin, pin};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use benches::args::Args;
use benches::args::usage::Target;
use benches::contest::{Contest, Entrant, Laps};
use benches::countdown::Countdown;
use benches::measure::cost::Cost;
use benches::measure::process::Status;
use benches::measure::stats::{median, quantile, sorted};
use benches::peer::{Kind, Runtime};
use benches::{go, interleaved};

use peers::marmot::Marmot;
use peers::smol::Smol;
use peers::tokio::Tokio;

/// A runtime with a ticker.
trait Ticks: Runtime {
    /// Takes so many ticks of that distance; how late each was after when it was due.
    fn ticks(count: usize, distance: Duration) -> impl Future<Output = Vec<f64>> + Send;
}

// ---- made and taken back

/// So long no timer of these rows waits.
const HOUR: Duration = Duration::from_secs(3_600);

/// Timers in a lap.
const LAP: u64 = 50_000;

/// Makes a sleep, waits for it for one poll, and drops it.
async fn make_and_drop<R: Runtime>(number: u64) {
    let mut sleep = pin!(R::sleep(HOUR + Duration::from_nanos(number)));
    let over = poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_ready())).await;
    assert!(!over, "an hour is longer");
}

/// So many tasks make and drop timers, beside so many timers that stay.
struct MakeAndDrop<R> {
    rt: R,
    tasks: u64,
    beside: u64,
}

impl<R: Runtime> Laps for MakeAndDrop<R> {
    fn run(&self, laps: u64) {
        let (tasks, beside) = (self.tasks, self.beside);
        let each = laps * LAP / tasks;
        self.rt.run(async move {
            let mut stay: Vec<Pin<Box<_>>> = (0..beside)
                .map(|number| Box::pin(R::sleep(HOUR + Duration::from_micros(number))))
                .collect();
            for sleep in &mut stay {
                let over = poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_ready())).await;
                assert!(!over, "an hour is longer");
            }
            let tasks: Vec<_> = (0..tasks)
                .map(|_| {
                    R::spawn(async move {
                        for number in 0..each {
                            make_and_drop::<R>(number).await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                R::join(task).await;
            }
            drop(stay);
        });
    }
}

fn entrant<R: Runtime, const TASKS: u64, const BESIDE: u64>(name: &'static str) -> Entrant {
    Entrant {
        name,
        kind: Kind::Runtime,
        start: |workers| {
            Box::new(MakeAndDrop {
                rt: R::start(workers),
                tasks: TASKS,
                beside: BESIDE,
            })
        },
    }
}

fn contest<const TASKS: u64, const BESIDE: u64>(name: &'static str, op: &'static str) -> Contest {
    Contest {
        name,
        op,
        lap: LAP,
        laps: 20,
        entrants: vec![
            entrant::<Marmot, TASKS, BESIDE>(OURS),
            entrant::<Tokio, TASKS, BESIDE>("tokio"),
            entrant::<Smol, TASKS, BESIDE>("smol"),
        ],
    }
}

fn made_and_taken_back() -> Vec<Contest> {
    vec![
        contest::<1, 0>("cancel_1", "a timer made and taken back by one task"),
        contest::<8, 0>("cancel_8", "a timer made and taken back; 8 tasks"),
        contest::<1, 10_000>(
            "cancel_beside_10k",
            "a timer made and taken back, beside 10,000 that stay",
        ),
    ]
}

// ---- late: the child

/// Sleeps of different lengths, up to a second, all at once; how late each was.
fn sleepers<R: Runtime>(rt: &R, count: usize) -> Vec<f64> {
    let late: &'static [AtomicU32] = (0..count)
        .map(|_| AtomicU32::new(0))
        .collect::<Vec<_>>()
        .leak();
    let done = Countdown::leak();
    rt.run(async move {
        done.expect(count);
        let mut seed = 1_u64;
        for slot in late {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let time = Duration::from_nanos((seed >> 32) % 1_000_000_000);
            R::go(async move {
                let start = Instant::now();
                R::sleep(time).await;
                let ns = start.elapsed().saturating_sub(time).as_nanos();
                // ORDERING: Relaxed: the countdown publishes it.
                slot.store(u32::try_from(ns).unwrap_or(u32::MAX), Ordering::Relaxed);
                done.arrive();
            });
        }
        done.wait().await;
    });
    // ORDERING: Relaxed, as above.
    let us = |slot: &AtomicU32| f64::from(slot.load(Ordering::Relaxed)) / 1e3;
    late.iter().map(us).collect()
}

/// One task's sleeps, one after the other; how late each was.
fn short_sleeps<R: Runtime>(rt: &R, count: usize) -> Vec<f64> {
    const TIME: Duration = Duration::from_micros(100);
    rt.run(async move {
        let mut late = Vec::with_capacity(count);
        for _ in 0..count {
            let start = Instant::now();
            R::sleep(TIME).await;
            late.push(start.elapsed().saturating_sub(TIME).as_secs_f64() * 1e6);
        }
        late
    })
}

impl Ticks for Marmot {
    async fn ticks(count: usize, distance: Duration) -> Vec<f64> {
        let ticker = peers::marmot::ticker(distance);
        let mut late = Vec::with_capacity(count);
        for _ in 0..count {
            let due = ticker.recv().await;
            late.push(due.elapsed().as_secs_f64() * 1e6);
        }
        late
    }
}

impl Ticks for Tokio {
    async fn ticks(count: usize, distance: Duration) -> Vec<f64> {
        let first = tokio::time::Instant::now() + distance;
        let mut ticker = tokio::time::interval_at(first, distance);
        let mut late = Vec::with_capacity(count);
        for _ in 0..count {
            let due = ticker.tick().await;
            late.push(due.elapsed().as_secs_f64() * 1e6);
        }
        late
    }
}

impl Ticks for Smol {
    async fn ticks(count: usize, distance: Duration) -> Vec<f64> {
        use futures::StreamExt;
        let mut ticker = smol::Timer::interval(distance);
        let mut late = Vec::with_capacity(count);
        for _ in 0..count {
            let due = ticker.next().await.expect("it never ends");
            late.push(due.elapsed().as_secs_f64() * 1e6);
        }
        late
    }
}

fn late_of<R: Ticks>(case: &str, workers: usize, count: usize) -> Vec<f64> {
    let rt = R::start(workers);
    match case {
        "sleepers" => sleepers(&rt, count),
        "short_sleeps" => short_sleeps(&rt, count),
        "ticker" => rt.run(R::ticks(count, Duration::from_millis(1))),
        other => panic!("no case {other}"),
    }
}

/// `--child case peer workers count`
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn be_child(task: &[String]) {
    let [case, peer, workers, count] = task else {
        panic!("--child wants a case, a peer, workers and a count");
    };
    let workers = workers.parse().expect("workers are a number");
    let count = count.parse().expect("the count is a number");
    let mut late = Vec::new();
    let cost = Cost::of(|| {
        late = match peer.as_str() {
            OURS => late_of::<Marmot>(case, workers, count),
            "tokio" => late_of::<Tokio>(case, workers, count),
            "smol" => late_of::<Smol>(case, workers, count),
            other => panic!("no peer {other}"),
        }
    });
    let peak = Status::read().peak_rss_kib / 1024;
    let late = sorted(&late);
    let at = |share| quantile(&late, share);
    println!(
        "{:.1} {:.1} {:.1} {:.3} {:.3} {peak}",
        at(0.5),
        at(0.99),
        at(1.0),
        cost.cpu.as_secs_f64(),
        cost.wall.as_secs_f64(),
    );
}

// ---- late: the parent

/// Who is compared.
const PEERS: [&str; 4] = [OURS, "tokio", "smol", go::NAME];

/// Ours.
const OURS: &str = "marmot";

struct Case {
    name: &'static str,
    what: &'static str,
    count: usize,
}

const CASES: [Case; 3] = [
    Case {
        name: "sleepers",
        what: "tasks that sleep 0 to 1 s, at once",
        count: 1_000_000,
    },
    Case {
        name: "short_sleeps",
        what: "sleeps of 100 us, one after the other",
        count: 5_000,
    },
    Case {
        name: "ticker",
        what: "ticks of a ticker of 1 ms",
        count: 2_000,
    },
];

/// What a child says: lateness p50, p99, most; CPU and wall seconds; peak MiB.
fn run(
    case: &Case,
    peer: &str,
    workers: usize,
    count: usize,
    go: Option<&go::Program>,
) -> Option<Vec<f64>> {
    let (workers, count) = (workers.to_string(), count.to_string());
    let mut command = if peer == go::NAME {
        go?.timers(case.name, &workers, &count)
    } else {
        let mut command = Command::new(env::current_exe().ok()?);
        command.args(["--child", case.name, peer, &workers, &count]);
        command
    };
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = text
        .split_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    (output.status.success() && figures.len() == 6).then_some(figures)
}

/// What the peers' children said in so many rounds, each of which begins with another peer.
fn rounds(
    case: &Case,
    peers: &[&str],
    workers: usize,
    args: &Args,
    go: Option<&go::Program>,
) -> Vec<Vec<Option<Vec<f64>>>> {
    let count = count(case, args);
    (0..args.rounds.max(1))
        .map(|round| {
            let mut said = vec![None; peers.len()];
            for turn in 0..peers.len() {
                let at = (round + turn) % peers.len();
                said[at] = run(case, peers[at], workers, count, go);
            }
            said
        })
        .collect()
}

fn count(case: &Case, args: &Args) -> usize {
    ((case.count as f64 * args.scale) as usize).max(1)
}

/// Which of a child's figures is its processor time.
const CPU: usize = 3;

/// The medians of one peer's figures, and of its processor time over that of the first peer.
fn summary(said: &[Vec<Option<Vec<f64>>>], peer: usize) -> Option<(Vec<f64>, f64)> {
    let of_peer: Vec<_> = said.iter().filter_map(|said| said[peer].as_ref()).collect();
    let first = of_peer.first()?;
    let medians = (0..first.len()).map(|at| {
        let column: Vec<_> = of_peer.iter().map(|figures| figures[at]).collect();
        median(&column)
    });
    let ratios: Vec<_> = said
        .iter()
        .filter_map(|said| Some(said[peer].as_ref()?[CPU] / said[0].as_ref()?[CPU]))
        .collect();
    let ratio = if ratios.is_empty() {
        f64::NAN
    } else {
        median(&ratios)
    };
    Some((medians.collect(), ratio))
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn late(args: &Args) {
    let cases: Vec<_> = CASES
        .iter()
        .filter(|case| args.bench && args.wants(&format!("timers/{}", case.name)))
        .collect();
    if cases.is_empty() {
        return;
    }
    let go = go::Program::build(Path::new(env!("CARGO_TARGET_TMPDIR")));
    let peers: Vec<_> = PEERS
        .into_iter()
        .filter(|peer| args.wants_peer(peer))
        .collect();
    println!("| case | workers | peer | p50 late us | p99 | most | CPU s | wall s | peak MiB |");
    println!("|---|--:|---|--:|--:|--:|--:|--:|--:|");
    for case in cases {
        for &workers in &args.workers {
            let said = rounds(case, &peers, workers, args, go.as_ref());
            for (at, peer) in peers.iter().enumerate() {
                let Some((figures, ratio)) = summary(&said, at) else {
                    continue;
                };
                let [p50, p99, most, cpu, wall, peak] = figures[..] else {
                    continue;
                };
                println!(
                    "| {} {} | {workers} | {peer} | {p50:.0} | {p99:.0} | {most:.0} | {cpu:.3} ({ratio:.2}) | {wall:.2} | {peak:.0} |",
                    count(case, args),
                    case.what
                );
            }
        }
    }
}

fn main() {
    let made = made_and_taken_back();
    let rows = made.iter().map(|contest| contest.name);
    let rows = rows.chain(CASES.iter().map(|case| case.name));
    let args = Args::of_process(&Target::new("timers", rows));
    match &args.child {
        Some(task)
            if CASES
                .iter()
                .any(|case| task.first().is_some_and(|name| name == case.name)) =>
        {
            be_child(task);
        }
        _ => {
            let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
            interleaved::run(&args, "timers", &made, scratch);
            if args.child.is_none() {
                late(&args);
            }
        }
    }
}
