//! `cargo xtask loom [crate] [test]`: the models, in every interleaving within a bound.

use std::path::Path;
use std::process::Command;

use crate::run::{and_env, cargo, step_listening};
use crate::{Outcome, tree};

pub(crate) fn chore(args: &[String]) -> Outcome {
    let root = tree::root();
    let crates = match args.first() {
        Some(one) => vec![crate_named(&root, one)?],
        None => with_models(&root),
    };
    for name in crates {
        let heard = step_listening(
            &format!("models of {name}"),
            &mut command(&name, &args[1.min(args.len())..]),
        )?;
        if passed(&heard) == 0 {
            return Err(format!("no model of {name} has run"));
        }
    }
    Ok(())
}

/// The command that runs the models of a crate.
///
/// `LOOM_MAX_PREEMPTIONS` is 2 unless the environment says more. A target folder of its own,
/// because the flags would otherwise have everything built anew each time.
pub(crate) fn command(name: &str, filter: &[String]) -> Command {
    let mut command = cargo(&["test", "--release", "--lib", "--package", name]);
    command.args(filter.iter().take(1));
    command.env("RUSTFLAGS", and_env("RUSTFLAGS", "--cfg marmot_loom"));
    command.env("CARGO_TARGET_DIR", tree::target().join("loom"));
    if std::env::var_os("LOOM_MAX_PREEMPTIONS").is_none() {
        command.env("LOOM_MAX_PREEMPTIONS", "2");
    }
    command
}

/// The crate of this name, with or without `marmot-` in front.
///
/// # Errors
///
/// If there is none.
pub(crate) fn crate_named(root: &Path, name: &str) -> Result<String, String> {
    [name.to_owned(), format!("marmot-{name}")]
        .into_iter()
        .find(|name| root.join("crates").join(name).join("Cargo.toml").is_file())
        .ok_or_else(|| format!("there is no crate {name}"))
}

/// The crates that have models.
fn with_models(root: &Path) -> Vec<String> {
    let has_models = |name: &String| {
        tree::files(&root.join("crates").join(name).join("src"), ".rs")
            .iter()
            .map(|path| tree::text(path))
            .any(|text| text.contains("loom::model") && !text.contains("with_models"))
    };
    tree::crates(root).into_iter().filter(has_models).collect()
}

/// How many tests the harness says have passed.
fn passed(heard: &str) -> usize {
    heard
        .lines()
        .filter_map(|line| line.strip_prefix("test result: ok. "))
        .filter_map(|rest| rest.split(' ').next()?.parse::<usize>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tests_that_passed_are_counted() {
        let heard = "running 3 tests\ntest result: ok. 3 passed; 0 failed\n\
                     test result: FAILED. 1 passed; 1 failed\ntest result: ok. 2 passed; 0 failed\n";
        assert_eq!(super::passed(heard), 5);
    }
}
