//! The command line of the benchmarks that are not criterion's.
//!
//! Cargo runs every benchmark with the same arguments, so one that is meant for criterion
//! must not start a long measurement here: a word that names no row selects nothing, and an
//! option that is not ours is passed over.

use std::env;

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Args {
    /// Cargo says so when it benches; without it, everything is done once, as a test.
    pub bench: bool,
    /// Only rows whose name contains one of these words; all if there is none.
    pub words: Vec<String>,
    /// Only these peers; all if there is none.
    pub peers: Vec<String>,
    /// The numbers of workers.
    pub workers: Vec<usize>,
    /// Rounds that are measured.
    pub rounds: usize,
    /// Factor on the size of the work.
    pub scale: f64,
    /// Whether glibc is kept from giving freed memory back.
    pub no_trim: bool,
    /// Whether figures are held against their bars, and the exit status tells.
    pub check: bool,
    /// What this process is to do for its parent: the words after `--child`.
    pub child: Option<Vec<String>>,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            bench: false,
            words: Vec::new(),
            peers: Vec::new(),
            workers: vec![1, 2],
            rounds: 9,
            scale: 1.0,
            no_trim: false,
            check: false,
            child: None,
        }
    }
}

impl Args {
    /// What this process was started with.
    #[must_use]
    pub fn of_process() -> Self {
        Self::parse(env::args().skip(1))
    }

    fn parse(arguments: impl IntoIterator<Item = String>) -> Self {
        let mut args = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--bench" => args.bench = true,
                "--no-trim" => args.no_trim = true,
                "--check" => args.check = true,
                "--rounds" => args.rounds = number(arguments.next(), "--rounds"),
                "--scale" => args.scale = number(arguments.next(), "--scale"),
                "--workers" => args.workers = numbers(arguments.next(), "--workers"),
                "--peers" => args.peers = list(arguments.next()),
                "--child" => args.child = Some(arguments.by_ref().collect()),
                option if option.starts_with('-') => {}
                _ => args.words.push(argument),
            }
        }
        args
    }

    /// Whether a row of this name was asked for.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }

    /// Whether this peer was asked for.
    #[must_use]
    pub fn wants_peer(&self, name: &str) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|peer| peer == name)
    }
}

fn list(text: Option<String>) -> Vec<String> {
    text.unwrap_or_default()
        .split(',')
        .map(str::to_owned)
        .collect()
}

fn number<T: std::str::FromStr>(text: Option<String>, option: &str) -> T {
    text.and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("{option} wants a number"))
}

fn numbers(text: Option<String>, option: &str) -> Vec<usize> {
    list(text)
        .into_iter()
        .map(|text| number(Some(text), option))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn parse(line: &str) -> Args {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_word_selects_the_rows_that_contain_it() {
        let args = parse("--bench spawn");
        assert!(args.wants("versus/spawn_10k"));
        assert!(!args.wants("versus/yield_many"));
    }

    #[test]
    fn what_is_meant_for_criterion_selects_nothing() {
        assert!(!parse("--bench scheduler/").wants("versus/spawn_10k"));
        assert!(!parse("--save-baseline main --bench").wants("versus/spawn_10k"));
    }

    #[test]
    fn lists_are_split_at_commas() {
        let args = parse("--workers 2,4 --peers marmot,tokio");
        assert_eq!(args.workers, [2, 4]);
        assert!(args.wants_peer("tokio") && !args.wants_peer("smol"));
    }

    #[test]
    fn a_child_gets_all_the_rest() {
        assert_eq!(parse("--bench --child a b").child.unwrap(), ["a", "b"]);
    }
}
