//! The names that programs give to goroutines.
//!
//! Few goroutines have one, so names are not in the header but in a table beside, by the
//! address of the cell; a flag in the header says that there is one. Whoever frees the cell
//! takes the name out, so a name in the table is always that of the goroutine in the cell.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::task::header::{Header, flags};

/// By the address of the cell. A leaf: nothing is called under it.
static NAMES: Mutex<BTreeMap<usize, Arc<str>>> = Mutex::new(BTreeMap::new());

fn names() -> MutexGuard<'static, BTreeMap<usize, Arc<str>>> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn address(header: &Header) -> usize {
    std::ptr::from_ref(header).addr()
}

/// Names the goroutine that this thread polls.
pub(crate) fn set(header: &Header, name: &str) {
    names().insert(address(header), Arc::from(name));
    let flags = header.flags.load(Ordering::Relaxed);
    header.flags.store(flags | flags::NAMED, Ordering::Relaxed);
}

/// The name of the goroutine in this cell.
pub(crate) fn of(header: &Header) -> Option<Arc<str>> {
    if header.flags.load(Ordering::Relaxed) & flags::NAMED == 0 {
        return None;
    }
    names().get(&address(header)).cloned()
}

/// The goroutine with a name is over: its cell is about to be free.
#[cold]
pub(crate) fn forget(header: &Header) {
    if header.flags.load(Ordering::Relaxed) & flags::NAMED == 0 {
        return;
    }
    let name = names().remove(&address(header));
    drop(name);
}
