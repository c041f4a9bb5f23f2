//! `cargo xtask miri` and `cargo xtask tsan`: checkers that need a nightly compiler.
//!
//! Neither runs in `.ci/run`: they are for the change that touches unsafe code or a
//! protocol, and for the long rounds. The thread sanitizer does not understand fences, so a
//! report about code that is ordered by a fence alone has to be judged by hand.

use std::process::{Command, Stdio};

use crate::run::{and_env, cargo, step};
use crate::{Outcome, loom, tree};

/// The crates whose unit tests miri looks at when none is named: those that hold unsafe
/// code, and the pure ones beneath them.
const UNDER_MIRI: &[&str] = &[
    "marmot-wait",
    "marmot-chan",
    "marmot-sync",
    "marmot-scheduler",
];
/// The crates whose tests the thread sanitizer looks at when none is named.
const UNDER_TSAN: &[&str] = &["marmot-chan", "marmot-sync", "marmot-scheduler", "marmot"];

/// Eight seeds; the real clock, because tests measure time.
const MIRI_FLAGS: &str = "-Zmiri-disable-isolation -Zmiri-many-seeds=0..8";
/// crossbeam-deque reads its buffer with a deliberate race, which miri reports when it
/// interrupts a thread there: so where it is used, threads switch only where they block.
const WITH_DEQUE: (&str, &str) = ("marmot-scheduler", "-Zmiri-preemption-rate=0");

pub(crate) fn miri(args: &[String]) -> Outcome {
    needs_nightly("miri", &["miri", "--version"])?;
    for name in named_or(args, UNDER_MIRI)? {
        let mut command = cargo(&["+nightly", "miri", "test", "--lib", "--package", &name]);
        command.args(args.iter().skip(1));
        let favour = if name == WITH_DEQUE.0 {
            WITH_DEQUE.1
        } else {
            ""
        };
        let flags = format!("{MIRI_FLAGS} {favour}");
        command.env("MIRIFLAGS", and_env("MIRIFLAGS", &flags));
        command.env("CARGO_TARGET_DIR", tree::target().join("miri"));
        command.env("MARMOT_PATIENCE", "20");
        step(&format!("miri on {name}"), &mut command)?;
    }
    Ok(())
}

pub(crate) fn tsan(args: &[String]) -> Outcome {
    needs_nightly("tsan", &["--version"])?;
    let host = host()?;
    let suppressions = tree::root().join("crates/xtask/tsan.supp");
    for name in named_or(args, UNDER_TSAN)? {
        let mut command = cargo(&["+nightly", "test", "-Zbuild-std", "--target", &host]);
        command.args(["--package", &name, "--lib", "--tests"]);
        command.args(args.iter().skip(1));
        command.env("RUSTFLAGS", and_env("RUSTFLAGS", "-Zsanitizer=thread"));
        command.env(
            "TSAN_OPTIONS",
            format!(
                "suppressions={} second_deadlock_stack=1",
                suppressions.display()
            ),
        );
        command.env("CARGO_TARGET_DIR", tree::target().join("tsan"));
        command.env("MARMOT_PATIENCE", "10");
        step(&format!("thread sanitizer on {name}"), &mut command)?;
    }
    Ok(())
}

/// The crate that was named, or these, as far as they exist.
fn named_or(args: &[String], all: &[&str]) -> Result<Vec<String>, String> {
    let root = tree::root();
    match args.first() {
        Some(one) => Ok(vec![loom::crate_named(&root, one)?]),
        None => Ok(all
            .iter()
            .filter_map(|name| loom::crate_named(&root, name).ok())
            .collect()),
    }
}

/// Says what to install rather than let cargo fail in its own words.
fn needs_nightly(what: &str, probe: &[&str]) -> Outcome {
    let mut args = vec!["+nightly"];
    args.extend(probe);
    let works = cargo(&args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if works {
        return Ok(());
    }
    Err(format!(
        "{what} needs `rustup toolchain install nightly --component miri,rust-src`"
    ))
}

/// The platform this compiler runs on.
fn host() -> Result<String, String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .map_err(|error| format!("rustc -vV: {error}"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc -vV names no host".to_owned())
}
