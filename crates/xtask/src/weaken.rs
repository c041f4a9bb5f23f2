//! `cargo xtask weaken FILE [seconds]`: which orderings does no model need?
//!
//! Copies the workspace, and in the copy makes one ordering of FILE weaker at a time, or
//! takes one fence away, and runs the models of its crate. A planted bug that the models
//! do not notice *survives*: then make the model sharper, the ordering weaker, or write the
//! sentence that explains it.
//!
//! A model that does not end in time is a verdict of its own: often it is a lost wake-up,
//! sometimes only more interleavings than there was time for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::run::within;
use crate::source::{self, find_word};
use crate::{Outcome, loom, tree};

/// How long the models of a crate may take with one bug planted.
const LIMIT: Duration = Duration::from_secs(120);
/// How long they may take without, with everything to be built first.
const FIRST: Duration = Duration::from_secs(900);

/// One planted bug.
#[derive(Debug, PartialEq)]
struct Bug {
    /// Counted from one.
    line: usize,
    /// What was done, in words.
    what: String,
    /// The whole file with the bug in it.
    text: String,
}

/// What became of a bug.
#[derive(Debug, PartialEq)]
enum Verdict {
    Noticed,
    DoesNotBuild,
    TimedOut,
    Survived,
}

pub(crate) fn chore(args: &[String]) -> Outcome {
    let file = args
        .first()
        .ok_or("which file? cargo xtask weaken crates/X/src/FILE.rs")?;
    let limit = match args.get(1) {
        Some(seconds) => Duration::from_secs(seconds.parse().map_err(|_| "seconds is a number")?),
        None => LIMIT,
    };
    let root = tree::root();
    let path = tree::relative(&root, &root.join(file));
    let text = fs::read_to_string(root.join(&path)).map_err(|error| format!("{path}: {error}"))?;
    let name = path
        .strip_prefix("crates/")
        .and_then(|rest| rest.split('/').next())
        .ok_or("the file has to be in crates/")?;
    let copy = copy_workspace(&root)?;
    eprintln!("== the models of {name} as they are");
    match run_models(&copy, name, FIRST)? {
        Verdict::Survived => {}
        verdict => {
            let logs = copy.display();
            return Err(format!(
                "the models of {name} do not pass as they are ({verdict:?}); see {logs}/*.log"
            ));
        }
    }
    rounds(&copy, &path, name, &bugs(&text), limit)
}

fn rounds(copy: &Path, path: &str, name: &str, bugs: &[Bug], limit: Duration) -> Outcome {
    let place = copy.join(path);
    let sound = tree::text(&place);
    let mut survivors = Vec::new();
    for (n, bug) in bugs.iter().enumerate() {
        fs::write(&place, &bug.text).map_err(|error| error.to_string())?;
        let verdict = run_models(copy, name, limit)?;
        eprintln!(
            "{:>3}/{} {path}:{}: {}: {verdict:?}",
            n + 1,
            bugs.len(),
            bug.line,
            bug.what
        );
        if verdict == Verdict::Survived {
            survivors.push(format!("  {path}:{}: {}", bug.line, bug.what));
        }
    }
    fs::write(&place, sound).map_err(|error| error.to_string())?;
    eprintln!("\n{} planted, {} survived", bugs.len(), survivors.len());
    if survivors.is_empty() {
        return Ok(());
    }
    Err(format!("no model notices\n{}", survivors.join("\n")))
}

/// All bugs that can be planted in a file: outside comments, imports and tests.
fn bugs(text: &str) -> Vec<Bug> {
    let raw: Vec<&str> = text.split('\n').collect();
    let lines = source::lines(text);
    let mut bugs = Vec::new();
    for (n, line) in lines[..source::tests_begin(&lines)].iter().enumerate() {
        let code = line.code.trim_start();
        if code.starts_with("use ") || code.starts_with("pub") && code.contains(" use ") {
            continue;
        }
        for (weaker, what) in weaker_lines(raw[n], &line.code) {
            let mut planted: Vec<&str> = raw.clone();
            planted[n] = &weaker;
            bugs.push(Bug {
                line: n + 1,
                what,
                text: planted.join("\n"),
            });
        }
    }
    bugs
}

/// The ways in which a line can be made weaker, each in words.
fn weaker_lines(raw: &str, code: &str) -> Vec<(String, String)> {
    const STEPS: &[(&str, &[&str])] = &[
        ("Acquire", &["Relaxed"]),
        ("Release", &["Relaxed"]),
        ("AcqRel", &["Relaxed", "Acquire", "Release"]),
        ("SeqCst", &["Relaxed"]),
    ];
    if let Some(fence) = find_word(code, "fence").and_then(|at| call(code, at)) {
        let without = raw.replacen(fence, "()", 1);
        return vec![(without, format!("{fence} removed"))];
    }
    let mut ways = Vec::new();
    for (strong, weaker) in STEPS {
        for at in word_places(raw, strong) {
            for weak in *weaker {
                let line = replaced(raw, at, strong, weak);
                ways.push((line, format!("{strong} at column {} -> {weak}", at + 1)));
            }
        }
    }
    ways
}

/// The call that begins at this place: a name and its arguments, on one line.
fn call(code: &str, at: usize) -> Option<&str> {
    let rest = &code[at..];
    let end = rest.find(')')?;
    rest[..end].contains('(').then(|| &rest[..=end])
}

/// Where the word stands, each time, outside a comment at the end of the line.
fn word_places(raw: &str, word: &str) -> Vec<usize> {
    let code = raw.split("//").next().unwrap_or(raw);
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(at) = find_word(&code[from..], word) {
        places.push(from + at);
        from += at + word.len();
    }
    places
}

/// The line with another ordering there, named in full: it may not be imported.
fn replaced(raw: &str, at: usize, strong: &str, weak: &str) -> String {
    let before = raw[..at].strip_suffix("Ordering::").unwrap_or(&raw[..at]);
    let after = &raw[at + strong.len()..];
    format!("{before}::std::sync::atomic::Ordering::{weak}{after}")
}

/// Runs the models in the copy.
fn run_models(copy: &Path, name: &str, limit: Duration) -> Result<Verdict, String> {
    let log = |file: &str| fs::File::create(copy.join(file)).map_err(|error| error.to_string());
    let mut build = loom::command(name, &[]);
    build
        .arg("--no-run")
        .current_dir(copy)
        .stdout(Stdio::null())
        .stderr(log("build.log")?);
    build.env("CARGO_TARGET_DIR", tree::target().join("weaken/target"));
    if within(FIRST, &mut build)? != Some(true) {
        return Ok(Verdict::DoesNotBuild);
    }
    let mut test = loom::command(name, &[]);
    test.current_dir(copy)
        .stdout(log("run.log")?)
        .stderr(Stdio::null());
    test.env("CARGO_TARGET_DIR", tree::target().join("weaken/target"));
    Ok(match within(limit, &mut test)? {
        Some(true) => Verdict::Survived,
        Some(false) => Verdict::Noticed,
        None => Verdict::TimedOut,
    })
}

/// Copies what the models need to build; gives where to.
fn copy_workspace(root: &Path) -> Result<PathBuf, String> {
    let copy = tree::target().join("weaken/tree");
    // Nothing there yet, the first time.
    let _absent = fs::remove_dir_all(&copy);
    for path in tree::files(root, "") {
        let to = copy.join(path.strip_prefix(root).unwrap_or(&path));
        let dir = to.parent().unwrap_or(&copy);
        fs::create_dir_all(dir)
            .and_then(|()| fs::copy(&path, &to))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::bugs;

    fn planted(text: &str) -> Vec<(usize, String, String)> {
        bugs(text)
            .into_iter()
            .map(|bug| {
                let line = bug.text.lines().nth(bug.line - 1).unwrap_or_default();
                (bug.line, bug.what, line.to_owned())
            })
            .collect()
    }

    #[test]
    fn an_ordering_becomes_relaxed() {
        let text =
            "use Ordering::Release;\n// Release\nx.store(1, Ordering::Release); // Release\n";
        let expected = (
            3,
            "Release at column 22 -> Relaxed".to_owned(),
            "x.store(1, ::std::sync::atomic::Ordering::Relaxed); // Release".to_owned(),
        );
        assert_eq!(planted(text), [expected]);
    }

    #[test]
    fn both_halves_of_acqrel_are_taken_away_one_by_one() {
        let what: Vec<_> = planted("x.swap(1, AcqRel);\n")
            .into_iter()
            .map(|bug| bug.2)
            .collect();
        assert_eq!(what.len(), 3);
        assert!(what[1].ends_with("Ordering::Acquire);"), "{what:?}");
    }

    #[test]
    fn a_fence_is_taken_away() {
        let bugs = planted("    fence(Ordering::SeqCst);\n");
        assert_eq!(bugs.len(), 1);
        assert_eq!(bugs[0].2, "    ();");
    }

    #[test]
    fn tests_are_left_alone() {
        assert_eq!(
            planted("#[cfg(test)]\nmod tests {\n x.load(Acquire);\n}\n"),
            []
        );
    }
}
