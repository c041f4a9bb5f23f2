//! `cargo xtask docs`: the docs of the insides, then the public ones, warnings denied.

use crate::Outcome;
use crate::run::{and_env, cargo, step};
use crate::tree;

pub(crate) fn chore(_args: &[String]) -> Outcome {
    let flags = and_env("RUSTDOCFLAGS", "-D warnings");
    step(
        "docs of the insides",
        cargo(&[
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ])
        .env("RUSTDOCFLAGS", &flags)
        .env("CARGO_TARGET_DIR", tree::target().join("insides")),
    )?;
    step(
        "public docs",
        cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", &flags),
    )
}
