//! What does not compile, and where the compiler says so: at the program's own tokens, also
//! inside `select!` and `go!`. And what rustfmt makes of them.
//!
//! The sources in `tests/ui` mark each place where an error is to be told with a comment,
//! `/*~ CODE or words */`, right before the token. Every error of the compiler has to be at such
//! a mark and have its code or words in it, and every mark has to get one.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const MARK: &str = "/*~";

/// An error: its line, its column, and what is said.
#[derive(Debug)]
struct Told {
    line: usize,
    column: usize,
    words: String,
}

/// Where the marks of a source are, which the compiler counts in characters from 1.
fn marks(source: &str) -> Vec<Told> {
    let mut marks = Vec::new();
    for (n, line) in source.lines().enumerate() {
        let mut from = 0;
        while let Some(at) = line[from..].find(MARK) {
            let words = from + at + MARK.len();
            let end = words + line[words..].find("*/").expect("a mark has an end");
            from = end + "*/".len();
            let blank = line[from..].len() - line[from..].trim_start().len();
            marks.push(Told {
                line: n + 1,
                column: line[..from + blank].chars().count() + 1,
                words: line[words..end].trim().to_owned(),
            });
        }
    }
    marks
}

/// `path:12:34: error[E0599]: words` in the compiler's short format.
fn parse(line: &str) -> Option<Told> {
    let (place, words) = line.split_once(": error")?;
    let mut place = place.rsplitn(3, ':');
    let column = place.next()?.parse().ok()?;
    let line = place.next()?.parse().ok()?;
    Some(Told {
        line,
        column,
        words: words.to_owned(),
    })
}

/// The library that this test was built with, or one like it: the newest that the compiler
/// takes is tried first.
fn libraries(deps: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(deps)
        .expect("the test lies among the libraries")
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?;
            let ours = name.starts_with("libmarmot-") && name.ends_with(".rlib");
            let age = path.metadata().ok()?.modified().ok()?.elapsed().ok()?;
            ours.then_some((age, path))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

/// Of another compiler, or built with parts that are gone.
fn unusable(output: &str) -> bool {
    ["E0514", "E0460", "E0461", "E0462", "E0463"]
        .iter()
        .any(|code| output.contains(&format!("error[{code}]")))
}

/// What the compiler says of a file.
fn compile(file: &Path) -> String {
    let exe = std::env::current_exe().expect("a test knows its own file");
    let deps = exe.parent().expect("it is in a folder");
    let out = std::env::temp_dir().join(format!("marmot-ui-{}", std::process::id()));
    for library in libraries(deps) {
        let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["--edition=2024", "--crate-type=lib", "--emit=metadata"])
            .args(["--error-format=short", "--cap-lints=allow"])
            .arg("-o")
            .arg(&out)
            .arg("-L")
            .arg(format!("dependency={}", deps.display()))
            .arg("--extern")
            .arg(format!("marmot={}", library.display()))
            .arg(file);
        if let Ok(flags) = std::env::var("RUSTFLAGS") {
            command.args(flags.split_whitespace());
        }
        let output = command.output().expect("the compiler starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        // Nothing is written when there are errors.
        drop(std::fs::remove_file(&out));
        if !unusable(&text) {
            return text;
        }
    }
    panic!("no library in {} can be used", deps.display());
}

#[track_caller]
fn errors_are_told_where_marked(name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/ui")
        .join(name);
    let marks = marks(&std::fs::read_to_string(&file).expect("the source is there"));
    let output = compile(&file);
    let errors: Vec<Told> = output.lines().filter_map(parse).collect();
    for error in &errors {
        let told = marks.iter().any(|mark| {
            (mark.line, mark.column) == (error.line, error.column)
                && error.words.contains(&mark.words)
        });
        assert!(told, "not where or not what is marked: {error:?}\n{output}");
    }
    let places: BTreeSet<_> = errors.iter().map(|e| (e.line, e.column)).collect();
    for mark in &marks {
        let told = places.contains(&(mark.line, mark.column));
        assert!(told, "no error at {mark:?}:\n{output}");
    }
    assert!(!marks.is_empty());
}

#[test]
fn wrong_names_and_types_in_select_and_go_are_told_at_the_programs_own_tokens() {
    errors_are_told_where_marked("types.rs");
}

#[test]
fn a_select_that_is_not_written_right_is_told_at_the_arm() {
    errors_are_told_where_marked("grammar.rs");
}

#[test]
fn the_directions_of_channels_are_kept_by_the_compiler() {
    errors_are_told_where_marked("directions.rs");
}

#[test]
fn what_a_goroutine_may_not_take_along_is_told_at_the_go() {
    errors_are_told_where_marked("send.rs");
}

/// What rustfmt makes of a text, without its first line, which says what the text is.
fn formatted(text: &str) -> Option<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition=2024", "--quiet"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut to = rustfmt.stdin.take().expect("stdin is piped");
    to.write_all(text.as_bytes()).ok()?;
    drop(to);
    let output = rustfmt.wait_with_output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.is_empty()).then(|| without_head(&text).to_owned())
}

fn without_head(text: &str) -> &str {
    text.split_once('\n').map_or(text, |(_head, rest)| rest)
}

#[test]
fn rustfmt_formats_a_select_that_is_spelled_as_a_match_and_every_go() {
    let wanted = include_str!("ui/formatted.rs");
    let Some(left) = formatted(wanted) else {
        eprintln!("skipped: there is no rustfmt");
        return;
    };
    assert_eq!(left, without_head(wanted), "what is formatted stays");
    let made = formatted(include_str!("ui/unformatted.rs"));
    assert_eq!(made.as_deref(), Some(without_head(wanted)));
}
