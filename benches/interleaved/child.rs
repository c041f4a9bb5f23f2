//! One peer alone in a process: what memory does it take at most?

use std::env;
use std::process::Command;

use crate::contest::Contest;
use crate::measure::process::Status;

/// Starts this program again for one peer, and reads the peak it reports, in KiB.
pub(super) fn peak_kib(
    row: &str,
    peer: &str,
    workers: usize,
    laps: u64,
    no_trim: bool,
) -> Option<u64> {
    let mut command = Command::new(env::current_exe().ok()?);
    if no_trim {
        command.arg("--no-trim");
    }
    let output = command
        .args([
            "--child",
            row,
            peer,
            &workers.to_string(),
            &laps.to_string(),
        ])
        .output()
        .ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// What the child does: all the laps, once, and then one number.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub(super) fn work(contests: &[Contest], task: &[String]) {
    let [row, peer, workers, laps] = task else {
        panic!("--child wants a row, a peer, workers and laps");
    };
    let entrant = contests
        .iter()
        .filter(|contest| contest.name == row)
        .flat_map(|contest| &contest.entrants)
        .find(|entrant| entrant.name == peer)
        .expect("the parent names a row and a peer that exist");
    let workers = workers.parse().expect("workers are a number");
    let laps = laps.parse().expect("laps are a number");
    (entrant.start)(workers).run(entrant.laps(laps));
    println!("{}", Status::read().peak_rss_kib);
}
