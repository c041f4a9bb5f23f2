//! Whose ring is whose: threads take one when they first record, and leave it for the next
//! thread when they end.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

use super::record::{Event, ON, unpack};
use super::ring::{Ring, Words};
use super::ticks;

/// Records of one thread: 2 MiB, touched only as far as it records.
const CAPACITY: usize = 1 << 16;

/// As many threads have a ring; events of others are lost, and counted.
const MAX_RINGS: usize = 256;

/// Readers are told when a thread has written so many records.
const QUARTER: u64 = CAPACITY as u64 / 4;

/// A ring and the thread that writes it, or did last.
struct Owned {
    number: u32,
    ring: Ring,
    thread: Mutex<Arc<str>>,
}

/// Everything that recorders and readers share. A leaf among the locks: nothing under it
/// blocks, or runs code of the program.
struct Registry {
    /// Every ring there is; they live as long as the process.
    rings: Vec<&'static Owned>,
    /// Those whose threads have ended.
    free: Vec<&'static Owned>,
    /// Those who read, and whom to tell that there is much to read.
    readers: Vec<(u64, Option<Thread>)>,
    next_reader: u64,
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
    rings: Vec::new(),
    free: Vec::new(),
    readers: Vec::new(),
    next_reader: 0,
});

/// Events of threads without a ring.
// ORDERING: Relaxed, a count.
static HOMELESS: AtomicU64 = AtomicU64::new(0);

fn registry() -> MutexGuard<'static, Registry> {
    // Nothing under the lock can leave it half changed.
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which ring a thread has.
#[derive(Clone, Copy)]
enum Mine {
    NotYet,
    Ring(&'static Owned),
    /// The thread ends, or there is no ring for it.
    None,
}

thread_local! {
    /// Without a destructor, so that an access is a plain load.
    static MINE: Cell<Mine> = const { Cell::new(Mine::NotYet) };
    /// Gives the ring back.
    static RETURN: Return = const { Return };
}

struct Return;

impl Drop for Return {
    fn drop(&mut self) {
        if let Mine::Ring(owned) = MINE.replace(Mine::None) {
            registry().free.push(owned);
        }
    }
}

/// Writes a record into this thread's ring.
#[inline]
pub(super) fn write(words: Words) {
    if let Mine::Ring(owned) = MINE.get() {
        let number = owned.ring.write(words);
        if (number + 1).is_multiple_of(QUARTER) {
            tell_readers();
        }
        return;
    }
    write_slow(words);
}

#[cold]
fn write_slow(words: Words) {
    if let Mine::NotYet = MINE.get() {
        MINE.set(adopt());
    }
    match MINE.get() {
        Mine::Ring(owned) => _ = owned.ring.write(words),
        Mine::None | Mine::NotYet => _ = HOMELESS.fetch_add(1, Ordering::Relaxed),
    }
}

/// A ring for this thread.
fn adopt() -> Mine {
    if RETURN.try_with(|_| ()).is_err() {
        return Mine::None;
    }
    let thread = std::thread::current();
    let name: Arc<str> = thread.name().unwrap_or("a thread").into();
    let mut registry = registry();
    if let Some(owned) = registry.free.pop() {
        *owned.thread.lock().unwrap_or_else(PoisonError::into_inner) = name;
        return Mine::Ring(owned);
    }
    if registry.rings.len() == MAX_RINGS {
        return Mine::None;
    }
    let owned: &'static Owned = Box::leak(Box::new(Owned {
        number: u32::try_from(registry.rings.len()).expect("at most MAX_RINGS"),
        ring: Ring::new(CAPACITY),
        thread: Mutex::new(name),
    }));
    registry.rings.push(owned);
    Mine::Ring(owned)
}

/// A ring fills. Never waits: a reader that is just looking needs no telling.
#[cold]
fn tell_readers() {
    if let Ok(registry) = REGISTRY.try_lock() {
        let threads = registry
            .readers
            .iter()
            .filter_map(|(_, thread)| thread.as_ref());
        threads.for_each(Thread::unpark);
    }
}

/// An event as it lies in a ring: 32 bytes, not understood yet.
#[derive(Clone, Copy, Debug)]
pub struct Record(Words);

impl Record {
    /// When; see [`Anchor`](super::Anchor).
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.0[0]
    }

    /// What. `None` for a record that means nothing, which none does that was written here.
    #[must_use]
    pub fn event(&self) -> Option<Event> {
        unpack(self.0)
    }
}

/// The records of one thread, out of one look.
#[derive(Debug)]
#[non_exhaustive]
pub struct ThreadEvents {
    /// The number of its ring.
    pub ring: u32,
    /// What the thread is called that has the ring now.
    pub thread: Arc<str>,
    /// What happened, in order of time but for what a thread was interrupted in.
    pub records: Vec<Record>,
}

/// What happened since the last look.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Batch {
    /// By thread.
    pub threads: Vec<ThreadEvents>,
    /// Events that were overwritten, or had no ring to go to.
    pub lost: u64,
}

/// Reads what happens from its making on. As long as there is one, everybody records.
///
/// The memory that threads record into (2 MiB each, as far as it is touched) is kept for the
/// next recording.
#[derive(Debug)]
pub struct Reader {
    id: u64,
    /// The next record of each ring.
    next: Vec<u64>,
    homeless: u64,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader::new()
    }
}

impl Reader {
    /// Begins to record.
    #[must_use]
    pub fn new() -> Reader {
        ticks::choose();
        let mut registry = registry();
        let id = registry.next_reader;
        registry.next_reader += 1;
        registry.readers.push((id, None));
        ON.store(true, Ordering::Relaxed);
        Reader {
            id,
            next: registry
                .rings
                .iter()
                .map(|owned| owned.ring.written())
                .collect(),
            homeless: HOMELESS.load(Ordering::Relaxed),
        }
    }

    /// Has this thread unparked when there is much to read.
    pub fn tell(&self, thread: Thread) {
        let mut registry = registry();
        let mut readers = registry.readers.iter_mut();
        if let Some(reader) = readers.find(|(id, _)| *id == self.id) {
            reader.1 = Some(thread);
        }
    }

    /// What has happened since the last call.
    pub fn read(&mut self) -> Batch {
        let rings = registry().rings.clone();
        self.next.resize(rings.len(), 0);
        let homeless = HOMELESS.load(Ordering::Relaxed);
        let mut batch = Batch {
            threads: Vec::new(),
            lost: homeless - std::mem::replace(&mut self.homeless, homeless),
        };
        let mut words = Vec::new();
        for (owned, next) in rings.iter().zip(&mut self.next) {
            let lost;
            (*next, lost) = owned.ring.read(*next, &mut words);
            batch.lost += lost;
            if words.is_empty() {
                continue;
            }
            let thread = owned.thread.lock().unwrap_or_else(PoisonError::into_inner);
            batch.threads.push(ThreadEvents {
                ring: owned.number,
                thread: Arc::clone(&thread),
                records: words.drain(..).map(Record).collect(),
            });
        }
        batch
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut registry = registry();
        registry.readers.retain(|(id, _)| *id != self.id);
        if registry.readers.is_empty() {
            ON.store(false, Ordering::Relaxed);
        }
    }
}
