//! The rounds of one row.

use crate::args::Args;
use crate::contest::{Contest, Entrant, Laps};
use crate::go;
use crate::measure::cost::Cost;
use crate::measure::line::{self, FAR_NS};
use crate::measure::stats::{median, sorted};
use crate::measure::watchdog;
use crate::table::{Group, Line, Sample};

/// Rounds that must be left to set far ones aside.
const ENOUGH: usize = 5;

/// Who is measured, and how: here, or in a process of its own.
enum Contender<'a> {
    Here(Entrant, Box<dyn Laps>),
    Go(&'a go::Program),
}

impl Contender<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Here(entrant, _) => entrant.name,
            Self::Go(_) => go::NAME,
        }
    }

    fn sample(&self, contest: &Contest, workers: usize, laps: u64) -> Option<Sample> {
        match self {
            Self::Here(entrant, running) => {
                let laps = entrant.laps(laps);
                running.run((laps / 10).max(1));
                let cost = Cost::of(|| running.run(laps));
                Some(Sample::of(cost, laps * contest.lap))
            }
            Self::Go(program) => program
                .run(contest.name, workers, laps)
                .map(|run| run.sample),
        }
    }
}

/// Measures one row, a group of figures for each number of workers.
pub(super) fn measure(contest: &Contest, go: Option<&go::Program>, args: &Args) -> Vec<Group> {
    args.workers
        .iter()
        .map(|&workers| group(contest, go, args, workers))
        .filter(|group| !group.lines.is_empty())
        .collect()
}

fn group(contest: &Contest, go: Option<&go::Program>, args: &Args, workers: usize) -> Group {
    let laps = scaled(contest.laps, args.scale);
    let contenders = contenders(contest, go, args, workers);
    let mut lines: Vec<_> = contenders
        .iter()
        .map(|contender| Line::new(contender.name()))
        .collect();
    let mut far = Vec::new();
    for round in 0..args.rounds {
        let before = line::trip_ns();
        for turn in 0..contenders.len() {
            let at = (round + turn) % contenders.len();
            let contender = &contenders[at];
            watchdog::step(&format!("{} {} w{workers}", contest.name, contender.name()));
            lines[at]
                .samples
                .extend(contender.sample(contest, workers, laps));
        }
        far.push(is_far(before, line::trip_ns()));
    }
    drop(contenders);
    lines.retain(|line| line.samples.len() == args.rounds);
    for line in &mut lines {
        line.peak_kib = alone(contest, go, args, workers, laps, line.name);
    }
    let group = Group {
        row: contest.name,
        op: contest.op,
        workers,
        rounds_far: far.iter().filter(|&&far| far).count(),
        rounds: far.len(),
        lines: set_aside(lines, &far),
    };
    announce(&group);
    group
}

fn contenders<'a>(
    contest: &Contest,
    go: Option<&'a go::Program>,
    args: &Args,
    workers: usize,
) -> Vec<Contender<'a>> {
    let here = contest
        .entrants
        .iter()
        .filter(|entrant| args.wants_peer(entrant.name) && entrant.runs_with(workers))
        .map(|entrant| Contender::Here(*entrant, (entrant.start)(workers)));
    let go = go
        .filter(|program| args.wants_peer(go::NAME) && program.has(contest.name))
        .map(Contender::Go);
    here.chain(go).collect()
}

fn scaled(laps: u64, scale: f64) -> u64 {
    let laps = (laps as f64 * scale).round() as u64;
    laps.max(1)
}

fn is_far(before: Option<f64>, after: Option<f64>) -> bool {
    [before, after].into_iter().flatten().any(|ns| ns > FAR_NS)
}

/// Without the rounds in which the cores were far from each other, if enough are left.
fn set_aside(mut lines: Vec<Line>, far: &[bool]) -> Vec<Line> {
    if far.iter().filter(|&&far| !far).count() >= ENOUGH {
        for line in &mut lines {
            let mut round = far.iter();
            line.samples.retain(|_| round.next() == Some(&false));
        }
    }
    lines
}

/// The peak memory of one peer that runs this alone, in KiB.
fn alone(
    contest: &Contest,
    go: Option<&go::Program>,
    args: &Args,
    workers: usize,
    laps: u64,
    name: &str,
) -> Option<u64> {
    watchdog::step(&format!("{} {name} w{workers}, alone", contest.name));
    if name == go::NAME {
        return Some(go?.run(contest.name, workers, laps)?.peak_kib);
    }
    super::child::peak_kib(contest.name, name, workers, laps, args.no_trim)
}

/// One line for each peer, while the rest is still being measured.
fn announce(group: &Group) {
    let far = group.rounds_far;
    eprintln!(
        "{} w{} ({far} of {} rounds far)",
        group.row, group.workers, group.rounds
    );
    for line in &group.lines {
        let ratios = sorted(&group.ratios(line));
        let (low, high) = (ratios.first(), ratios.last());
        eprintln!(
            "  {:14} {:9.1} ns  {:9.1} cpu ns  ratio {:5.2} ({:.2} to {:.2})",
            line.name,
            median(&line.wall_ns()),
            median(&line.cpu_ns()),
            median(&ratios),
            low.copied().unwrap_or(0.0),
            high.copied().unwrap_or(0.0),
        );
    }
}
