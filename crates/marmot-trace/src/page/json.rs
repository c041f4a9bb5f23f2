//! JSON, as far as writing it goes (RFC 8259).

use std::fmt::{Display, Write as _};

/// A JSON text in the making: objects and lists are closed by the closures that fill them.
#[derive(Debug, Default)]
pub(super) struct Json {
    text: String,
    /// The next value in this object or list is not the first.
    more: bool,
}

impl Json {
    /// An object as a text.
    pub(super) fn object(fill: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::default();
        json.nested('{', '}', fill);
        json.text
    }

    fn nested(&mut self, open: char, close: char, fill: impl FnOnce(&mut Json)) {
        self.text.push(open);
        self.more = false;
        fill(self);
        self.text.push(close);
        self.more = true;
    }

    fn comma(&mut self) {
        if std::mem::replace(&mut self.more, true) {
            self.text.push(',');
        }
    }

    fn key(&mut self, key: &str) {
        self.comma();
        self.string(key);
        self.text.push(':');
    }

    /// Writes a string with what has to be escaped. `<` too, so that the text could stand in
    /// a page.
    fn string(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.text.extend(['\\', c]),
                '\n' => self.text.push_str("\\n"),
                '<' | '\u{0}'..='\u{1f}' | '\u{7f}' | '\u{2028}' | '\u{2029}' => {
                    let _ = write!(self.text, "\\u{:04x}", u32::from(c));
                }
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }

    /// `"key": 7`. Numbers that a JavaScript number cannot hold are [`text`](Json::text)s.
    pub(super) fn number(&mut self, key: &str, value: impl Display) {
        self.key(key);
        let _ = write!(self.text, "{value}");
    }

    /// `"key": true`.
    pub(super) fn flag(&mut self, key: &str, value: bool) {
        self.number(key, value);
    }

    /// `"key": "words"`.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.string(value);
    }

    /// The number if there is one, else nothing.
    pub(super) fn maybe(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.number(key, value);
        }
    }

    /// The text if there is one, else nothing.
    pub(super) fn maybe_text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    /// `"key": { … }`.
    pub(super) fn inner(&mut self, key: &str, fill: impl FnOnce(&mut Json)) {
        self.key(key);
        self.nested('{', '}', fill);
    }

    /// `"key": [ { … }, { … } ]`.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(&mut Json, T),
    ) {
        self.key(key);
        self.nested('[', ']', |list| {
            for item in items {
                list.comma();
                list.nested('{', '}', |object| fill(object, item));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn objects_and_lists_are_closed_and_separated() {
        let text = Json::object(|json| {
            json.number("n", 1);
            json.list("l", [1, 2], |item, n| item.number("n", n));
            json.list("none", [(); 0], |_, ()| ());
            json.inner("o", |inner| inner.flag("f", true));
            json.maybe("absent", None::<u8>);
            json.text("t", "x");
        });
        let wanted = r#"{"n":1,"l":[{"n":1},{"n":2}],"none":[],"o":{"f":true},"t":"x"}"#;
        assert_eq!(text, wanted);
    }

    #[test]
    fn what_would_end_a_string_or_a_script_is_escaped() {
        let text = Json::object(|json| json.text("t", "a\"b\\c\nd\u{1}</script>"));
        assert_eq!(text, r#"{"t":"a\"b\\c\nd\u0001\u003c/script>"}"#);
    }
}
