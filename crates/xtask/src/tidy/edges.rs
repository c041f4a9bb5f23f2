//! Does every manifest say what the table in docs/ARCHITECTURE.md says?

use std::collections::BTreeSet;
use std::path::Path;

use super::{Finding, table};
use crate::tree;

const TABLE: &str = "docs/ARCHITECTURE.md";
const MARK: &str = "<!-- edges: cargo xtask tidy compares this table with the manifests -->";
/// Crates that are not part of what a program gets: helpers for tests, chores.
const APART: &[&str] = &["marmot-testing", "xtask"];

/// A row of the table.
struct Row {
    line: usize,
    name: String,
    layer: String,
    uses: BTreeSet<String>,
}

pub(super) fn check(root: &Path) -> Vec<Finding> {
    let rows = rows(root);
    if rows.is_empty() {
        return vec![Finding::new(TABLE, format!("has no table below `{MARK}`"))];
    }
    let mut found = layers(&rows);
    for name in tree::crates(root) {
        if APART.contains(&name.as_str()) {
            continue;
        }
        match rows.iter().find(|row| row.name == name) {
            Some(row) => compare(root, row, &mut found),
            None => found.push(Finding::new(TABLE, format!("has no row for {name}"))),
        }
    }
    found
}

/// The differences between one row and one manifest.
fn compare(root: &Path, row: &Row, found: &mut Vec<Finding>) {
    let path = format!("crates/{}/Cargo.toml", row.name);
    let uses = dependencies(&tree::text(&root.join(&path)));
    for extra in uses.difference(&row.uses) {
        found.push(Finding::new(
            &path,
            format!("uses {extra}, which the table does not have"),
        ));
    }
    for missing in row.uses.difference(&uses) {
        let place = format!("{TABLE}:{}", row.line);
        found.push(Finding::new(
            place,
            format!("{} does not use {missing}", row.name),
        ));
    }
}

/// A crate uses crates of lower layers only.
fn layers(rows: &[Row]) -> Vec<Finding> {
    let mut found = Vec::new();
    for row in rows {
        for used in rows.iter().filter(|other| row.uses.contains(&other.name)) {
            if used.layer >= row.layer {
                let what = format!(
                    "{} uses {}, which is not in a lower layer",
                    row.name, used.name
                );
                found.push(Finding::new(format!("{TABLE}:{}", row.line), what));
            }
        }
    }
    found
}

fn rows(root: &Path) -> Vec<Row> {
    let text = tree::text(&root.join(TABLE));
    let full = |short: &str| {
        let long = format!("marmot-{short}");
        let ours = root.join("crates").join(&long).is_dir();
        if ours { long } else { short.to_owned() }
    };
    table::below(&text, MARK)
        .into_iter()
        .filter_map(|(line, cells)| {
            let [name, layer, uses, ..] = cells.as_slice() else {
                return None;
            };
            let uses = uses.split(',').map(|name| name.trim().trim_matches('`'));
            Some(Row {
                line,
                name: full(name.trim_matches('`')),
                layer: layer.clone(),
                uses: uses
                    .filter(|name| !matches!(*name, "" | "–"))
                    .map(full)
                    .collect(),
            })
        })
        .collect()
}

/// What a manifest uses, apart from loom and from what only tests use.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            let of_models = section.contains("marmot_loom") && !section.contains("not(");
            inside =
                !of_models && (section == "dependencies" || section.ends_with("'.dependencies"));
            if let Some(one) = section.strip_prefix("dependencies.") {
                found.insert(one.to_owned());
            }
        } else if inside && !line.starts_with('#') {
            let name: String = line
                .chars()
                .take_while(|c| !matches!(c, '.' | ' ' | '='))
                .collect();
            if !name.is_empty() {
                found.insert(name);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::dependencies;

    #[test]
    fn what_a_crate_uses_is_read_from_its_manifest() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\nslab.workspace = true\nmio = { version = \"1\" }\n\
                        [dev-dependencies]\nfutures = \"1\"\n[target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n\
                        [target.'cfg(marmot_loom)'.dependencies]\nloom = \"1\"\n[lib]\nbench = false\n";
        let found: Vec<_> = dependencies(manifest).into_iter().collect();
        assert_eq!(found, ["libc", "mio", "slab"]);
    }
}
