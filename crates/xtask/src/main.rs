//! The chores of the project; `cargo xtask` lists them.
//!
//! What cargo cannot say in one word, in Rust so that whoever has cargo has it, on std alone
//! so that it compiles in a second.

use std::process::ExitCode;

mod ci;
mod decide;
mod docs;
mod editor;
mod loom;
mod msrv;
mod page;
mod run;
mod sanitize;
mod soak;
mod source;
mod stress;
mod tidy;
mod tree;
mod weaken;

/// How a chore ends: well, or with a line that says why not.
type Outcome = Result<(), String>;

/// A chore: its name, its arguments, what it does, and the function that does it.
type Chore = (
    &'static str,
    &'static str,
    &'static str,
    fn(&[String]) -> Outcome,
);

const CHORES: &[Chore] = &[
    (
        "ci",
        "",
        "what .ci/run calls: fmt, tidy, clippy, test, doc, tour",
        ci::chore,
    ),
    (
        "loom",
        "[crate] [test]",
        "the models, every interleaving within a bound of preemptions",
        loom::chore,
    ),
    (
        "msrv",
        "",
        "checks the workspace with the oldest supported compiler, if it can be had",
        msrv::chore,
    ),
    (
        "miri",
        "[crate] [test]",
        "the unit tests under miri, several seeds (needs nightly)",
        sanitize::miri,
    ),
    (
        "tsan",
        "[crate] [test]",
        "the tests under the thread sanitizer (needs nightly and rust-src)",
        sanitize::tsan,
    ),
    (
        "stress",
        "[seed]",
        "the long tests, in release; MARMOT_SEED repeats one",
        stress::chore,
    ),
    (
        "soak",
        "[--minutes N]",
        "connections that come and go, and what is left of them",
        soak::chore,
    ),
    (
        "weaken",
        "FILE [seconds]",
        "plants one weaker ordering at a time and lists those that no model notices",
        weaken::chore,
    ),
    (
        "page",
        "[picture.png]",
        "the debug page in a real browser (needs chromium)",
        page::chore,
    ),
    ("tidy", "", "checks that texts and code agree", tidy::chore),
    (
        "docs",
        "",
        "the public docs, and the docs of the insides, warnings denied",
        docs::chore,
    ),
    (
        "editor",
        "",
        "whether rust-analyzer completes inside our macros, if it is installed",
        editor::chore,
    ),
    (
        "decide",
        "\"title\"",
        "a new decision from the template, numbered and indexed",
        decide::chore,
    ),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else {
        return usage();
    };
    let Some(chore) = CHORES.iter().find(|chore| chore.0 == name) else {
        eprintln!("xtask: there is no chore `{name}`");
        return usage();
    };
    match (chore.3)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask {name}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("cargo xtask CHORE\n");
    for (name, args, does, _) in CHORES {
        eprintln!("  {:<22} {does}", format!("{name} {args}"));
    }
    ExitCode::from(2)
}
