//! `cargo xtask msrv`: does the oldest compiler we promise still take it?

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::run::{cargo, step, within};
use crate::{Outcome, tree};

/// How long an installation of the toolchain may take.
const INSTALL: Duration = Duration::from_secs(120);

pub(crate) fn chore(_args: &[String]) -> Outcome {
    let manifest = tree::text(&tree::root().join("Cargo.toml"));
    let version = promised(&manifest).ok_or("the root manifest has no rust-version")?;
    let toolchain = format!("+{version}.0");
    if !works(&toolchain) && !install(&version) {
        eprintln!(
            "\n== msrv: NOTICE: Rust {version}.0 is not installed and cannot be installed now, so \
             this was not checked; clippy's incompatible_msrv has looked at the calls into std"
        );
        return Ok(());
    }
    let target = tree::target().join("msrv");
    step(
        "msrv",
        cargo(&[&toolchain, "check", "--workspace"]).env("CARGO_TARGET_DIR", target),
    )
}

/// `rust-version = "1.88"` in the root manifest.
fn promised(manifest: &str) -> Option<String> {
    let line = manifest
        .lines()
        .find(|line| line.starts_with("rust-version"))?;
    Some(line.split('"').nth(1)?.to_owned())
}

fn works(toolchain: &str) -> bool {
    cargo(&[toolchain, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn install(version: &str) -> bool {
    let mut command = Command::new("rustup");
    command.args([
        "toolchain",
        "install",
        "--profile",
        "minimal",
        "--no-self-update",
    ]);
    command.arg(format!("{version}.0")).stderr(Stdio::null());
    eprintln!("\n== msrv: installing Rust {version}.0, for at most {INSTALL:?}");
    matches!(within(INSTALL, &mut command), Ok(Some(true))) && works(&format!("+{version}.0"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_promise_is_read_from_the_manifest() {
        let manifest = "edition = \"2024\"\nrust-version = \"1.88\"\n";
        assert_eq!(super::promised(manifest).as_deref(), Some("1.88"));
        assert_eq!(super::promised("edition = \"2024\""), None);
    }
}
