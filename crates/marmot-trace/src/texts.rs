//! What programs say in logs: the texts behind the numbers in records.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many are kept; older ones are forgotten.
const MANY: usize = 1 << 14;

/// A longer text is cut.
const LONG: usize = 1 << 12;

struct Texts {
    /// The number of the first one kept.
    first: u64,
    kept: VecDeque<Arc<str>>,
}

static TEXTS: Mutex<Texts> = Mutex::new(Texts {
    first: 0,
    kept: VecDeque::new(),
});

fn texts() -> MutexGuard<'static, Texts> {
    // Nothing under the lock can leave it half changed.
    TEXTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a text; its number.
pub(crate) fn put(text: &str) -> u64 {
    let mut end = text.len().min(LONG);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text: Arc<str> = text[..end].into();
    let mut texts = texts();
    if texts.kept.len() == MANY {
        texts.kept.pop_front();
        texts.first += 1;
    }
    texts.kept.push_back(text);
    texts.first + texts.kept.len() as u64 - 1
}

/// The text of this number, if it is still kept.
pub(crate) fn get(number: u64) -> Arc<str> {
    let texts = texts();
    let index = number.checked_sub(texts.first);
    let text = index.and_then(|index| texts.kept.get(usize::try_from(index).ok()?));
    text.map_or_else(|| "(a log that was forgotten)".into(), Arc::clone)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_text_is_found_by_its_number_and_cut_at_a_character() {
        let number = super::put("hello");
        assert_eq!(&*super::get(number), "hello");
        let long = super::put(&"ä".repeat(3000));
        assert_eq!(super::get(long).len(), 4096);
        assert_ne!(number, long);
        assert_eq!(&*super::get(u64::MAX), "(a log that was forgotten)");
    }
}
