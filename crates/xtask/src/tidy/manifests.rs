//! Does every package keep the house rules in its manifest?

use std::path::Path;

use super::Finding;
use crate::tree;

pub(super) fn check(root: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    for path in packages(root) {
        let place = tree::relative(root, &path);
        let text = tree::text(&path);
        if !text.contains("[lints]\nworkspace = true") {
            found.push(Finding::new(&place, "lacks `[lints] workspace = true`"));
        }
        if !text.contains("bench = false") {
            found.push(Finding::new(
                &place,
                "lacks `bench = false` for its library or binary",
            ));
        }
    }
    found
}

fn packages(root: &Path) -> Vec<std::path::PathBuf> {
    tree::files(root, "Cargo.toml")
        .into_iter()
        .filter(|path| tree::text(path).contains("[package]"))
        .collect()
}
