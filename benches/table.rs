//! The figures of all rows, as markdown.

use std::fmt::Write as _;

use crate::go;
use crate::measure::cost::Cost;
use crate::measure::stats::median;

/// What one operation took in one round.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Time on the wall, in nanoseconds.
    pub wall_ns: f64,
    /// Processor time, in nanoseconds.
    pub cpu_ns: f64,
}

impl Sample {
    /// The share of one of so many operations.
    #[must_use]
    pub fn of(cost: Cost, operations: u64) -> Self {
        let share = |time: std::time::Duration| time.as_nanos() as f64 / operations as f64;
        Self {
            wall_ns: share(cost.wall),
            cpu_ns: share(cost.cpu),
        }
    }
}

/// All rounds of one peer in one row.
#[derive(Debug)]
pub struct Line {
    /// The peer.
    pub name: &'static str,
    /// Its rounds, in order.
    pub samples: Vec<Sample>,
    /// The most memory it takes when it runs alone, in KiB.
    pub peak_kib: Option<u64>,
}

impl Line {
    /// Without figures as yet.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            samples: Vec::new(),
            peak_kib: None,
        }
    }

    /// Time on the wall, a figure for each round.
    #[must_use]
    pub fn wall_ns(&self) -> Vec<f64> {
        self.samples.iter().map(|sample| sample.wall_ns).collect()
    }

    /// Processor time, a figure for each round.
    #[must_use]
    pub fn cpu_ns(&self) -> Vec<f64> {
        self.samples.iter().map(|sample| sample.cpu_ns).collect()
    }
}

/// One row with one number of workers.
#[derive(Debug)]
pub struct Group {
    /// The row.
    pub row: &'static str,
    /// What one operation is.
    pub op: &'static str,
    /// The number of workers.
    pub workers: usize,
    /// Rounds measured.
    pub rounds: usize,
    /// Rounds of them in which the cores were far from each other.
    pub rounds_far: usize,
    /// The peers, ours first.
    pub lines: Vec<Line>,
}

impl Group {
    /// How many times the first peer's time this one took, a figure for each round.
    #[must_use]
    pub fn ratios(&self, line: &Line) -> Vec<f64> {
        let ours = &self.lines[0].samples;
        line.samples
            .iter()
            .zip(ours)
            .map(|(theirs, ours)| theirs.wall_ns / ours.wall_ns)
            .collect()
    }
}

/// The three tables and the meaning of the rows.
#[must_use]
pub fn render(groups: &[Group]) -> String {
    let peers = peers(groups);
    let mut text = String::new();
    part(
        &mut text,
        "Nanoseconds an operation, and in brackets how many times as long as the first",
        groups,
        &peers,
        |group, line| {
            let ratio = median(&group.ratios(line));
            format!("{} ({ratio:.2})", figure(median(&line.wall_ns())))
        },
    );
    far(&mut text, groups);
    part(
        &mut text,
        "Processor time an operation, all threads, in nanoseconds",
        groups,
        &peers,
        |_, line| figure(median(&line.cpu_ns())),
    );
    part(
        &mut text,
        "Most memory of a process that runs this alone, in MiB",
        groups,
        &peers,
        |_, line| {
            line.peak_kib
                .map_or_else(none, |kib| format!("{}", kib / 1024))
        },
    );
    text.push_str("One operation is:\n\n");
    let mut last = "";
    for group in groups
        .iter()
        .filter(|group| std::mem::replace(&mut last, group.row) != group.row)
    {
        let _ = writeln!(text, "- `{}`: {}", group.row, group.op);
    }
    text
}

fn part(
    text: &mut String,
    title: &str,
    groups: &[Group],
    peers: &[&str],
    cell: impl Fn(&Group, &Line) -> String,
) {
    let _ = writeln!(
        text,
        "{title}:\n\n| row | workers | {} |",
        peers.join(" | ")
    );
    let _ = writeln!(text, "|---|--:|{}", "--:|".repeat(peers.len()));
    for group in groups {
        let _ = write!(text, "| `{}` | {} |", group.row, group.workers);
        for peer in peers {
            let line = group.lines.iter().find(|line| line.name == *peer);
            let _ = write!(
                text,
                " {} |",
                line.map_or_else(none, |line| cell(group, line))
            );
        }
        text.push('\n');
    }
    text.push('\n');
}

/// Says in which groups the cores were far from each other, and how often.
fn far(text: &mut String, groups: &[Group]) {
    for group in groups.iter().filter(|group| group.rounds_far > 0) {
        let (far, rounds) = (group.rounds_far, group.rounds);
        let _ = writeln!(
            text,
            "- `{}` with {} workers: the cores were far from each other in {far} of {rounds} rounds",
            group.row, group.workers
        );
    }
    text.push('\n');
}

fn none() -> String {
    "n/a".to_owned()
}

/// Three digits that mean something.
fn figure(ns: f64) -> String {
    if ns < 100.0 {
        format!("{ns:.1}")
    } else {
        format!("{ns:.0}")
    }
}

/// In the order in which they appear, Go last.
fn peers(groups: &[Group]) -> Vec<&'static str> {
    let mut peers = Vec::new();
    for line in groups.iter().flat_map(|group| &group.lines) {
        if !peers.contains(&line.name) {
            peers.push(line.name);
        }
    }
    peers.sort_by_key(|&peer| peer == go::NAME);
    peers
}

#[cfg(test)]
mod tests {
    use super::{Group, Line, Sample, render};

    fn line(name: &'static str, wall_ns: &[f64]) -> Line {
        let samples = wall_ns
            .iter()
            .map(|&wall_ns| Sample {
                wall_ns,
                cpu_ns: wall_ns,
            })
            .collect();
        Line {
            name,
            samples,
            peak_kib: Some(2048),
        }
    }

    #[test]
    fn a_ratio_is_taken_within_a_round_before_the_median() {
        // The second round was disturbed for both; the ratio does not notice.
        let group = Group {
            row: "row",
            op: "an operation",
            workers: 2,
            rounds: 3,
            rounds_far: 0,
            lines: vec![
                line("a", &[10.0, 50.0, 10.0]),
                line("b", &[20.0, 100.0, 21.0]),
            ],
        };
        assert_eq!(group.ratios(&group.lines[1]), [2.0, 2.0, 2.1]);
        let text = render(&[group]);
        assert!(text.contains("| row | workers | a | b |\n|---|--:|--:|--:|\n"));
        assert!(text.contains("| `row` | 2 | 10.0 (1.00) | 21.0 (2.00) |"));
    }
}
