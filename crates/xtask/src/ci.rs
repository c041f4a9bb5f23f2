//! `cargo xtask ci`: everything that has to hold before a change goes in.
//!
//! In the order in which things fail fastest. The models, the oldest compiler and the
//! benches are chores of their own, which `.ci/run` calls afterwards.

use std::time::Duration;

use crate::run::{and_env, cargo, step, step_within};
use crate::{Outcome, tidy, tree};

/// How long one run of the tour may take; it needs a few seconds.
const TOUR: Duration = Duration::from_secs(180);

pub(crate) fn chore(_args: &[String]) -> Outcome {
    step("fmt", &mut cargo(&["fmt", "--all", "--", "--check"]))?;
    tidy::chore(&[])?;
    step(
        "clippy",
        &mut cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
    )?;
    step("test", &mut cargo(&["test", "--workspace"]))?;
    step(
        "test: what is behind features",
        &mut cargo(&[
            "test",
            "-p",
            "marmot",
            "--features",
            "serde,tracing",
            "--test",
            "dump",
            "--test",
            "telemetry",
        ]),
    )?;
    step(
        "doc",
        cargo(&["doc", "--workspace", "--no-deps"])
            .env("RUSTDOCFLAGS", and_env("RUSTDOCFLAGS", "-D warnings")),
    )?;
    tour()
}

/// The README's first command, with one, two and more Ps than there may be cores.
fn tour() -> Outcome {
    let examples = tree::text(&tree::root().join("examples/Cargo.toml"));
    if !examples.contains("name = \"tour\"") {
        eprintln!("\n== tour: examples/Cargo.toml has no tour, skipped");
        return Ok(());
    }
    step(
        "examples",
        &mut cargo(&["build", "--release", "--package", "examples", "--examples"]),
    )?;
    for procs in ["1", "2", "8"] {
        step_within(
            &format!("tour on {procs}"),
            TOUR,
            cargo(&["run", "--quiet", "--release", "--example", "tour"])
                .env_remove("MARMOT_MAXPROCS")
                .env("GOMAXPROCS", procs),
        )?;
    }
    Ok(())
}
