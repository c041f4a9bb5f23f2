//! Who reads, who writes, and who gets in next.
//!
//! ```text
//!   state = readers * READER + QUEUED + WRITER
//!
//!   read:    no WRITER and nobody in the line ── CAS ──▶ one reader more; else join the line
//!   write:   state is 0 ── CAS ──▶ WRITER; else join the line, which holds back new readers
//!
//!   last reader out, QUEUED ──▶ the first writer in the line has the lock
//!   writer out, QUEUED      ──▶ all readers in the line have it, else the first writer
//! ```
//!
//! `QUEUED` says that a line is not empty; it changes under the lines' lock only. While it is
//! set nobody comes in by a fast path, so whoever serves the lines under their lock knows
//! that the state can change beneath it in one way only: readers go out.
//!
//! Invariant, at each release of the lines' lock: a reader is in line only while a writer
//! holds the lock or waits for it.
//!
//! After Go's `sync.RWMutex`: a writer that waits holds back new readers, and the readers
//! that came while a writer was at work go before the next writer. Neither side starves.

use std::task::{Context, Poll, Waker};

use marmot_wait::{Key, WaitQueue, WaitReason, WakeList, budget, note};

use crate::line::{Place, enter, rearm};
use crate::loom::{AtomicUsize, Holder, InnerMutex, Ordering};

/// A writer holds the lock.
const WRITER: usize = 1;
/// Somebody is in a line.
const QUEUED: usize = 2;
/// One reader.
const READER: usize = 4;

/// A line of waiters; `None` instead of a waker: its owner has the lock.
type Waiters = WaitQueue<Option<Waker>>;

struct Lines {
    readers: Waiters,
    writers: Waiters,
}

impl Lines {
    const fn new() -> Lines {
        Lines {
            readers: WaitQueue::new(),
            writers: WaitQueue::new(),
        }
    }

    /// `QUEUED` if somebody is in line, else nothing.
    fn queued(&self) -> usize {
        if self.readers.is_empty() && self.writers.is_empty() {
            0
        } else {
            QUEUED
        }
    }

    /// Takes all readers out of their line; how many there were, as part of the state.
    fn admit_readers(&mut self, owed: &mut WakeList) -> usize {
        let mut admitted = 0;
        while admit_first(&mut self.readers, owed) {
            admitted += READER;
        }
        admitted
    }
}

fn admit_first(line: &mut Waiters, owed: &mut WakeList) -> bool {
    let Some((_, waker)) = line.detach_front() else {
        return false;
    };
    if let Some(waker) = waker.take() {
        owed.push(waker);
    }
    true
}

pub(crate) struct RawRwLock {
    state: AtomicUsize,
    /// Which goroutine wrote last: a hint for dumps.
    holder: Holder,
    /// Those who wait. Under this lock no waker is called, cloned or dropped.
    lines: InnerMutex<Lines>,
}

impl RawRwLock {
    const_fn! {
        pub(crate) const fn new() -> RawRwLock {
            RawRwLock {
                state: AtomicUsize::new(0),
                holder: Holder::new(0),
                lines: InnerMutex::new(Lines::new()),
            }
        }
    }

    pub(crate) fn is_written(&self) -> bool {
        // ORDERING: Relaxed, the answer may be old when the caller reads it.
        self.state.load(Ordering::Relaxed) & WRITER != 0
    }

    pub(crate) fn readers(&self) -> usize {
        // ORDERING: Relaxed, the answer may be old when the caller reads it.
        self.state.load(Ordering::Relaxed) / READER
    }

    /// Which goroutine writes; 0 if none does or a plain thread.
    pub(crate) fn holder(&self) -> u64 {
        if self.is_written() {
            // ORDERING: Relaxed, a number for dumps; nothing is read through it.
            self.holder.load(Ordering::Relaxed)
        } else {
            0
        }
    }

    #[inline]
    fn remember_writer(&self) {
        // ORDERING: Relaxed, as in `holder`.
        self.holder.store(note::goroutine(), Ordering::Relaxed);
    }

    // ---- readers ----

    #[inline]
    pub(crate) fn try_read(&self) -> bool {
        // ORDERING: Relaxed, only the guess for the exchange below.
        let mut state = self.state.load(Ordering::Relaxed);
        while state & (WRITER | QUEUED) == 0 {
            // ORDERING: Acquire pairs with the Release of the writer that went out: its
            // writes are seen. Readers in between carry it on, being read-modify-writes.
            match self.state.compare_exchange_weak(
                state,
                state + READER,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    #[inline]
    pub(crate) fn poll_read(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        if place.key.is_none() {
            std::task::ready!(budget::poll_proceed(cx));
            if self.try_read() {
                return Poll::Ready(());
            }
        }
        self.poll_read_slow(place, cx)
    }

    #[cold]
    fn poll_read_slow(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        let mut waker = Some(cx.waker().clone());
        let mut lines = enter(&self.lines);
        match place.key {
            Some(key) if !lines.readers.is_linked(key) => {
                // Its waker was taken when it was admitted: nothing is dropped here.
                lines.readers.remove(key);
                place.key = None;
                return Poll::Ready(());
            }
            Some(key) => {
                if let Some(slot) = lines.readers.get_mut(key) {
                    rearm(slot, &mut waker);
                }
            }
            None if self.enter_or_announce(|state| {
                (state & WRITER == 0 && lines.writers.is_empty()).then_some(state + READER)
            }) =>
            {
                return Poll::Ready(());
            }
            None => {
                budget::refund();
                place.key = Some(lines.readers.push_back(waker.take()));
            }
        }
        drop(lines);
        place.pending(WaitReason::RwLockRead, self)
    }

    #[inline]
    pub(crate) fn unlock_read(&self) {
        // ORDERING: Release pairs with the Acquire of the next writer: what was read here is
        // read before it is overwritten.
        if self.state.fetch_sub(READER, Ordering::Release) == READER | QUEUED {
            self.last_reader_out();
        }
    }

    #[cold]
    fn last_reader_out(&self) {
        let mut owed = WakeList::new();
        let mut lines = enter(&self.lines);
        // ORDERING: Acquire pairs with the Release of every reader that went out; the lines'
        // lock passes it on to the writer. If the state is anything else, the lines have
        // been served, or left, since.
        if self.state.load(Ordering::Acquire) == QUEUED
            && admit_first(&mut lines.writers, &mut owed)
        {
            // ORDERING: Relaxed: the writer learns of it through the lines' lock.
            self.state.store(WRITER | lines.queued(), Ordering::Relaxed);
        }
        drop(lines);
        owed.wake_all();
    }

    // ---- writers ----

    #[inline]
    pub(crate) fn try_write(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of the last one out, reader or writer.
        let free = self
            .state
            .compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed);
        if free.is_ok() {
            self.remember_writer();
        }
        free.is_ok()
    }

    #[inline]
    pub(crate) fn poll_write(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        if place.key.is_none() {
            std::task::ready!(budget::poll_proceed(cx));
            if self.try_write() {
                return Poll::Ready(());
            }
        }
        self.poll_write_slow(place, cx)
    }

    #[cold]
    fn poll_write_slow(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        let mut waker = Some(cx.waker().clone());
        let mut lines = enter(&self.lines);
        match place.key {
            Some(key) if !lines.writers.is_linked(key) => {
                // Its waker was taken when it was admitted: nothing is dropped here.
                lines.writers.remove(key);
                place.key = None;
                self.remember_writer();
                return Poll::Ready(());
            }
            Some(key) => {
                if let Some(slot) = lines.writers.get_mut(key) {
                    rearm(slot, &mut waker);
                }
            }
            None if self.enter_or_announce(|state| (state == 0).then_some(WRITER)) => {
                self.remember_writer();
                return Poll::Ready(());
            }
            None => {
                budget::refund();
                place.key = Some(lines.writers.push_back(waker.take()));
            }
        }
        drop(lines);
        place.pending(WaitReason::RwLockWrite, self)
    }

    #[inline]
    pub(crate) fn unlock_write(&self) {
        // ORDERING: Release pairs with the Acquire of whoever comes next.
        let alone = self
            .state
            .compare_exchange(WRITER, 0, Ordering::Release, Ordering::Relaxed);
        if alone.is_err() {
            self.hand_on(0);
        }
    }

    /// The writer becomes a reader; those in line come in with it.
    pub(crate) fn downgrade(&self) {
        // ORDERING: Release pairs with the Acquire of the readers that come next.
        let alone =
            self.state
                .compare_exchange(WRITER, READER, Ordering::Release, Ordering::Relaxed);
        if alone.is_err() {
            self.hand_on(READER);
        }
    }

    /// A writer goes out, or stays as a reader (`kept`), and lets in whose turn it is.
    #[cold]
    fn hand_on(&self, kept: usize) {
        let mut owed = WakeList::new();
        let mut lines = enter(&self.lines);
        let mut held = kept + lines.admit_readers(&mut owed);
        if held == 0 && admit_first(&mut lines.writers, &mut owed) {
            held = WRITER;
        }
        // ORDERING: Release as in `unlock_write`, for those who come in by a fast path; those
        // admitted here learn through the lines' lock. A plain store: while WRITER is set
        // the state changes under that lock only.
        self.state.store(held | lines.queued(), Ordering::Release);
        drop(lines);
        owed.wake_all();
    }

    // ---- both ----

    /// Comes in if `step` says how, else says that somebody waits. Under the lines' lock.
    fn enter_or_announce(&self, step: impl Fn(usize) -> Option<usize>) -> bool {
        // ORDERING: Relaxed, only the guess for the exchange below.
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let entered = step(state);
            if entered.is_none() && state & QUEUED != 0 {
                // Announced already: the last one out sees it, and serves the lines once we
                // are in one of them.
                return false;
            }
            // ORDERING: Acquire as in `try_read` and `try_write`. Announcing publishes nothing;
            // what follows is published by the lines' lock.
            match self.state.compare_exchange_weak(
                state,
                entered.unwrap_or(state | QUEUED),
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return entered.is_some(),
                Err(now) => state = now,
            }
        }
    }

    /// A future that waits to read is dropped.
    #[cold]
    pub(crate) fn abandon_read(&self, key: Key) {
        let gone;
        let mut lines = enter(&self.lines);
        let admitted = !lines.readers.is_linked(key);
        gone = lines.readers.remove(key);
        self.announce_if_empty(&lines);
        drop(lines);
        drop(gone);
        if admitted {
            self.unlock_read();
        }
    }

    /// A future that waits to write is dropped: readers that it held back come in.
    #[cold]
    pub(crate) fn abandon_write(&self, key: Key) {
        let gone;
        let mut owed = WakeList::new();
        let mut lines = enter(&self.lines);
        let admitted = !lines.writers.is_linked(key);
        gone = lines.writers.remove(key);
        if !admitted && lines.writers.is_empty() && !self.is_written() {
            let readers = lines.admit_readers(&mut owed);
            // ORDERING: Relaxed: the last writer went out before QUEUED was set, and whoever
            // set it did so with Acquire and under the lines' lock, which passes that on.
            self.state.fetch_add(readers, Ordering::Relaxed);
        }
        self.announce_if_empty(&lines);
        drop(lines);
        drop(gone);
        owed.wake_all();
        if admitted {
            self.unlock_write();
        }
    }

    /// Opens the fast paths if nobody is in line. Under the lines' lock.
    fn announce_if_empty(&self, lines: &Lines) {
        if lines.queued() == 0 {
            // ORDERING: Relaxed: a read-modify-write, which carries on the Release before it.
            self.state.fetch_and(!QUEUED, Ordering::Relaxed);
        }
    }
}
