//! Protocol Buffers, as far as writing them goes: a field is its number and kind, then the
//! value (<https://protobuf.dev/programming-guides/encoding/>).

/// Kinds of fields on the wire.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;

/// A message in the making.
#[derive(Debug, Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    pub(crate) fn new() -> Message {
        Message::default()
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u32, kind: u64) {
        self.raw_varint(u64::from(field) << 3 | kind);
    }

    /// A whole number or an enum.
    pub(crate) fn uint(&mut self, field: u32, value: u64) -> &mut Message {
        self.key(field, VARINT);
        self.raw_varint(value);
        self
    }

    /// A number of eight bytes.
    pub(crate) fn fixed64(&mut self, field: u32, value: u64) -> &mut Message {
        self.key(field, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A text.
    pub(crate) fn text(&mut self, field: u32, value: &str) -> &mut Message {
        self.bytes(field, value.as_bytes())
    }

    fn bytes(&mut self, field: u32, value: &[u8]) -> &mut Message {
        self.key(field, BYTES);
        self.raw_varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// A message inside.
    pub(crate) fn inner(&mut self, field: u32, fill: impl FnOnce(&mut Message)) -> &mut Message {
        let mut inner = Message::new();
        fill(&mut inner);
        self.bytes(field, &inner.0)
    }

    /// What goes to the file.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn the_examples_of_the_specification_come_out() {
        assert_eq!(Message::new().uint(1, 150).as_bytes(), [0x08, 0x96, 0x01]);
        let text = [0x12, 7, b't', b'e', b's', b't', b'i', b'n', b'g'];
        assert_eq!(Message::new().text(2, "testing").as_bytes(), text);
        let mut outer = Message::new();
        outer.inner(3, |inner| _ = inner.uint(1, 150));
        assert_eq!(outer.as_bytes(), [0x1A, 0x03, 0x08, 0x96, 0x01]);
        let number = [0x21, 1, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Message::new().fixed64(4, 1).as_bytes(), number);
    }
}
