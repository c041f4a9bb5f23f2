//! Peers against each other: interleaved rounds in one process, ratios, tables.
//!
//! ```text
//!   for each row, for each number of workers
//!     start everybody's runtime
//!     round:  line │ A: a tenth, then all │ B: a tenth, then all │ ... │ line     9 times
//!                  └ the next round begins with B
//!     once more, everybody alone in a process of its own: peak memory
//! ```
//!
//! A claim is a ratio within one round, and then the median over the rounds: what disturbs
//! the machine for longer than a round disturbs both sides of it. A round in which the cores
//! are far from each other (see [`mod@line`]) is set aside, unless too few would be left.

mod child;
mod rounds;

use std::env;
use std::path::Path;

use crate::args::Args;
use crate::args::usage::Target;
use crate::contest::Contest;
use crate::go;
use crate::measure::{heap, line, machine, watchdog};
use crate::table;

/// The whole program of a target: `area` is the first part of its rows' names, and Go's
/// program is built in `scratch`.
pub fn main(area: &str, contests: &[Contest], scratch: &Path) {
    let rows = contests.iter().map(|contest| contest.name);
    let args = Args::of_process(&Target::new(area, rows));
    run(&args, area, contests, scratch);
}

/// The same, for a target that has other rows too and knows what was asked for.
#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
pub fn run(args: &Args, area: &str, contests: &[Contest], scratch: &Path) {
    if args.no_trim && !heap::keep_freed_memory() {
        eprintln!("--no-trim: this C library has no such setting");
    }
    if let Some(task) = &args.child {
        return child::work(contests, task);
    }
    let wanted: Vec<_> = contests
        .iter()
        .filter(|contest| args.wants(&format!("{area}/{}", contest.name)))
        .collect();
    if wanted.is_empty() {
        return;
    }
    watchdog::start();
    if !args.bench {
        return once(&wanted, args);
    }
    let go = go::Program::build(scratch);
    let groups: Vec<_> = wanted
        .iter()
        .flat_map(|contest| rounds::measure(contest, go.as_ref(), args))
        .collect();
    println!("{}", machine::describe());
    println!("{}", conditions(args));
    println!("{}", table::render(&groups));
}

/// Each row once, in the smallest size: does everything still work?
fn once(contests: &[&Contest], args: &Args) {
    for contest in contests {
        for entrant in &contest.entrants {
            if args.wants_peer(entrant.name) {
                watchdog::step(&format!("{} {}", contest.name, entrant.name));
                (entrant.start)(2).run(1);
            }
        }
    }
}

fn conditions(args: &Args) -> String {
    let trimming = if args.no_trim { "off" } else { "on" };
    let now = line::trip_ns().map_or_else(|| "unknown".to_owned(), |ns| format!("{ns:.0} ns"));
    format!(
        "- allocator: the system's, heap trimming {trimming}\n\
         - {} rounds, size {}, command `{}`\n\
         - a line between the cores, at the end: {now}\n",
        args.rounds,
        args.scale,
        env::args().skip(1).collect::<Vec<_>>().join(" "),
    )
}
