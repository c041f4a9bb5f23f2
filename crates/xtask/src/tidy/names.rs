//! Do the texts in docs/ name what exists?
//!
//! Decisions and the change log are left alone: they speak of their own day.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{Finding, table};
use crate::source::is_word;
use crate::tree;

/// The texts whose every name must exist, not only the files they name.
const STRICT: &[&str] = &["docs/ARCHITECTURE.md", "docs/GUARANTEES.md"];

/// The README, and the guides.
fn texts(root: &Path) -> Vec<PathBuf> {
    let guides = tree::files(&root.join("docs"), ".md").into_iter();
    guides
        .filter(|path| !path.starts_with(root.join("docs/decisions")))
        .filter(|path| tree::name(path) != "CHANGELOG.md")
        .chain([root.join("README.md")])
        .collect()
}

pub(super) fn check(root: &Path) -> Vec<Finding> {
    let files: Vec<String> = tree::files(root, "")
        .iter()
        .map(|path| format!("/{}", tree::relative(root, path)))
        .collect();
    let words = words(root);
    let mut found = Vec::new();
    for path in texts(root) {
        let place = tree::relative(root, &path);
        let strict = STRICT.contains(&place.as_str());
        for (n, line) in table::prose(&tree::text(&path)) {
            for name in table::quoted(line) {
                let gone = match kind(name) {
                    Kind::File => !is_file(&files, name),
                    Kind::Item(item) => strict && !words.contains(item),
                    Kind::Other => false,
                };
                if gone {
                    found.push(Finding::new(
                        format!("{place}:{n}"),
                        format!("`{name}` does not exist"),
                    ));
                }
            }
        }
    }
    found
}

/// What a name between backticks means.
#[derive(Debug, PartialEq)]
enum Kind<'a> {
    /// A path, or the end of one.
    File,
    /// An item, by the last part of its path.
    Item(&'a str),
    /// Code, a command, a crate: not checked.
    Other,
}

fn kind(name: &str) -> Kind<'_> {
    let path = name
        .chars()
        .all(|c| is_word(c) || matches!(c, '/' | '.' | '-'));
    let ended = [".rs", ".md", ".toml", "/"]
        .iter()
        .any(|end| name.ends_with(end));
    if path && ended && name.len() > 3 {
        return Kind::File;
    }
    let item = name
        .trim_end_matches("()")
        .rsplit("::")
        .next()
        .unwrap_or(name);
    let item = item.trim_end_matches('!');
    let plain = name
        .chars()
        .all(|c| is_word(c) || matches!(c, ':' | '(' | ')' | '!'));
    if plain && !item.is_empty() && item.chars().all(is_word) {
        return Kind::Item(item);
    }
    Kind::Other
}

/// Whether a file's path ends so, or a folder's.
fn is_file(files: &[String], name: &str) -> bool {
    let name = format!("/{}", name.trim_start_matches('/'));
    files.iter().any(|file| {
        if name.ends_with('/') {
            file.contains(&name)
        } else {
            file.ends_with(&name)
        }
    })
}

/// Every word in every source file.
fn words(root: &Path) -> HashSet<String> {
    let mut words = HashSet::new();
    for ending in [".rs", "Cargo.toml"] {
        for path in tree::files(&root.join("crates"), ending) {
            let text = tree::text(&path);
            words.extend(text.split(|c| !is_word(c)).map(str::to_owned));
        }
    }
    words.extend(tree::crates(root).iter().map(|name| name.replace('-', "_")));
    words
}

/// `[text](path)` within the project.
pub(super) fn links(root: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    for path in tree::files(root, ".md") {
        let dir = path.parent().unwrap_or(root).to_owned();
        for (n, line) in table::prose(&tree::text(&path)) {
            for to in targets(line) {
                if !to.is_empty() && !to.contains("://") && !dir.join(to).exists() {
                    let place = format!("{}:{n}", tree::relative(root, &path));
                    found.push(Finding::new(
                        place,
                        format!("leads to {to}, which does not exist"),
                    ));
                }
            }
        }
    }
    found
}

/// Where the links on a line lead, without the part after `#`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let to = rest.split([')', ' ']).next()?;
        let path = to.split('#').next()?;
        // A path within the docs of the code is rustdoc's to check.
        (!path.contains("::") && !path.starts_with("mailto:")).then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::{Kind, is_file, kind, targets};

    #[test]
    fn files_and_items_are_told_apart() {
        assert_eq!(kind("task/state.rs"), Kind::File);
        assert_eq!(kind("docs/decisions/"), Kind::File);
        assert_eq!(kind("Driver::wait"), Kind::Item("wait"));
        assert_eq!(kind("hand_off()"), Kind::Item("hand_off"));
        assert_eq!(kind("select!"), Kind::Item("select"));
        assert_eq!(kind("cargo test"), Kind::Other);
        assert_eq!(kind("marmot-chan"), Kind::Other);
    }

    #[test]
    fn the_end_of_a_path_is_enough() {
        let files = ["/crates/x/src/task/state.rs".to_owned()];
        assert!(is_file(&files, "task/state.rs"));
        assert!(is_file(&files, "src/task/"));
        assert!(!is_file(&files, "tate.rs"));
    }

    #[test]
    fn links_are_found() {
        let line = "[a](b.md#c), [d](https://e/f) and [g](h/)";
        assert_eq!(
            targets(line).collect::<Vec<_>>(),
            ["b.md", "https://e/f", "h/"]
        );
    }
}
