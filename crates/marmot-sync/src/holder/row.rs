//! The row of a lock in the process's table of what is held.

use std::sync::OnceLock;

use marmot_wait::held::{Holder, Row};

/// The row of a lock in the table of what is held, from when somebody first waited for it.
#[derive(Debug)]
pub(crate) struct HolderRow(OnceLock<Row>);

impl HolderRow {
    pub(crate) const fn new() -> HolderRow {
        HolderRow(OnceLock::new())
    }

    /// Takes a row if there is none yet. Under the line's lock, so that whoever changes the
    /// holder after it found somebody in line finds the row too.
    pub(crate) fn take(&self, object: usize) {
        self.0.get_or_init(|| Row::new(object));
    }

    /// Says who holds it, if anybody ever waited for it.
    pub(crate) fn set(&self, holder: Holder) {
        if let Some(row) = self.0.get() {
            row.set(holder);
        }
    }
}
