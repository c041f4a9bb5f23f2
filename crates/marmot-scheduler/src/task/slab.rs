//! Where the cells of goroutines come from and go to.
//!
//! ```text
//!   machine's Cache            Depot (one per size class, locked)        Chunk
//!   cur  ▭▭▭▭  ◀── swap ──▶    magazines  [▭▭▭▭] [▭▭▭▭] …   ◀── carve ──  256 KiB of zeroes
//!   prev ▭▭▭▭   full / empty   loose      ▭▭
//! ```
//!
//! Size classes in steps of 32 bytes up to 1 KiB. A machine allocates and frees from two
//! magazines per class without any synchronisation, and exchanges whole magazines with the
//! depot; threads that are no machine use the depot's loose list. (Bonwick and Adams,
//! "Magazines and Vmem", USENIX 2001; ours carves chunks lazily and never returns them.)
//!
//! Chunks are never unmapped and a cell never changes its class. So a header can be read at
//! any time, and walking the chunks finds every goroutine: no registry, no lock per spawn.

#![expect(
    unsafe_code,
    reason = "raw cells: carved from chunks, linked through their headers"
)]

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::header::Header;

/// The step between size classes, and the alignment of every cell: half a cache line. A whole
/// one costs a parked goroutine 32 bytes more (160 or 192), and was no faster.
const STEP: usize = 32;
/// How many classes: the largest cell has 1 KiB.
pub(crate) const CLASSES: usize = 32;
/// The largest cell in bytes; a larger future is boxed by itself.
pub(crate) const MAX_BYTES: usize = STEP * CLASSES;
/// The largest alignment a cell can give.
pub(crate) const MAX_ALIGN: usize = STEP;
/// Cells in a magazine: how many spawns or ends go by between two visits to the depot.
/// 128 as in the prototype, where 32 to 256 made no clear difference.
const MAGAZINE: u32 = 128;
/// Bytes in a chunk: above the allocator's threshold for mapping fresh zeroed pages, so that
/// what has not been carved costs no memory.
const CHUNK: usize = 256 * 1024;

/// The class that holds this many bytes.
pub(crate) const fn class_of(bytes: usize) -> u8 {
    assert!(bytes > 0 && bytes <= MAX_BYTES, "larger futures are boxed");
    #[expect(clippy::cast_possible_truncation, reason = "at most 31")]
    let class = ((bytes - 1) / STEP) as u8;
    class
}

const fn bytes_of(class: u8) -> usize {
    (class as usize + 1) * STEP
}

/// A list of free cells of one class, linked through their headers.
#[derive(Debug)]
struct Magazine {
    head: *mut Header,
    len: u32,
}

impl Magazine {
    const EMPTY: Magazine = Magazine {
        head: null_mut(),
        len: 0,
    };

    #[inline]
    fn pop(&mut self) -> Option<NonNull<Header>> {
        let cell = NonNull::new(self.head)?;
        // SAFETY: cells in a magazine are free, and chunks are never unmapped; the magazine
        // owns its cells, and whoever walks the chunks only reads.
        let header = unsafe { cell.as_ref() };
        self.head = header.waits_at.load(Ordering::Relaxed).cast();
        self.len -= 1;
        Some(cell)
    }

    #[inline]
    fn push(&mut self, cell: NonNull<Header>) {
        // SAFETY: the caller gives the cell up to us, and chunks are never unmapped.
        let header = unsafe { cell.as_ref() };
        header.waits_at.store(self.head.cast(), Ordering::Relaxed);
        self.head = cell.as_ptr();
        self.len += 1;
    }
}

/// What a machine keeps of one class.
#[derive(Debug)]
struct Pair {
    cur: Magazine,
    prev: Magazine,
}

/// A machine's own free cells. Used by its thread alone.
#[derive(Debug)]
pub(crate) struct Cache([Pair; CLASSES]);

impl Cache {
    pub(crate) const fn new() -> Cache {
        Cache(
            [const {
                Pair {
                    cur: Magazine::EMPTY,
                    prev: Magazine::EMPTY,
                }
            }; CLASSES],
        )
    }

    /// A free cell of this class; its header's atomics are valid, its id is 0.
    #[inline]
    pub(crate) fn alloc(&mut self, class: u8) -> NonNull<Header> {
        let pair = &mut self.0[usize::from(class)];
        match pair.cur.pop() {
            Some(cell) => cell,
            None => pair.refill(class),
        }
    }

    /// Takes a cell back whose contents are gone and whose id is 0.
    #[inline]
    pub(crate) fn free(&mut self, class: u8, cell: NonNull<Header>) {
        let pair = &mut self.0[usize::from(class)];
        if pair.cur.len == MAGAZINE {
            pair.spill(class);
        }
        pair.cur.push(cell);
    }

    /// Gives everything to the depots: the machine is about to sleep for long.
    pub(crate) fn give_back(&mut self) {
        for (class, pair) in (0_u8..).zip(&mut self.0) {
            for magazine in [&mut pair.cur, &mut pair.prev] {
                if magazine.len > 0 {
                    let magazine = std::mem::replace(magazine, Magazine::EMPTY);
                    depot(class).magazines.push(magazine);
                }
            }
        }
    }
}

impl Pair {
    #[cold]
    fn refill(&mut self, class: u8) -> NonNull<Header> {
        std::mem::swap(&mut self.cur, &mut self.prev);
        if self.cur.len == 0 {
            self.cur = depot(class).take(class);
        }
        self.cur
            .pop()
            .expect("the depot gives a magazine with cells")
    }

    #[cold]
    fn spill(&mut self, class: u8) {
        std::mem::swap(&mut self.cur, &mut self.prev);
        if self.cur.len > 0 {
            let full = std::mem::replace(&mut self.cur, Magazine::EMPTY);
            depot(class).magazines.push(full);
        }
    }
}

/// What all threads share of one class.
#[derive(Debug)]
struct Depot {
    magazines: Vec<Magazine>,
    /// Cells of threads that have no cache.
    loose: Magazine,
    /// The chunk being carved, from `carved` bytes on.
    chunk: *mut u8,
    carved: usize,
    /// Every chunk of the class, for walking.
    chunks: Vec<NonNull<u8>>,
}

// SAFETY: the pointers are to free cells, which the depot owns, and to chunks, which live for
// ever; the depot is behind a lock.
unsafe impl Send for Depot {}

// SAFETY: a magazine owns the free cells that it links.
unsafe impl Send for Magazine {}

static DEPOTS: [Mutex<Depot>; CLASSES] = [const {
    Mutex::new(Depot {
        magazines: Vec::new(),
        loose: Magazine::EMPTY,
        chunk: null_mut(),
        carved: CHUNK,
        chunks: Vec::new(),
    })
}; CLASSES];

fn depot(class: u8) -> MutexGuard<'static, Depot> {
    // A panic in here can only be a failed allocation of the list; the cells are intact.
    DEPOTS[usize::from(class)]
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

impl Depot {
    fn take(&mut self, class: u8) -> Magazine {
        match self.magazines.pop() {
            Some(magazine) => magazine,
            None if self.loose.len > 0 => std::mem::replace(&mut self.loose, Magazine::EMPTY),
            None => self.carve(class),
        }
    }

    fn carve(&mut self, class: u8) -> Magazine {
        let bytes = bytes_of(class);
        let mut magazine = Magazine::EMPTY;
        if self.carved + bytes > CHUNK {
            self.add_chunk();
        }
        while magazine.len < MAGAZINE && self.carved + bytes <= CHUNK {
            // SAFETY: the offset is inside the chunk, as the condition says.
            let cell = unsafe { self.chunk.add(self.carved) };
            self.carved += bytes;
            let cell = NonNull::new(cell.cast::<Header>()).expect("a chunk is not null");
            // SAFETY: zeroed memory of a fresh cell, aligned to STEP; `class` is an atomic
            // for which zero is valid, and nobody knows the cell yet.
            let field = unsafe { &(*cell.as_ptr()).class };
            field.store(class, Ordering::Relaxed);
            magazine.push(cell);
        }
        magazine
    }

    fn add_chunk(&mut self) {
        let layout = Layout::from_size_align(CHUNK, STEP).expect("a valid layout");
        // SAFETY: the layout's size is not zero.
        let chunk = unsafe { alloc_zeroed(layout) };
        let Some(known) = NonNull::new(chunk) else {
            handle_alloc_error(layout)
        };
        self.chunks.push(known);
        self.chunk = chunk;
        self.carved = 0;
    }
}

/// A free cell, for a thread without a cache.
pub(crate) fn alloc_loose(class: u8) -> NonNull<Header> {
    let mut depot = depot(class);
    if depot.loose.len == 0 {
        depot.loose = depot.take(class);
    }
    depot
        .loose
        .pop()
        .expect("the depot gives a magazine with cells")
}

/// Takes a cell back from a thread without a cache.
pub(crate) fn free_loose(class: u8, cell: NonNull<Header>) {
    let mut depot = depot(class);
    depot.loose.push(cell);
    if depot.loose.len >= MAGAZINE {
        let full = std::mem::replace(&mut depot.loose, Magazine::EMPTY);
        depot.magazines.push(full);
    }
}

/// Shows every cell to `visit`, free ones too. Takes a depot's lock only to list its chunks.
pub(crate) fn walk(mut visit: impl FnMut(NonNull<Header>)) {
    for class in 0_u8.. {
        if usize::from(class) >= CLASSES {
            return;
        }
        let (chunks, last, carved) = {
            let depot = depot(class);
            (depot.chunks.clone(), depot.chunk, depot.carved)
        };
        for chunk in chunks {
            let end = if chunk.as_ptr() == last {
                carved
            } else {
                CHUNK
            };
            let bytes = bytes_of(class);
            for cell in 0..end / bytes {
                // SAFETY: below `end`, which is at most the chunk's size.
                let cell = unsafe { chunk.add(cell * bytes) };
                visit(cell.cast());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CLASSES, Cache, MAGAZINE, STEP, class_of, walk};

    #[test]
    fn a_class_holds_what_it_was_asked_for() {
        assert_eq!(class_of(1), 0);
        assert_eq!(class_of(STEP), 0);
        assert_eq!(class_of(STEP + 1), 1);
        assert_eq!(usize::from(class_of(STEP * CLASSES)), CLASSES - 1);
    }

    #[test]
    fn cells_are_distinct_and_are_found_by_walking() {
        const CLASS: u8 = 31;
        let mut cache = Cache::new();
        let mut cells: Vec<_> = (0..MAGAZINE * 3).map(|_| cache.alloc(CLASS)).collect();
        cells.sort();
        cells.dedup();
        assert_eq!(cells.len(), MAGAZINE as usize * 3);
        let mut seen = Vec::new();
        walk(|cell| seen.push(cell));
        seen.sort();
        assert!(cells.iter().all(|cell| seen.binary_search(cell).is_ok()));
        for cell in cells {
            cache.free(CLASS, cell);
        }
        cache.give_back();
    }
}
