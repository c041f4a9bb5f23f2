//! The command line of the benchmarks that are not criterion's.
//!
//! Cargo runs every benchmark with the same arguments. So what is meant for another one (an
//! option of criterion's, a word such as `chan/`) selects nothing here and is no mistake. All
//! else that fits nothing is one, and ends the process at once: see [`usage`].
//!
//! `cargo test --benches` gives them the arguments of the test harness; then nothing is a mistake.

pub mod usage;

use std::{env, process};

use usage::Target;

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
    /// Whether one wants to know what can be asked for.
    help: bool,
    /// Whether all this is said to criterion.
    for_criterion: bool,
    /// Options that nobody knows.
    unknown: Vec<String>,
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
            help: false,
            for_criterion: false,
            unknown: Vec::new(),
        }
    }
}

impl Args {
    /// What this process was started with. `--help` is answered here, and a mistake ends
    /// the process with exit code 2.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "who asks for help wants to read it")]
    pub fn of_process(target: &Target<'_>) -> Self {
        match Self::parse(env::args().skip(1)).and_then(|args| args.judged(target)) {
            Ok(args) if args.help => {
                println!("{}", target.help());
                process::exit(0);
            }
            Ok(args) => args,
            Err(mistake) => {
                eprintln!(
                    "{}: {mistake}\nWhat there is: `--help` tells",
                    target.area()
                );
                process::exit(2);
            }
        }
    }

    fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut args = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--bench" => args.bench = true,
                "--help" | "-h" => args.help = true,
                "--no-trim" => args.no_trim = true,
                "--check" => args.check = true,
                "--rounds" => args.rounds = number(arguments.next(), "--rounds")?,
                "--scale" => args.scale = number(arguments.next(), "--scale")?,
                "--workers" => args.workers = numbers(arguments.next(), "--workers")?,
                "--peers" => args.peers = list(arguments.next()),
                "--child" => args.child = Some(arguments.by_ref().collect()),
                option if usage::is_criterions(option) => args.for_criterion = true,
                option if option.starts_with('-') => args.unknown.push(argument),
                _ => args.words.push(argument),
            }
        }
        Ok(args)
    }

    fn judged(self, target: &Target<'_>) -> Result<Self, String> {
        // Cargo's variable is there in all that it runs.
        let is_test = !self.bench && env::var_os("CARGO").is_some();
        if is_test || self.help || self.for_criterion || self.child.is_some() {
            return Ok(self);
        }
        match target.mistake(&self) {
            Some(mistake) => Err(mistake),
            None => Ok(self),
        }
    }

    /// Whether a row of this name was asked for.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        let wanted = |word: &String| name.contains(word.as_str());
        !self.for_criterion && (self.words.is_empty() || self.words.iter().any(wanted))
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

fn number<T: std::str::FromStr>(text: Option<String>, option: &str) -> Result<T, String> {
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("{option} wants a number"))
}

fn numbers(text: Option<String>, option: &str) -> Result<Vec<usize>, String> {
    list(text)
        .into_iter()
        .map(|text| number(Some(text), option))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Args;
    use super::usage::Target;

    fn parse(line: &str) -> Args {
        Args::parse(line.split_whitespace().map(str::to_owned)).expect("all are well formed")
    }

    fn is_mistake(line: &str) -> bool {
        let target = Target::new("versus", ["spawn_10k", "yield_many"]);
        parse(line).judged(&target).is_err()
    }

    #[test]
    fn a_word_selects_the_rows_that_contain_it() {
        let args = parse("--bench spawn");
        assert!(args.wants("versus/spawn_10k"));
        assert!(!args.wants("versus/yield_many"));
    }

    #[test]
    fn what_is_meant_for_criterion_selects_nothing_and_is_no_mistake() {
        for line in [
            "--bench scheduler/",
            "--save-baseline main --bench",
            "--sample-size 10 --bench",
            "--baseline spawn --bench",
        ] {
            assert!(!parse(line).wants("versus/spawn_10k"), "{line}");
            assert!(!is_mistake(line), "{line}");
        }
    }

    #[test]
    fn a_word_without_a_row_is_a_mistake() {
        assert!(is_mistake("--bench spawn yeild"));
        assert!(is_mistake("--bench versus/yeild"));
        assert!(!is_mistake("--bench spawn yield"));
        assert!(!is_mistake("--bench versus/"));
    }

    #[test]
    fn an_option_that_nobody_knows_is_a_mistake() {
        assert!(is_mistake("--bench --round 3"));
        assert!(!is_mistake("--bench --rounds 3 --check"));
    }

    #[test]
    fn an_option_without_its_number_is_a_mistake() {
        for line in ["--rounds", "--scale much", "--workers 1,two"] {
            let words = line.split_whitespace().map(str::to_owned);
            assert!(Args::parse(words).is_err(), "{line}");
        }
    }

    #[test]
    fn who_asks_for_help_makes_no_mistake() {
        assert!(!is_mistake("--bench --help --wrong"));
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
        assert!(!is_mistake("--bench --child a --b"));
    }
}
