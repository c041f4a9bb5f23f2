//! Go's side: the program in `go/`, built and run where there is a Go toolchain.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::table::Sample;

/// The peer's name in the tables.
pub const NAME: &str = "Go";

/// Go's program, ready to run.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    rows: Vec<String>,
}

/// What one run of it says.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// What an operation took.
    pub sample: Sample,
    /// The most memory the process had, in KiB.
    pub peak_kib: u64,
}

impl Program {
    /// Builds it in `scratch` with the toolchain that `GO` names, or else the one in the
    /// path. Without a toolchain it says so, and there is none.
    #[must_use]
    pub fn build(scratch: &Path) -> Option<Self> {
        let go = env::var_os("GO").unwrap_or_else(|| "go".into());
        let path = scratch.join("marmot-benches-go");
        let built = Command::new(go)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/go"))
            .args(["build", "-o"])
            .arg(&path)
            .arg(".")
            .output();
        match built {
            Ok(output) if output.status.success() => Self::of(path),
            Ok(output) => {
                eprintln!(
                    "Go is left out: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
                None
            }
            Err(error) => {
                eprintln!("Go is left out: no toolchain in GO or in the path ({error})");
                None
            }
        }
    }

    fn of(path: PathBuf) -> Option<Self> {
        let list = Command::new(&path).arg("-list").output().ok()?;
        let rows = text(&list).split_whitespace().map(str::to_owned).collect();
        Some(Self { path, rows })
    }

    /// Whether it has this row.
    #[must_use]
    pub fn has(&self, row: &str) -> bool {
        self.rows.iter().any(|name| name == row)
    }

    /// Runs one row: a tenth of the laps, and then all of them, measured.
    #[must_use]
    pub fn run(&self, row: &str, workers: usize, laps: u64) -> Option<Run> {
        let output = Command::new(&self.path)
            .args(["-row", row, "-laps", &laps.to_string()])
            .args(["-procs", &workers.to_string()])
            .output()
            .ok()?;
        parse(&text(&output))
    }

    /// The command that runs a ticker beside hogs for so long: what they do, how many they
    /// are, and for how many milliseconds at a time.
    #[must_use]
    pub fn hogs(&self, workers: usize, load: &[String; 3], time: Duration) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(["-hogs", &load[0], "-tasks", &load[1], "-ms", &load[2]])
            .args(["-procs", &workers.to_string()])
            .args(["-time", &format!("{}ms", time.as_millis())]);
        command
    }

    /// The command that serves: `echo`, `work` or `http`.
    #[must_use]
    pub fn serve(&self, kind: &str, workers: usize) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(["-serve", kind])
            .args(["-procs", &workers.to_string()]);
        command
    }

    /// The command that measures how late so many timers are.
    #[must_use]
    pub fn timers(&self, case: &str, workers: &str, count: &str) -> Command {
        let mut command = Command::new(&self.path);
        command.args(["-timers", case, "-procs", workers, "-tasks", count]);
        command
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `row procs wall_ns cpu_ns peak_kib`
fn parse(line: &str) -> Option<Run> {
    let mut words = line.split_whitespace().skip(2);
    Some(Run {
        sample: Sample {
            wall_ns: words.next()?.parse().ok()?,
            cpu_ns: words.next()?.parse().ok()?,
        },
        peak_kib: words.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_line_of_the_program_is_understood() {
        let run = parse("sieve 2 92.5 180.25 5120\n").expect("it is whole");
        assert_eq!(
            (run.sample.wall_ns, run.sample.cpu_ns, run.peak_kib),
            (92.5, 180.25, 5120)
        );
    }

    #[test]
    fn a_broken_line_is_no_figure() {
        assert!(parse("panic: no such row").is_none());
    }
}
