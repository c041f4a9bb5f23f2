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
        [what.to_owned(), tasks.to_string(), time.as_millis().to_string()]
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

#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn child<R: Runtime>(workers: usize, load: Load) -> ! {
    let rt = R::start(workers);
    rt.go_from_outside(ticker::<R>());
    let (Load::Block(tasks, _) | Load::Burn(tasks, _)) = load else {
        return report(&rt);
    };
    for seed in 0..tasks {
        rt.go_from_outside(hog::<R>(load, seed as u64));
    }
    report(&rt)
}

fn main() {}
