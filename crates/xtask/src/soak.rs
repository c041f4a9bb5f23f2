//! `cargo xtask soak [--minutes N]`: connections that come and go, and what is left of them.
//!
//! The tests named `soak` of a crate, in release, for so long instead of some seconds each. They
//! print what the process holds after the warm-up, in the middle and at the end, and fail if it
//! has grown.

use crate::run::{cargo, step};
use crate::{Outcome, tree};

const MINUTES: f64 = 20.0;

pub(crate) fn chore(args: &[String]) -> Outcome {
    let minutes = minutes(args)?;
    let root = tree::root();
    for name in tree::crates(&root) {
        let test = root.join("crates").join(&name).join("tests/soak.rs");
        if !test.is_file() {
            continue;
        }
        let mut command = cargo(&["test", "--release", "--package", &name, "--test", "soak"]);
        command.args(["--", "--include-ignored", "--nocapture"]);
        let seconds = (minutes * 60.0).round() as u64;
        command.env("MARMOT_SOAK_SECONDS", seconds.to_string());
        step(&format!("soak of {name}, {minutes} minutes"), &mut command)?;
    }
    Ok(())
}

fn minutes(args: &[String]) -> Result<f64, String> {
    match args {
        [] => Ok(MINUTES),
        [option, number] if option == "--minutes" => number
            .parse()
            .ok()
            .filter(|minutes| *minutes > 0.0)
            .ok_or_else(|| format!("{number} is no number of minutes")),
        _ => Err("soak [--minutes N]".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::minutes;

    #[test]
    fn minutes_are_a_number_above_zero_and_twenty_by_default() {
        let of = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
            minutes(&words).ok()
        };
        assert_eq!(of(&[]), Some(20.0));
        assert_eq!(of(&["--minutes", "0.5"]), Some(0.5));
        assert_eq!(of(&["--minutes", "0"]), None);
        assert_eq!(of(&["--minutes"]), None);
        assert_eq!(of(&["5"]), None);
    }
}
