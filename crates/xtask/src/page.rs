//! `cargo xtask page [picture.png]`: the debug page in a real browser.

use crate::Outcome;
use crate::run::{cargo, step};

pub(crate) fn chore(args: &[String]) -> Outcome {
    let mut command = cargo(&["test", "--package", "marmot", "--test", "browser"]);
    command.args(["--", "--nocapture"]);
    command.env("MARMOT_BROWSER", "1");
    if let Some(picture) = args.first() {
        let here = std::env::current_dir().map_err(|error| error.to_string())?;
        command.env("MARMOT_SCREENSHOT", here.join(picture));
    }
    step("the page in a browser", &mut command)
}
