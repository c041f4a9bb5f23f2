//! `cargo xtask stress [seed]`: the long tests, in release.
//!
//! Every crate that has a `tests/stress.rs` runs it, ignored tests too, with
//! `MARMOT_STRESS=long`. Each prints its seed when it fails; `cargo xtask stress SEED`
//! repeats it.

use crate::run::{cargo, step};
use crate::{Outcome, tree};

pub(crate) fn chore(args: &[String]) -> Outcome {
    let root = tree::root();
    let crates: Vec<_> = tree::crates(&root)
        .into_iter()
        .filter(|name| {
            root.join("crates")
                .join(name)
                .join("tests/stress.rs")
                .is_file()
        })
        .collect();
    if crates.is_empty() {
        return Err("no crate has a tests/stress.rs".to_owned());
    }
    for name in crates {
        let mut command = cargo(&["test", "--release", "--package", &name, "--test", "stress"]);
        command.args(["--", "--include-ignored", "--nocapture"]);
        command.env("MARMOT_STRESS", "long");
        if let Some(seed) = args.first() {
            command.env("MARMOT_SEED", seed);
        }
        step(&format!("stress of {name}"), &mut command)?;
    }
    Ok(())
}
