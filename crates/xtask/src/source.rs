//! A Rust file, line by line, with code and comments apart.
//!
//! Just enough of a lexer that a word in a comment or in a string is not taken for code:
//! line and nested block comments, strings, raw strings, characters.

/// One line of a file.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// What the compiler sees; strings and characters are emptied.
    pub(crate) code: String,
    /// What the reader sees: the text of comments, their marks included.
    pub(crate) comment: String,
}

/// What the lexer is inside of.
#[derive(Clone, Copy)]
enum Inside {
    Code,
    LineComment,
    /// With so many open.
    BlockComment(usize),
    Str,
    /// With so many `#`.
    RawStr(usize),
}

/// Takes a file apart.
pub(crate) fn lines(text: &str) -> Vec<Line> {
    let mut lexer = Lexer {
        chars: text.chars().collect(),
        at: 0,
        inside: Inside::Code,
        lines: vec![Line::default()],
    };
    while lexer.at < lexer.chars.len() {
        lexer.step();
    }
    lexer.lines
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    inside: Inside,
    lines: Vec<Line>,
}

impl Lexer {
    fn step(&mut self) {
        if self.chars[self.at] == '\n' {
            if matches!(self.inside, Inside::LineComment) {
                self.inside = Inside::Code;
            }
            self.lines.push(Line::default());
            self.at += 1;
            return;
        }
        match self.inside {
            Inside::Code => self.code(),
            Inside::LineComment => self.comment(1),
            Inside::BlockComment(depth) => self.block_comment(depth),
            Inside::Str => self.string(),
            Inside::RawStr(hashes) => self.raw_string(hashes),
        }
    }

    fn code(&mut self) {
        if self.looks_at("//") {
            self.inside = Inside::LineComment;
            self.comment(2);
        } else if self.looks_at("/*") {
            self.inside = Inside::BlockComment(1);
            self.comment(2);
        } else if self.looks_at("\"") {
            self.inside = Inside::Str;
            self.keep(1);
        } else if let Some(hashes) = self.raw_string_begins() {
            self.inside = Inside::RawStr(hashes);
            self.keep(hashes + 2);
        } else if self.looks_at("'") {
            self.quote();
        } else {
            self.keep(1);
        }
    }

    fn block_comment(&mut self, depth: usize) {
        if self.looks_at("/*") {
            self.inside = Inside::BlockComment(depth + 1);
            self.comment(2);
        } else if self.looks_at("*/") {
            self.inside = match depth {
                1 => Inside::Code,
                _ => Inside::BlockComment(depth - 1),
            };
            self.comment(2);
        } else {
            self.comment(1);
        }
    }

    fn string(&mut self) {
        if self.looks_at("\\") {
            // A line that is continued still ends.
            let next_ends_line = self.chars.get(self.at + 1) == Some(&'\n');
            self.at += if next_ends_line { 1 } else { 2 };
        } else if self.looks_at("\"") {
            self.inside = Inside::Code;
            self.keep(1);
        } else {
            self.at += 1;
        }
    }

    fn raw_string(&mut self, hashes: usize) {
        let end = format!("\"{}", "#".repeat(hashes));
        if self.looks_at(&end) {
            self.inside = Inside::Code;
            self.keep(end.len());
        } else {
            self.at += 1;
        }
    }

    /// A quote begins a character or a lifetime.
    fn quote(&mut self) {
        let rest = &self.chars[self.at + 1..];
        let inner = match rest {
            ['\\', ..] => rest.iter().skip(2).position(|&c| c == '\'').map(|n| n + 2),
            [_, '\'', ..] => Some(1),
            _ => None,
        };
        self.keep(1);
        if let Some(inner) = inner {
            self.at += inner;
            self.keep(1);
        }
    }

    /// How many `#` a raw string has that begins here, if one does.
    fn raw_string_begins(&self) -> Option<usize> {
        if self.chars[self.at] != 'r'
            || self.at > 0 && is_word(self.chars[self.at - 1]) && !self.after_prefix()
        {
            return None;
        }
        let rest = &self.chars[self.at + 1..];
        let hashes = rest.iter().take_while(|&&c| c == '#').count();
        (rest.get(hashes) == Some(&'"')).then_some(hashes)
    }

    /// Whether the letter before belongs to `br` or `cr`.
    fn after_prefix(&self) -> bool {
        let before = self.at.checked_sub(2).map(|at| self.chars[at]);
        matches!(self.chars[self.at - 1], 'b' | 'c') && !before.is_some_and(is_word)
    }

    fn looks_at(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(n, c)| self.chars.get(self.at + n) == Some(&c))
    }

    fn keep(&mut self, n: usize) {
        let line = self.lines.last_mut().expect("there is a first line");
        line.code.extend(&self.chars[self.at..self.at + n]);
        self.at += n;
    }

    fn comment(&mut self, n: usize) {
        let line = self.lines.last_mut().expect("there is a first line");
        line.comment.extend(&self.chars[self.at..self.at + n]);
        self.at += n;
    }
}

/// Whether it may be part of a name.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where the word stands in the text, whole.
pub(crate) fn find_word(text: &str, word: &str) -> Option<usize> {
    text.match_indices(word).map(|(at, _)| at).find(|&at| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The number of the line with which the tests of a file begin; the length if it has none.
pub(crate) fn tests_begin(lines: &[Line]) -> usize {
    (0..lines.len())
        .find(|&at| is_test_cfg(&lines[at].code) && opens_module(&lines[at + 1..]))
        .unwrap_or(lines.len())
}

fn is_test_cfg(code: &str) -> bool {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    code.starts_with("#[cfg(test)]") || code.starts_with("#[cfg(all(test")
}

/// Whether the next line of code opens a module here, rather than names a file.
fn opens_module(lines: &[Line]) -> bool {
    let mut codes = lines.iter().map(|line| line.code.trim());
    let next = codes.find(|code| !code.is_empty() && !code.starts_with("#["));
    next.is_some_and(|code| code.contains("mod ") && code.contains('{'))
}

#[cfg(test)]
mod tests {
    use super::{find_word, lines, tests_begin};

    fn code(text: &str) -> Vec<String> {
        lines(text).into_iter().map(|line| line.code).collect()
    }

    #[test]
    fn comments_and_strings_are_not_code() {
        assert_eq!(code("a // unsafe\nb"), ["a ", "b"]);
        assert_eq!(code("a /* x /* y */ z */ b"), ["a  b"]);
        assert_eq!(code(r#"f("unsafe \" x", 1)"#), [r#"f("", 1)"#]);
        assert_eq!(code("f(r#\"a \" b\"#, br\"c\\\")"), ["f(r#\"\"#, br\"\")"]);
        assert_eq!(code("\"a\\\nb\" c"), ["\"", "\" c"]);
    }

    #[test]
    fn a_lifetime_is_not_a_character() {
        assert_eq!(
            code("f<'a>('\"', '\\'', &'a str) // x"),
            ["f<'a>('', '', &'a str) "]
        );
        assert_eq!(code("'\\u{41}' \"//\""), ["'' \"\""]);
    }

    #[test]
    fn comments_are_kept_with_their_marks() {
        let lines = lines("x(); // ORDERING: none\n//! front");
        assert_eq!(lines[0].comment, "// ORDERING: none");
        assert_eq!(lines[1].comment, "//! front");
    }

    #[test]
    fn a_word_is_found_whole() {
        assert_eq!(find_word("AcquireX Acquire", "Acquire"), Some(9));
        assert_eq!(find_word("not_unsafe", "unsafe"), None);
    }

    #[test]
    fn the_tests_of_a_file_begin_where_their_module_does() {
        let text = "#[cfg(test)]\nmod models;\n#[cfg(test)]\nmod tests {\n}";
        assert_eq!(tests_begin(&lines(text)), 2);
        assert_eq!(tests_begin(&lines("#[cfg(test)]\nuse x;\n")), 3);
    }
}
