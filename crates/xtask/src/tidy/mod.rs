//! `cargo xtask tidy`: do texts and code agree?
//!
//! A check is here when it is cheap and right: it finds nothing in a tree that is in order,
//! and each message says why the rule exists and how to satisfy it. It is a test as well,
//! so that plain `cargo test` tells.

use std::path::Path;

use crate::{Outcome, tree};

mod edges;
mod index;
mod manifests;
mod names;
mod sources;
mod table;

/// Something that is not in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// A path below the root, and a line if there is one.
    place: String,
    what: String,
}

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Finding {
        Finding {
            place: place.into(),
            what: what.into(),
        }
    }
}

/// A check: why it exists and how to satisfy it, and the function that looks.
struct Check {
    why: &'static str,
    look: fn(&Path) -> Vec<Finding>,
}

const CHECKS: &[Check] = &[
    Check {
        why: "Data flows one way: docs/ARCHITECTURE.md has a table of which crate uses which, and \
              the manifests must agree with it. Change whichever is wrong; a new edge between two \
              crates wants a reason in the commit.",
        look: edges::check,
    },
    Check {
        why: "Bare cargo commands must work: without `bench = false`, `cargo bench -- --save-baseline x` \
              fails on the empty harness of a library, and without `[lints] workspace = true` the house \
              rules do not hold there. Add them.",
        look: manifests::check,
    },
    Check {
        why: "A reader should know from the first line what a file holds: begin it with `//!` and a \
              sentence in words that a user of the file would use.",
        look: sources::first_line,
    },
    Check {
        why: "`expect(unsafe_code` is the register of all unsafe code: begin the file with \
              `#![expect(unsafe_code, reason = \"...\")]`, or do without.",
        look: sources::register_of_unsafe,
    },
    Check {
        why: "An ordering without a reason cannot be reviewed: put a comment that begins `// ORDERING:` \
              above it, that names the other half of the pair and what would be missed without it. One \
              comment serves the ten lines below it; one on the declaration of an atomic, or of \
              its struct, serves every access in its crate; one in the `//!` of a file serves what is Relaxed there.",
        look: sources::orderings,
    },
    Check {
        why: "Whoever uses a future in select! or under a timeout must know what dropping it loses: add a \
              section `# Cancel safety` to its doc, even if it is one line.",
        look: sources::cancel_safety,
    },
    Check {
        why: "Unfinished business belongs into an issue or a decision, where it is found: finish it, or \
              take the mark away.",
        look: sources::unfinished,
    },
    Check {
        why: "What is not in its index is not found: cargo does not find examples and benches in their own \
              package by itself, so each has an entry in Cargo.toml and a line in the README beside it.",
        look: index::examples_and_benches,
    },
    Check {
        why: "Decisions are found by number: each has one of its own and a line in \
              docs/decisions/README.md (`cargo xtask decide \"title\"` does both).",
        look: index::decisions,
    },
    Check {
        why: "A text that names what no longer exists misleads: files, types and functions named between \
              backticks in docs/ must be found in the tree. Follow the rename, or leave the name out.",
        look: names::check,
    },
    Check {
        why: "A link within the project must lead somewhere.",
        look: names::links,
    },
];

pub(crate) fn chore(_args: &[String]) -> Outcome {
    eprintln!("\n== tidy");
    match report(&tree::root()) {
        (0, _) => Ok(()),
        (n, text) => Err(format!("{n} findings\n{text}")),
    }
}

/// How many findings, and what to say about them.
fn report(root: &Path) -> (usize, String) {
    let mut count = 0;
    let mut text = String::new();
    for check in CHECKS {
        let found = (check.look)(root);
        if found.is_empty() {
            continue;
        }
        count += found.len();
        text += "\n";
        for finding in found {
            text += &format!("{}: {}\n", finding.place, finding.what);
        }
        text += &format!("    {}\n", check.why);
    }
    (count, text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_and_code_agree() {
        let (count, text) = super::report(&crate::tree::root());
        assert_eq!(count, 0, "{text}");
    }
}
