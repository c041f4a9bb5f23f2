//! What can be asked of a target, and what is wrong with what was asked.

use std::fmt::Write as _;

use super::Args;

/// The first parts of all rows' names: one for each target.
const AREAS: [&str; 9] = [
    "scheduler",
    "versus",
    "chan",
    "sync",
    "os",
    "timers",
    "hogs",
    "memory",
    "net",
];

/// Options of criterion's that one would give to all targets together.
const CRITERIONS: [&str; 15] = [
    "--baseline",
    "--baseline-lenient",
    "--discard-baseline",
    "--load-baseline",
    "--save-baseline",
    "-b",
    "-s",
    "--color",
    "--measurement-time",
    "--nresamples",
    "--output-format",
    "--profile-time",
    "--quick",
    "--sample-size",
    "--warm-up-time",
];

const OPTIONS: &str = "\
options (a target passes over those that mean nothing to it):
  --rounds 9               rounds that are measured, of which the tables show the medians
  --workers 1,2            numbers of workers
  --peers marmot,tokio     only these peers
  --scale 1                factor on the size of the work, or on its time
  --no-trim                glibc does not give freed memory back
  --check                  hold the figures against their bars, where a row has one
  --bench                  measure; cargo says it. Without it, rows are tried once or not at all
  -h, --help               this text";

pub(super) fn is_criterions(option: &str) -> bool {
    CRITERIONS.contains(&option)
}

/// A program with rows.
#[derive(Debug)]
pub struct Target<'a> {
    area: &'a str,
    rows: Vec<&'a str>,
}

impl<'a> Target<'a> {
    /// The first part of its rows' names, and the other parts.
    pub fn new(area: &'a str, rows: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            area,
            rows: rows.into_iter().collect(),
        }
    }

    pub(super) fn area(&self) -> &str {
        self.area
    }

    pub(super) fn help(&self) -> String {
        let area = self.area;
        let mut text = format!(
            "usage: cargo bench -p benches --bench {area} -- [words] [options]\n\n\
             Without words all rows are run, else those whose name contains one of the words.\n\n\
             {OPTIONS}\n\nrows:\n"
        );
        for row in &self.rows {
            writeln!(text, "  {area}/{row}").expect("a string takes all");
        }
        text
    }

    /// An option that nobody knows, or a word that selects nothing.
    pub(super) fn mistake(&self, args: &Args) -> Option<String> {
        if let Some(option) = args.unknown.first() {
            return Some(format!("there is no option {option}"));
        }
        let word = args.words.iter().find(|word| !self.knows(word))?;
        Some(format!("no row's name contains `{word}`"))
    }

    fn knows(&self, word: &str) -> bool {
        let here = |row: &&str| format!("{}/{row}", self.area).contains(word);
        self.rows.iter().any(here) || is_anothers(self.area, word)
    }
}

/// Whether a word says that it is meant for another target: `chan/mpsc`.
fn is_anothers(area: &str, word: &str) -> bool {
    word.split_once('/')
        .is_some_and(|(first, _)| first != area && AREAS.contains(&first))
}

#[cfg(test)]
mod tests {
    use super::{AREAS, Target};

    #[test]
    fn every_target_of_the_manifest_has_its_area() {
        let manifest = include_str!("../Cargo.toml");
        let targets: Vec<_> = manifest
            .split("[[bench]]")
            .skip(1)
            .filter_map(|entry| entry.split('"').nth(1))
            .collect();
        assert!(targets.len() > 5, "{targets:?}");
        for target in targets {
            assert!(AREAS.contains(&target), "{target}");
        }
    }

    #[test]
    fn help_names_the_rows_as_words_select_them() {
        let help = Target::new("net", ["echo_1_conn"]).help();
        assert!(help.contains("--rounds") && help.contains("net/echo_1_conn"));
    }
}
