//! The sources by their tokens.
//!
//! ```text
//!   token   generation | index        index: a place in the slab, reused
//! ```
//!
//! A token carries a generation: an event that was on its way when its descriptor went, and
//! comes when the place already belongs to another, is dropped.

use std::sync::Arc;

use mio::Token;
use slab::Slab;

use crate::source::Source;

/// How many bits tell the place: 40 of 64, or 20 of 32.
const INDEX_BITS: u32 = usize::BITS / 8 * 5;
const INDEX: usize = (1 << INDEX_BITS) - 1;

#[derive(Debug)]
struct Entry {
    token: Token,
    source: Arc<Source>,
}

#[derive(Debug, Default)]
pub(crate) struct Registry {
    entries: Slab<Entry>,
    generation: usize,
}

impl Registry {
    /// Gives the source a token; `None` if there is no place left.
    pub(crate) fn insert(&mut self, source: Arc<Source>) -> Option<Token> {
        let vacant = self.entries.vacant_entry();
        // The highest place stays empty: its tokens are the poller's own.
        let index = Some(vacant.key()).filter(|&index| index < INDEX)?;
        self.generation = self.generation.wrapping_add(1);
        let token = Token((self.generation << INDEX_BITS) | index);
        vacant.insert(Entry { token, source });
        Some(token)
    }

    pub(crate) fn remove(&mut self, token: Token) -> Option<Arc<Source>> {
        self.get(token)?;
        Some(self.entries.remove(token.0 & INDEX).source)
    }

    /// The source of this very token, and not its successor in the same place.
    pub(crate) fn get(&self, token: Token) -> Option<&Arc<Source>> {
        let entry = self.entries.get(token.0 & INDEX)?;
        (entry.token == token).then_some(&entry.source)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use std::sync::Arc;

    use super::Registry;
    use crate::source::{Source, Wakes};

    #[test]
    fn a_token_does_not_lead_to_the_next_owner_of_its_place() {
        let mut registry = Registry::default();
        let first = registry
            .insert(Arc::new(Source::new(Wakes::All)))
            .expect("room");
        assert!(registry.remove(first).is_some());
        let second = registry
            .insert(Arc::new(Source::new(Wakes::All)))
            .expect("room");
        assert_eq!(
            first.0 & super::INDEX,
            second.0 & super::INDEX,
            "the place is reused"
        );
        assert!(registry.get(first).is_none());
        assert!(registry.remove(first).is_none());
        assert!(registry.get(second).is_some());
        assert_eq!(registry.len(), 1);
    }
}
