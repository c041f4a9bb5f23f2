//! `cargo xtask decide "title"`: a new decision from the template, numbered and indexed.

use std::fs;
use std::path::Path;

use crate::{Outcome, tree};

pub(crate) fn chore(args: &[String]) -> Outcome {
    let title = args.join(" ");
    if title.trim().is_empty() {
        return Err("say what it is about: cargo xtask decide \"Who closes a channel\"".to_owned());
    }
    let dir = tree::root().join("docs/decisions");
    let number = next_number(&dir);
    let file = format!("{number:04}-{}.md", slug(&title));
    let template = tree::text(&dir.join("template.md"));
    let text = template
        .replace("NNNN", &format!("{number:04}"))
        .replace("TITLE", title.trim());
    let index = dir.join("README.md");
    let entry = format!("| [{number:04}]({file}) | {} | |\n", title.trim());
    fs::write(dir.join(&file), text).map_err(|error| error.to_string())?;
    fs::write(&index, tree::text(&index) + &entry).map_err(|error| error.to_string())?;
    eprintln!("docs/decisions/{file}");
    Ok(())
}

/// One more than the highest number there is.
fn next_number(dir: &Path) -> u32 {
    let numbers = tree::entries(dir)
        .into_iter()
        .filter_map(|path| tree::name(&path).get(..4)?.parse::<u32>().ok());
    numbers.max().unwrap_or(0) + 1
}

/// The title as a file name.
fn slug(title: &str) -> String {
    let words: Vec<String> = title
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_title_becomes_a_file_name() {
        assert_eq!(super::slug("Who closes a channel?"), "who-closes-a-channel");
    }
}
