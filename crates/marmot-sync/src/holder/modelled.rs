//! The row of a lock in a model: what it says, and whether the lock orders those who write there.
//!
//! ORDERING: Relaxed, so that nothing of its own orders anything.

use loom::sync::atomic::{AtomicU64, Ordering};
use marmot_wait::held::Holder;

const NOT_TAKEN: u64 = 0;
const NOBODY: u64 = 1;
const SOMEBODY: u64 = 2;
const MOVABLE: u64 = 4;

/// A row of which a model sees whether the lock orders those who write there.
pub(crate) struct HolderRow(AtomicU64);

impl HolderRow {
    pub(crate) fn new() -> HolderRow {
        HolderRow(AtomicU64::new(NOT_TAKEN))
    }

    pub(crate) fn take(&self, _object: usize) {
        if self.0.load(Ordering::Relaxed) == NOT_TAKEN {
            self.0.store(NOBODY, Ordering::Relaxed);
        }
    }

    pub(crate) fn set(&self, holder: Holder) {
        let row = match holder {
            Holder::NONE => NOBODY,
            Holder { movable: true, .. } => SOMEBODY | MOVABLE,
            _ => SOMEBODY,
        };
        if self.0.load(Ordering::Relaxed) != NOT_TAKEN {
            self.0.store(row, Ordering::Relaxed);
        }
    }

    /// Whether it says that somebody holds the lock, and if so, with an owned guard.
    #[cfg(test)]
    pub(crate) fn says(&self) -> Option<bool> {
        let row = self.0.load(Ordering::Relaxed);
        (row & SOMEBODY != 0).then_some(row & MOVABLE != 0)
    }
}
