//! Tables in Markdown, and what is between backticks.

/// The cells of the rows of the table below this mark, without its head.
pub(super) fn below(text: &str, mark: &str) -> Vec<(usize, Vec<String>)> {
    text.lines()
        .enumerate()
        .skip_while(|(_, line)| line.trim() != mark)
        .skip(1)
        .skip_while(|(_, line)| line.trim().is_empty())
        .take_while(|(_, line)| line.starts_with('|'))
        .skip(2)
        .map(|(n, line)| (n + 1, cells(line)))
        .collect()
}

fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_matches('|');
    line.split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// What stands between single backticks on a line.
pub(super) fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The lines of a text that are not inside a fenced block, with their numbers.
pub(super) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(n, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some((n + 1, line))
    })
}

#[cfg(test)]
mod tests {
    use super::{below, prose, quoted};

    #[test]
    fn a_table_is_read_below_its_mark() {
        let text = "| no | x |\n<!-- m -->\n\n| a | b |\n|---|---|\n| `1` | 2, 3 |\n\n| no | x |\n";
        assert_eq!(
            below(text, "<!-- m -->"),
            [(6, vec!["`1`".to_owned(), "2, 3".to_owned()])]
        );
    }

    #[test]
    fn names_are_between_backticks() {
        assert_eq!(quoted("a `b` c `d::e`").collect::<Vec<_>>(), ["b", "d::e"]);
    }

    #[test]
    fn a_fenced_block_is_not_prose() {
        let lines: Vec<_> = prose("a\n```rust\nb\n```\nc").collect();
        assert_eq!(lines, [(1, "a"), (5, "c")]);
    }
}
