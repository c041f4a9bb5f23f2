//! Who holds what others wait for: the edges of the wait-for graph.
//!
//! ```text
//!   goroutine 7 ── header: reason, object ──▶ row of the object: holder 9, locked there
//!                                                     │
//!   goroutine 9 ── header: reason, object ──▶ ...  ◀──┘
//! ```
//!
//! A lock remembers its holder in its own words, where nobody else may look: it may be gone
//! the next moment. So it takes a [`Row`] of the process's table when somebody first has to
//! wait for it, keeps it for the rest of its life, and writes there who holds it while
//! somebody waits. Whoever draws a graph reads the rows ([`all`]) and the goroutines' headers.
//!
//! A row is written on paths that wait or wake; taking and releasing a lock that nobody waits
//! for does not touch it. So while nobody waits a row may be out of date. While somebody
//! waits it is so for the few instructions between a change of hands and its note.
//!
//! Locks: each row has one, and the list of rows; both are leaves.

use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Latch;

/// So many bits of a holder's number are that of the goroutine in its runtime: with a million
/// started a second they last for half a year. Those above tell the runtime, of which a lock's
/// word has room for 16 bits: of more runtimes in one process some share a number.
const OWN: u32 = 44;
const RUNTIMES: u64 = 1 << 16;

/// The number of a goroutine among those of all runtimes. That of the first runtime, 0, is the
/// goroutine's own.
///
/// A lock may be shared by several runtimes, and each of them has a goroutine 1.
///
/// # Examples
///
/// ```
/// use marmot_wait::held::{goroutine_of, number, runtime_of};
///
/// let first = number(0, 1);
/// let other = number(2, 1);
/// assert!(first == 1 && first != other);
/// assert_eq!((runtime_of(other), goroutine_of(other)), (2, 1));
/// ```
#[inline]
#[must_use]
pub const fn number(runtime: u64, goroutine: u64) -> u64 {
    (runtime % RUNTIMES) << OWN | goroutine
}

/// The number of a goroutine in its runtime.
#[inline]
#[must_use]
pub const fn goroutine_of(number: u64) -> u64 {
    number & ((1 << OWN) - 1)
}

/// The runtime of a goroutine with this number.
#[inline]
#[must_use]
pub const fn runtime_of(number: u64) -> u64 {
    number >> OWN
}

/// Who holds a thing, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The [`number`] of the goroutine that took it; 0 if nobody has, or a plain thread, or
    /// several.
    pub goroutine: u64,
    /// The line of the program where it was taken, if known.
    pub place: Option<&'static Location<'static>>,
    /// What it was taken with is made to be moved to another goroutine (an owned guard): so
    /// the one that took it need not be the one that will give it back.
    pub movable: bool,
    /// It was given to a future that waited for it, which has not been polled since.
    pub granted: bool,
}

impl Holder {
    /// Nobody, or not known.
    pub const NONE: Holder = Holder {
        goroutine: 0,
        place: None,
        movable: false,
        granted: false,
    };

    /// The goroutine that will give the thing back; 0 if that is not certain.
    #[must_use]
    pub fn certain(&self) -> u64 {
        if self.movable { 0 } else { self.goroutine }
    }
}

/// One thing that can be held, and who holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its address: the object in the [`Note`](crate::Note) of those who wait for it.
    pub object: usize,
    /// Who holds it.
    pub holder: Holder,
}

type Cell = Latch<Held>;

/// The rows of the table. They are made once and used again, and never given back.
struct Table {
    rows: Vec<&'static Cell>,
    free: Vec<&'static Cell>,
}

static TABLE: Mutex<Table> = Mutex::new(Table {
    rows: Vec::new(),
    free: Vec::new(),
});

/// Rows in use, so that one who looks need not take the table's lock to see that there are none.
static USED: AtomicUsize = AtomicUsize::new(0);

/// A row of the table, which belongs to one object until it is dropped.
#[derive(Debug)]
pub struct Row(&'static Cell);

impl Row {
    /// A row for the object at this address, held by nobody.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_wait::held::{self, Holder, Row};
    ///
    /// let row = Row::new(0x1000);
    /// row.set(Holder { goroutine: 7, ..Holder::NONE });
    /// assert_eq!(held::of(0x1000).goroutine, 7);
    /// drop(row);
    /// assert_eq!(held::of(0x1000), Holder::NONE);
    /// ```
    #[must_use]
    pub fn new(object: usize) -> Row {
        let fresh = Held {
            object,
            holder: Holder::NONE,
        };
        // ORDERING: Relaxed, a count that publishes nothing.
        USED.fetch_add(1, Ordering::Relaxed);
        let mut table = table();
        if let Some(cell) = table.free.pop() {
            *cell.lock() = fresh;
            return Row(cell);
        }
        let cell: &'static Cell = Box::leak(Box::new(Latch::new(fresh)));
        table.rows.push(cell);
        Row(cell)
    }

    /// Says who holds the object from now on.
    pub fn set(&self, holder: Holder) {
        self.0.lock().holder = holder;
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        *self.0.lock() = Held {
            object: 0,
            holder: Holder::NONE,
        };
        table().free.push(self.0);
        // ORDERING: Relaxed, as in `new`.
        USED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Everything that is held, in the order of addresses. Two rows of one address (a lock was
/// moved, and another one took its place) say nothing for sure, and are left out.
///
/// # Complexity
///
/// O(n log n) in the rows that ever were in use at a time.
#[must_use]
pub fn all() -> Vec<Held> {
    // ORDERING: Relaxed: a row that is being taken has no holder yet.
    if USED.load(Ordering::Relaxed) == 0 {
        return Vec::new();
    }
    // A copy, so that nobody who takes a row, with a line of waiters in hand, waits for us.
    let rows = table().rows.clone();
    let mut held: Vec<Held> = rows.into_iter().map(|cell| *cell.lock()).collect();
    held.sort_unstable_by_key(|held| held.object);
    let alone = held.chunk_by(|a, b| a.object == b.object);
    let alone = alone.filter(|rows| rows.len() == 1).flatten();
    let known = alone.filter(|held| held.holder != Holder::NONE);
    known.copied().collect()
}

/// Who holds the object at this address; [`Holder::NONE`] if that is not known.
///
/// # Complexity
///
/// As [`all`], which is the better choice for more than one question.
#[must_use]
pub fn of(object: usize) -> Holder {
    let found = all().into_iter().find(|held| held.object == object);
    found.map_or(Holder::NONE, |held| held.holder)
}

/// Nothing that can panic runs under these locks.
fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use super::{Holder, Row, all, of};

    fn by(goroutine: u64) -> Holder {
        Holder {
            goroutine,
            ..Holder::NONE
        }
    }

    #[test]
    fn a_row_is_its_objects_until_it_is_dropped() {
        let (a, b) = (Row::new(101), Row::new(102));
        a.set(by(1));
        b.set(by(2));
        assert_eq!((of(101), of(102)), (by(1), by(2)));
        drop(a);
        assert_eq!((of(101), of(102)), (Holder::NONE, by(2)));
        let again = Row::new(103);
        assert_eq!(of(103), Holder::NONE, "a used row starts empty");
        again.set(by(3));
        assert!(all().iter().any(|held| held.object == 103));
    }

    #[test]
    fn two_rows_of_one_address_are_not_believed() {
        let (moved, other) = (Row::new(105), Row::new(105));
        moved.set(by(5));
        assert_eq!(of(105), Holder::NONE);
        drop(other);
        assert_eq!(of(105), by(5));
    }

    #[test]
    fn what_nobody_holds_is_not_listed() {
        let row = Row::new(104);
        row.set(by(4));
        row.set(Holder::NONE);
        assert!(!all().iter().any(|held| held.object == 104));
    }
}
