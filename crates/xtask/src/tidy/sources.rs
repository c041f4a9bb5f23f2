//! The house rules that one can see in a source file.

use std::path::{Path, PathBuf};

use super::Finding;
use crate::source::{self, Line, find_word};
use crate::tree;

const ORDERINGS: &[&str] = &["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];
/// Those that order anything.
const STRONG: &[&str] = &["Acquire", "Release", "AcqRel", "SeqCst"];
/// How far above an ordering its reason may stand: a short function, or a call spread over
/// several lines.
const REACH: usize = 10;

/// All source files of ours.
fn all(root: &Path) -> Vec<PathBuf> {
    ["crates", "examples", "benches"]
        .iter()
        .flat_map(|dir| tree::files(&root.join(dir), ".rs"))
        .collect()
}

/// Those that end up in a program: no tests, no models, no helpers of either.
fn shipped(root: &Path) -> impl Iterator<Item = (String, Vec<Line>)> {
    let root = root.to_owned();
    tree::files(&root.join("crates"), ".rs")
        .into_iter()
        .filter_map(move |path| {
            let place = tree::relative(&root, &path);
            let shipped = place.starts_with("crates/marmot")
                && place.contains("/src/")
                && !place.starts_with("crates/marmot-testing/")
                && !place.ends_with("/models.rs")
                && !place.ends_with("/tests.rs")
                && !place.contains("/models/")
                && !place.contains("/tests/");
            shipped.then(|| {
                let mut lines = source::lines(&tree::text(&path));
                lines.truncate(source::tests_begin(&lines));
                (place, lines)
            })
        })
}

pub(super) fn first_line(root: &Path) -> Vec<Finding> {
    all(root)
        .into_iter()
        .filter(|path| !has_front(&tree::text(path)))
        .map(|path| Finding::new(tree::relative(root, &path), "does not begin with `//! `"))
        .collect()
}

/// A sentence, or the README beside the file.
fn has_front(text: &str) -> bool {
    text.starts_with("//! ") || text.starts_with("#![doc = include_str!(")
}

pub(super) fn register_of_unsafe(root: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    for path in all(root) {
        let lines = source::lines(&tree::text(&path));
        let uses = lines
            .iter()
            .position(|line| find_word(&line.code, "unsafe").is_some());
        let says = announces_unsafe(&lines) || is_model(&path) && folder_announces_unsafe(&path);
        if let (Some(n), false) = (uses, says) {
            let place = format!("{}:{}", tree::relative(root, &path), n + 1);
            found.push(Finding::new(
                place,
                "unsafe code in a file that does not announce it",
            ));
        }
    }
    found
}

fn announces_unsafe(lines: &[Line]) -> bool {
    let code: String = lines.iter().map(|line| line.code.as_str()).collect();
    without_space(&code).contains("expect(unsafe_code")
}

/// A model does what the code beside it does; the announcement there covers it.
fn is_model(path: &Path) -> bool {
    tree::name(path) == "models.rs"
}

fn folder_announces_unsafe(path: &Path) -> bool {
    announces_unsafe(&source::lines(&tree::text(&path.with_file_name("mod.rs"))))
}

pub(super) fn orderings(root: &Path) -> Vec<Finding> {
    let files: Vec<_> = shipped(root).collect();
    let mut found = Vec::new();
    for (path, lines) in &files {
        let of_crate = |other: &str| crate_of(other) == crate_of(path);
        let fields: Vec<&str> = files
            .iter()
            .filter(|(other, _)| of_crate(other))
            .flat_map(|(_, lines)| fields_with_reason(lines))
            .collect();
        for n in without_reason(lines, &fields) {
            found.push(Finding::new(
                format!("{path}:{}", n + 1),
                lines[n].code.trim(),
            ));
        }
    }
    found
}

/// The lines that name an ordering and for which nobody gives a reason.
fn without_reason(lines: &[Line], fields: &[&str]) -> Vec<usize> {
    let bare = lines.iter().any(|line| imports_bare(&line.code));
    let front = lines
        .iter()
        .any(|line| line.comment.starts_with("//!") && line.comment.contains("ORDERING:"));
    let lacks = |&n: &usize| {
        let code = &lines[n].code;
        let strong = STRONG.iter().any(|name| find_word(code, name).is_some());
        names_ordering(code, bare) && (strong || !front) && !has_reason(lines, n)
    };
    let of_field = |&n: &usize| {
        let statement = statement(lines, n);
        fields
            .iter()
            .any(|field| find_word(&statement, field).is_some())
    };
    let candidates = (0..lines.len()).filter(lacks);
    candidates.filter(|n| !of_field(n)).collect()
}

/// The line, with those of the call that it ends.
fn statement(lines: &[Line], at: usize) -> String {
    let first = (at.saturating_sub(4)..at)
        .rev()
        .find(|&n| lines[n].code.trim_end().ends_with([';', '{', '}']))
        .map_or(at.saturating_sub(4), |n| n + 1);
    lines[first..=at]
        .iter()
        .map(|line| line.code.as_str())
        .collect()
}

/// Fields and statics whose declaration, or that of their struct, gives the reason for every
/// access.
fn fields_with_reason(lines: &[Line]) -> Vec<&str> {
    let mut found = Vec::new();
    let mut whole_struct = false;
    for (n, line) in lines.iter().enumerate() {
        let code = line.code.trim_start();
        if find_word(code, "struct").is_some() {
            whole_struct = reason_right_above(lines, n);
        } else if code.starts_with('}') {
            whole_struct = false;
        }
        let atomic = code.contains(": Atomic") || code.contains(": [Atomic");
        if atomic && (whole_struct || reason_right_above(lines, n)) {
            let name = code.split(':').next().unwrap_or_default();
            found.extend(name.split_whitespace().next_back());
        }
    }
    found
}

/// Whether the comment right above a declaration gives a reason.
fn reason_right_above(lines: &[Line], at: usize) -> bool {
    let above = lines[..at].iter().rev();
    above
        .take_while(|line| is_comment(line) || line.code.trim_start().starts_with("#["))
        .any(|line| line.comment.contains("ORDERING:"))
}

fn is_comment(line: &Line) -> bool {
    !line.comment.is_empty() && line.code.trim().is_empty()
}

/// `crates/marmot-x`
fn crate_of(path: &str) -> Option<&str> {
    path.split('/').nth(1)
}

fn without_space(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace()).collect()
}

/// `use std::sync::atomic::Ordering::{Acquire, Release};`
fn imports_bare(code: &str) -> bool {
    find_word(code, "use").is_some() && code.contains("Ordering::{")
}

fn names_ordering(code: &str, bare: bool) -> bool {
    if find_word(code, "use").is_some() {
        return false;
    }
    ORDERINGS.iter().any(|name| {
        find_word(code, name).is_some_and(|at| bare || code[..at].ends_with("Ordering::"))
    })
}

fn has_reason(lines: &[Line], at: usize) -> bool {
    lines[at.saturating_sub(REACH)..=at]
        .iter()
        .any(|line| line.comment.contains("ORDERING:"))
}

pub(super) fn cancel_safety(root: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, lines) in shipped(root) {
        if path.starts_with("crates/marmot-macros/") {
            continue;
        }
        for (n, line) in lines.iter().enumerate() {
            let code = line.code.trim_start();
            let future = code.starts_with("pub async fn ")
                || code.starts_with("pub fn ") && code.contains("-> impl Future");
            if future && !documented(&lines, n) && !is_hidden(&lines, n) {
                found.push(Finding::new(format!("{path}:{}", n + 1), code));
            }
        }
    }
    found
}

/// Whether the doc comment right above says so.
fn documented(lines: &[Line], at: usize) -> bool {
    lines[..at]
        .iter()
        .rev()
        .take_while(|line| {
            line.comment.starts_with("///") || line.code.trim_start().starts_with("#[")
        })
        .any(|line| line.comment.contains("# Cancel safety"))
}

/// Whether the block around the line is kept out of the docs.
fn is_hidden(lines: &[Line], at: usize) -> bool {
    let depth = |line: &Line| line.code.len() - line.code.trim_start().len();
    let outside =
        |n: &usize| !lines[*n].code.trim().is_empty() && depth(&lines[*n]) < depth(&lines[at]);
    let Some(opens) = (0..at).rev().find(outside) else {
        return false;
    };
    lines[..opens]
        .iter()
        .rev()
        .take_while(|line| is_comment(line) || line.code.trim_start().starts_with("#["))
        .any(|line| line.code.contains("doc(hidden)"))
}

pub(super) fn unfinished(root: &Path) -> Vec<Finding> {
    let marks = ["TO", "DO"].concat();
    let marks = [marks.as_str(), "FIXME", "XXX"];
    let mut found = Vec::new();
    for path in all(root) {
        for (n, line) in source::lines(&tree::text(&path)).iter().enumerate() {
            let calls =
                line.code.contains(concat!("todo", "!(")) || line.code.contains("unimplemented!(");
            if calls || marks.iter().any(|mark| is_marked(&line.comment, mark)) {
                let place = format!("{}:{}", tree::relative(root, &path), n + 1);
                found.push(Finding::new(place, "is unfinished"));
            }
        }
    }
    found
}

/// Whether the mark begins a comment or is followed by a colon; else it is a word, such as
/// the name of Go's `context.TODO`.
fn is_marked(comment: &str, mark: &str) -> bool {
    let text = comment.trim_start_matches(['/', '!', '*', ' ']);
    find_word(comment, mark).is_some_and(|at| {
        text.starts_with(mark) || comment[at + mark.len()..].starts_with([':', '('])
    })
}

#[cfg(test)]
mod tests {
    use super::{
        documented, fields_with_reason, has_reason, is_hidden, is_marked, names_ordering,
        without_reason,
    };
    use crate::source;

    #[test]
    fn an_ordering_is_told_from_other_words() {
        assert!(names_ordering("x.load(Ordering::Acquire);", false));
        assert!(names_ordering("x.load(Acquire);", true));
        assert!(!names_ordering("State::Release => 1,", false));
        assert!(!names_ordering(
            "use std::sync::atomic::Ordering::{Acquire, Release};",
            true
        ));
        assert!(!names_ordering("a.cmp(b) == Ordering::Less", false));
    }

    #[test]
    fn a_reason_far_above_does_not_count() {
        let near = source::lines("// ORDERING: why\n\nx");
        assert!(has_reason(&near, 2));
        let far = source::lines(&format!("// ORDERING: why\n{}x", "\n".repeat(20)));
        assert!(!has_reason(&far, 20));
    }

    #[test]
    fn a_declaration_gives_the_reason_for_every_access() {
        let text = "struct S {\n    /// Counts.\n    /// ORDERING: Relaxed, only counted.\n    \
                    pub(crate) count: AtomicU32,\n    other: AtomicU32,\n}\n";
        assert_eq!(fields_with_reason(&source::lines(text)), ["count"]);
        let uses = "s.count.load(Ordering::Relaxed);\ns.other\n    .load(Ordering::Relaxed);\n";
        assert_eq!(without_reason(&source::lines(uses), &["count"]), [2]);
    }

    #[test]
    fn a_struct_gives_the_reason_for_all_its_atomics() {
        let text = "/// ORDERING: Relaxed, a glance.\n#[repr(C)]\nstruct S {\n    a: AtomicU8,\n    \
                    b: AtomicU32,\n}\nstatic C: AtomicU8 = AtomicU8::new(0);\n";
        assert_eq!(fields_with_reason(&source::lines(text)), ["a", "b"]);
    }

    #[test]
    fn the_front_of_a_file_speaks_for_relaxed_only() {
        let text = "//! Counters. ORDERING: Relaxed, nothing hangs on them.\n\
                    a.load(Ordering::Relaxed);\n"
            .to_owned();
        let far = "\n".repeat(20);
        let lines = source::lines(&format!(
            "{text}{far}b.load(Ordering::Acquire);\nc.load(Ordering::Relaxed);"
        ));
        assert_eq!(without_reason(&lines, &[]), [22]);
    }

    #[test]
    fn the_doc_right_above_counts() {
        let lines = source::lines(
            "/// Waits.\n/// # Cancel safety\n#[inline]\npub async fn f() {}\n\npub async fn g() {}",
        );
        assert!(documented(&lines, 3));
        assert!(!documented(&lines, 5));
        let lines = source::lines("#[doc(hidden)]\npub mod private {\n    pub async fn f() {}\n}");
        assert!(is_hidden(&lines, 2));
    }

    #[test]
    fn a_word_is_not_a_mark() {
        let mark = ["TO", "DO"].concat();
        assert!(is_marked(&format!("// {mark} later"), &mark));
        assert!(is_marked(&format!("// x {mark}: later"), &mark));
        assert!(!is_marked(&format!("// Go's `context.{mark}`."), &mark));
    }
}
