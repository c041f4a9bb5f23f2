//! Is everything in its index?

use std::path::Path;

use super::Finding;
use crate::tree;

pub(super) fn examples_and_benches(root: &Path) -> Vec<Finding> {
    ["examples", "benches"]
        .iter()
        .flat_map(|dir| targets(root, dir))
        .collect()
}

/// The programs in a folder that its manifest or its README does not name.
fn targets(root: &Path, dir: &str) -> Vec<Finding> {
    let manifest = tree::text(&root.join(dir).join("Cargo.toml"));
    let readme = tree::text(&root.join(dir).join("README.md"));
    let mut found = Vec::new();
    for path in tree::files(&root.join(dir), ".rs") {
        if !is_program(&tree::text(&path)) {
            continue;
        }
        let place = tree::relative(root, &path);
        let inside = tree::relative(&root.join(dir), &path);
        let stem = inside.trim_end_matches(".rs").trim_end_matches("/main");
        if !manifest.contains(&format!("path = \"{inside}\"")) {
            found.push(Finding::new(
                &place,
                format!("has no entry in {dir}/Cargo.toml"),
            ));
        }
        if !readme.contains(stem) {
            found.push(Finding::new(&place, format!("is not in {dir}/README.md")));
        }
    }
    found
}

fn is_program(text: &str) -> bool {
    text.lines().any(|line| {
        line.starts_with("fn main(")
            || line.starts_with("async fn main(")
            || line.starts_with("criterion_main!")
    })
}

pub(super) fn decisions(root: &Path) -> Vec<Finding> {
    let dir = root.join("docs/decisions");
    let index = tree::text(&dir.join("README.md"));
    let mut found = Vec::new();
    let mut before = String::new();
    for path in tree::files(&dir, ".md") {
        let name = tree::name(&path);
        let place = tree::relative(root, &path);
        let Some(number) = name.get(..4).filter(|number| number.parse::<u32>().is_ok()) else {
            continue;
        };
        if number == before {
            found.push(Finding::new(&place, format!("{number} is taken")));
        }
        number.clone_into(&mut before);
        if !index.contains(&format!("({name})")) {
            found.push(Finding::new(&place, "is not in docs/decisions/README.md"));
        }
    }
    found
}
