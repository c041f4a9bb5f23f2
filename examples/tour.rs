//! The tour: `cargo run --release --example tour` runs every seed program as a process of its
//! own, shows what it prints and checks that against what Go permits.
//!
//! `GOMAXPROCS=1` asks for Go's run-next order where it has one. Names of programs after `--` run
//! only those. The tour itself stands on threads: what it checks should not carry it.

#![expect(
    clippy::duplicate_mod,
    reason = "three seed programs share the shop, and each is an example of its own too"
)]

#[path = "tour/check.rs"]
mod check;
#[path = "tour/child.rs"]
mod child;
#[path = "tour/permitted.rs"]
mod permitted;
#[path = "tour/programs.rs"]
mod programs;
#[path = "tour/server.rs"]
mod server;
#[path = "tour/show.rs"]
mod show;

/// The seed programs: each is a module here and an example of its own.
#[path = "seeds"]
mod seeds {
    pub(crate) mod p01_store_totals;
    pub(crate) mod p02_store_totals_go;
    pub(crate) mod p05_store_totals_channel;
    pub(crate) mod p06_racy_counter;
    pub(crate) mod p07_atomic_counter;
    pub(crate) mod p08_fork_join_sleep;
    pub(crate) mod p09_argument;
    pub(crate) mod p10_named_function;
    pub(crate) mod p11_wait_group_loop;
    pub(crate) mod p13_comma_ok;
    pub(crate) mod p14_mutex;
    pub(crate) mod p15_atomic_getter;
    pub(crate) mod p16_loop_variable;
    pub(crate) mod p17_letters;
    pub(crate) mod p17a_no_wait;
    pub(crate) mod p17b_no_done;
    pub(crate) mod p17c_add_one;
    pub(crate) mod p18_hashes;
    pub(crate) mod p18a_time_slices;
    pub(crate) mod p19_letters_two_procs;
    pub(crate) mod p20_plain_call;
    pub(crate) mod p21_go_no_wait;
    pub(crate) mod p22_go_sleep;
    pub(crate) mod p23_greeting;
    pub(crate) mod p24_greeting_close;
    pub(crate) mod p25_five_receives;
    pub(crate) mod p26_count_and_done;
    pub(crate) mod p28_one_goroutine;
    pub(crate) mod p29_sender_receiver;
    pub(crate) mod p30_send_first;
    pub(crate) mod p31_bidirectional;
    pub(crate) mod p32_unidirectional;
    pub(crate) mod p33_type_of_channel;
    pub(crate) mod p34_type_of_channel_again;
    pub(crate) mod p35_var_and_make;
    pub(crate) mod p36_why_sleep;
    pub(crate) mod p37_deadlock;
    pub(crate) mod p38_close_loop;
    pub(crate) mod p39_range;
    pub(crate) mod p40_len;
    pub(crate) mod p41_cap;
    pub(crate) mod p42_two_no_wait;
    pub(crate) mod p43_two_sleep;
    pub(crate) mod p44_two_wait_group;
    pub(crate) mod p45_http_server;
    pub(crate) mod p46_monte_carlo_pi;
    pub(crate) mod p47_call;
    pub(crate) mod p48_go;
    pub(crate) mod p49_go_sleep;
    pub(crate) mod p50_both_sleep;
    pub(crate) mod p51_cut_off;
    pub(crate) mod p52_chars_and_digits;
    pub(crate) mod p53_chars_and_digits_timed;
    pub(crate) mod p54_anonymous;
}

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Mutex, RwLock, mpsc};
use std::thread;
use std::time::Duration;

use check::Verdict;
use programs::{NOT_RUN, Order, PROGRAMS, Program};
use show::{Show, Visit};

/// How long a program may take beyond the time it sleeps.
const LIMIT: Duration = Duration::from_secs(20);

/// How often a program is tried whose output hangs on the clock: a machine that stands still for
/// some milliseconds spoils it, in Go too. From the second time on it has the tour to itself.
const TRIES: u32 = 5;

/// Held for reading by what runs beside others, for writing by what runs alone.
static ALONE: RwLock<()> = RwLock::new(());

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some(child::PROGRAM) => be(args.get(1)),
        _ => match chosen(&args) {
            Ok(programs) => visit_all(&programs),
            Err(unknown) => {
                eprintln!("no program is called {unknown}");
                ExitCode::FAILURE
            }
        },
    }
}

/// Be one of the programs.
fn be(id: Option<&String>) -> ExitCode {
    match id.and_then(|id| programs::find(id)) {
        Some(program) => {
            (program.main)();
            ExitCode::SUCCESS
        }
        None => ExitCode::FAILURE,
    }
}

/// Those that were named, or all.
fn chosen(names: &[String]) -> Result<Vec<&'static Program>, &String> {
    if names.is_empty() {
        return Ok(PROGRAMS.iter().collect());
    }
    names
        .iter()
        .map(|name| programs::find(name).ok_or(name))
        .collect()
}

fn visit_all(programs: &[&'static Program]) -> ExitCode {
    let mut show = Show::stdout();
    show.heading(programs.len(), child::one_p()).ok();
    let queue = Mutex::new(longest_first(programs));
    let visits = thread::scope(|scope| {
        let (tx, rx) = mpsc::channel();
        for _ in 0..at_a_time() {
            let (tx, queue) = (tx.clone(), &queue);
            scope.spawn(move || work(queue, &tx));
        }
        drop(tx);
        in_order(programs.len(), &rx, &mut show)
    });
    let all = programs.len() == PROGRAMS.len();
    show.table(&visits, if all { &NOT_RUN } else { &[] }).ok();
    match show::failures(&visits) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Most programs sleep, or end at once.
fn at_a_time() -> usize {
    2 * thread::available_parallelism()
        .map_or(2, usize::from)
        .clamp(2, 8)
}

type Queue = Mutex<VecDeque<(usize, &'static Program)>>;

/// Each program with its place in the tour; those that take long begin first.
fn longest_first(programs: &[&'static Program]) -> VecDeque<(usize, &'static Program)> {
    let mut queue: Vec<_> = programs.iter().copied().enumerate().collect();
    queue.sort_by(|(_, a), (_, b)| b.seconds.total_cmp(&a.seconds));
    queue.into()
}

/// Visits programs until there are no more.
fn work(queue: &Queue, done: &mpsc::Sender<(usize, Visit)>) {
    let next = || {
        queue
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .pop_front()
    };
    while let Some((place, program)) = next() {
        if done.send((place, visit(program))).is_err() {
            return;
        }
    }
}

/// Runs a program and judges it, again if the clock may have spoiled it.
fn visit(program: &'static Program) -> Visit {
    let mut tries = 1;
    loop {
        let (run, verdict) = match tries {
            1 => beside_others(program),
            _ => alone(program),
        };
        // One that could not even be asked may have lost its port to another process; one that
        // had to be killed has run.
        let not_run = run.status.is_none() && run.took.is_zero();
        let timed = run.status.is_some() && by_the_clock(program, &run);
        let spoiled = verdict.is_err() && (not_run || timed);
        if !spoiled || tries == TRIES {
            return Visit {
                program,
                run,
                verdict,
                tries,
            };
        }
        tries += 1;
    }
}

/// Whether a machine that stands still could make the output another one.
fn by_the_clock(program: &Program, run: &child::Run) -> bool {
    program.order == Order::Clock || (program.order == Order::OneP && run.one_p)
}

fn beside_others(program: &Program) -> (child::Run, Verdict) {
    // What does nothing but sleep disturbs nobody, and nobody should wait for it.
    let sleeps = program.seconds >= 1.0;
    let _guard = (!sleeps).then(|| ALONE.read());
    try_once(program)
}

fn alone(program: &Program) -> (child::Run, Verdict) {
    let _guard = ALONE.write();
    try_once(program)
}

fn try_once(program: &Program) -> (child::Run, Verdict) {
    let limit = LIMIT + Duration::from_secs_f64(program.seconds);
    match (program.visit)(program.id, limit) {
        Ok(run) => {
            let verdict = (program.check)(&run);
            (run, verdict)
        }
        Err(error) => {
            let verdict = Err(format!("could not be run: {error}"));
            (child::Run::default(), verdict)
        }
    }
}

/// Shows the visits in the order of the tour, each as soon as those before it are there.
fn in_order(
    count: usize,
    rx: &mpsc::Receiver<(usize, Visit)>,
    show: &mut Show<impl std::io::Write>,
) -> Vec<Visit> {
    let mut waiting: Vec<Option<Visit>> = (0..count).map(|_| None).collect();
    let mut visits = Vec::new();
    for (place, visit) in rx {
        waiting[place] = Some(visit);
        while let Some(next) = waiting.get_mut(visits.len()).and_then(Option::take) {
            // A reader who has gone away does not end the tour.
            show.visit(&next).ok();
            visits.push(next);
        }
    }
    visits
}
