//! Rounds, and the table of what they have shown.

use std::path::Path;

use benches::args::Args;
use benches::go;
use benches::measure::stats::median;
use benches::measure::{line, machine, watchdog};

use crate::client::Figures;
use crate::plan::{BARE, OURS, PEERS, ROWS, Row, takes_part};
use crate::rig;

/// All rounds of one peer.
struct Line {
    peer: &'static str,
    rounds: Vec<Option<Figures>>,
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
pub(crate) fn all(args: &Args) {
    let rows: Vec<_> = ROWS
        .iter()
        .filter(|row| args.wants(&format!("net/{}", row.name)))
        .collect();
    if rows.is_empty() {
        return;
    }
    let go = Some(go::NAME)
        .filter(|name| args.wants_peer(name))
        .and_then(|_| go::Program::build(Path::new(env!("CARGO_TARGET_TMPDIR"))));
    println!("{}", machine::describe());
    println!(
        "One client process, one request at a time on each connection; {} rounds, medians. In \
         brackets, with the ratio taken within a round: how many times as many requests {OURS} \
         does in the same time, how many times as long its p99 is, and how many times as much \
         processor time it takes for one. A microsecond of work is {:.1} turns.\n",
        args.rounds,
        *rig::TURNS_PER_US
    );
    println!(
        "| row | workers | peer | requests/s | p50 us | p99 us | p99.9 us | server CPU us/request |"
    );
    println!("|---|--:|---|--:|--:|--:|--:|--:|");
    for row in rows {
        for &workers in &args.workers {
            group(row, workers, args, go.as_ref());
        }
    }
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn group(row: &Row, workers: usize, args: &Args, go: Option<&go::Program>) {
    let mut lines: Vec<_> = PEERS
        .iter()
        .filter(|peer| args.wants_peer(peer) && takes_part(peer, row.kind))
        .map(|peer| Line {
            peer,
            rounds: Vec::new(),
        })
        .collect();
    let mut far = 0;
    for round in 0..args.rounds {
        if line::trip_ns().is_some_and(|trip| trip > line::FAR_NS) {
            far += 1;
        }
        // Each time another one begins, so that nobody is always behind the same one.
        let first = round % lines.len().max(1);
        let (before, from_first) = lines.split_at_mut(first);
        for line in from_first.iter_mut().chain(before) {
            watchdog::step(&format!("{} of {}", row.name, line.peer));
            let figures = rig::measure(line.peer, row, workers, args, go);
            line.rounds.push(figures);
        }
    }
    for line in &lines {
        println!("{}", render(row, workers, line, &lines));
    }
    if far > 0 {
        println!(
            "| {} | {workers} | the cores were far from each other in {far} of {} rounds |",
            row.name, args.rounds
        );
    }
}

fn render(row: &Row, workers: usize, line: &Line, lines: &[Line]) -> String {
    let middle = |figure: fn(&Figures) -> f64| {
        let all: Vec<_> = line.rounds.iter().flatten().map(figure).collect();
        median(&all)
    };
    let workers = if line.peer == BARE { 1 } else { workers };
    let head = format!("| {} | {workers} | {} |", row.name, line.peer);
    if line.rounds.iter().all(Option::is_none) {
        return format!("{head} n/a | | | | |");
    }
    format!(
        "{head} {:.0} ({:.2}) | {:.0} | {:.0} ({:.2}) | {:.0} | {:.2} ({:.2}) |",
        middle(|figures| figures.rate),
        median(&ratios(line, lines, |figures| figures.rate)),
        middle(|figures| figures.p50_us),
        middle(|figures| figures.p99_us),
        median(&ratios(line, lines, |figures| figures.p99_us)),
        middle(|figures| figures.p999_us),
        middle(|figures| figures.cpu_us),
        median(&ratios(line, lines, |figures| figures.cpu_us)),
    )
}

/// How many times this one's figure ours is, for each round.
fn ratios(line: &Line, lines: &[Line], figure: fn(&Figures) -> f64) -> Vec<f64> {
    let Some(ours) = lines.iter().find(|line| line.peer == OURS) else {
        return Vec::new();
    };
    let rounds = ours.rounds.iter().zip(&line.rounds);
    rounds
        .filter_map(|(ours, theirs)| Some(figure(ours.as_ref()?) / figure(theirs.as_ref()?)))
        .collect()
}
