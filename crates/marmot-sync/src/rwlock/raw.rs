//! Who reads, who writes, and who gets in next.
//!
//! ```text
//!   state = readers * READER + QUEUED, or the writer's goroutine * READER + QUEUED + WRITER
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

use std::panic::Location;
use std::ptr;
use std::task::{Context, Poll, Waker};

use marmot_wait::held::Holder;
use marmot_wait::{Key, WaitQueue, WaitReason, WakeList, budget, note};

use crate::holder::{Guard, HolderRow, LockedAt};
use crate::line::{Place, enter, rearm};
use crate::loom::{AtomicU64, InnerMutex, Ordering};

/// A writer holds the lock.
const WRITER: u64 = 1;
/// Somebody is in a line.
const QUEUED: u64 = 2;
/// The writer's guard is made to be moved to other goroutines.
const MOVABLE: u64 = 4;
/// One reader; and while there is a writer, the unit of its goroutine's number.
const READER: u64 = 8;

/// The state while the present goroutine writes with such a guard.
#[inline]
fn writing(guard: Guard) -> u64 {
    let how = match guard {
        Guard::Borrowed => WRITER,
        Guard::Owned => WRITER | MOVABLE,
    };
    note::goroutine().wrapping_mul(READER) | how
}

/// What the table of what is held says of this state: of readers, which may be many, nothing.
fn holder_of(state: u64, place: Option<&'static Location<'static>>) -> Holder {
    if state & WRITER == 0 {
        return Holder::NONE;
    }
    Holder {
        goroutine: state / READER,
        place,
        movable: state & MOVABLE != 0,
        granted: false,
    }
}

/// The same, of a state that was given to one who waited and does not know it yet.
fn granted(state: u64, place: Option<&'static Location<'static>>) -> Holder {
    let holder = holder_of(state, place);
    Holder {
        granted: holder != Holder::NONE,
        ..holder
    }
}

/// A line of readers; `None` instead of a waker: its owner has the lock.
type Readers = WaitQueue<Option<Waker>>;

struct Writer {
    /// `None` once it has the lock.
    waker: Option<Waker>,
    /// The state while it has.
    writing: u64,
    /// The line of the program that waits.
    place: &'static Location<'static>,
}

struct Lines {
    readers: Readers,
    writers: WaitQueue<Writer>,
}

impl Lines {
    const fn new() -> Lines {
        Lines {
            readers: WaitQueue::new(),
            writers: WaitQueue::new(),
        }
    }

    /// `QUEUED` if somebody is in line, else nothing.
    fn queued(&self) -> u64 {
        if self.readers.is_empty() && self.writers.is_empty() {
            0
        } else {
            QUEUED
        }
    }

    /// Takes all readers out of their line; how many there were, as part of the state.
    fn admit_readers(&mut self, owed: &mut WakeList) -> u64 {
        let mut admitted = 0;
        while let Some((_, waker)) = self.readers.detach_front() {
            if let Some(waker) = waker.take() {
                owed.push(waker);
            }
            admitted += READER;
        }
        admitted
    }

    /// Takes the first writer out of its line; the state while it writes, and from where.
    fn admit_writer(&mut self, owed: &mut WakeList) -> Option<(u64, &'static Location<'static>)> {
        let (_, writer) = self.writers.detach_front()?;
        if let Some(waker) = writer.waker.take() {
            owed.push(waker);
        }
        Some((writer.writing, writer.place))
    }
}

pub(crate) struct RawRwLock {
    state: AtomicU64,
    /// Where it was locked to write last: for reports, written by the writer.
    locked_at: LockedAt,
    row: HolderRow,
    /// Those who wait. Under this lock no waker is called, cloned or dropped.
    lines: InnerMutex<Lines>,
}

impl RawRwLock {
    const_fn! {
        pub(crate) const fn new() -> RawRwLock {
            RawRwLock {
                state: AtomicU64::new(0),
                locked_at: LockedAt::new(),
                row: HolderRow::new(),
                lines: InnerMutex::new(Lines::new()),
            }
        }
    }

    pub(crate) fn is_written(&self) -> bool {
        // ORDERING: Relaxed, the answer may be old when the caller reads it.
        self.state.load(Ordering::Relaxed) & WRITER != 0
    }

    pub(crate) fn readers(&self) -> u64 {
        // ORDERING: Relaxed, the answer may be old when the caller reads it.
        let state = self.state.load(Ordering::Relaxed);
        if state & WRITER == 0 {
            state / READER
        } else {
            0
        }
    }

    /// Which goroutine writes; 0 if none does or a plain thread.
    pub(crate) fn holder(&self) -> u64 {
        // ORDERING: Relaxed, the answer may be old when the caller reads it.
        holder_of(self.state.load(Ordering::Relaxed), None).goroutine
    }

    /// Where the writer has locked it, if there is one.
    pub(crate) fn locked_at(&self) -> Option<&'static Location<'static>> {
        self.locked_at.get().filter(|_| self.is_written())
    }

    /// Waits; says for whom.
    #[cold]
    fn pending(&self, reason: WaitReason, place: &Place, cx: &Context<'_>) -> Poll<()> {
        // ORDERING: Relaxed: if it is this goroutine it is not old, and else it does not matter.
        let holder = holder_of(self.state.load(Ordering::Relaxed), None);
        place.pending_for(reason, self, cx.waker(), holder.certain())
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
        self.pending(WaitReason::RwLockRead, place, cx)
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
            && let Some((writing, place)) = lines.admit_writer(&mut owed)
        {
            self.row.set(granted(writing, Some(place)));
            // ORDERING: Relaxed: the writer learns of it through the lines' lock.
            self.state
                .store(writing | lines.queued(), Ordering::Relaxed);
        }
        drop(lines);
        owed.wake_all();
    }

    // ---- writers ----

    #[inline]
    pub(crate) fn try_write(&self, guard: Guard, place: &'static Location<'static>) -> bool {
        // ORDERING: Acquire pairs with the Release of the last one out, reader or writer.
        let free =
            self.state
                .compare_exchange(0, writing(guard), Ordering::Acquire, Ordering::Relaxed);
        if free.is_ok() {
            self.locked_at.set(place);
        }
        free.is_ok()
    }

    #[inline]
    pub(crate) fn poll_write(
        &self,
        guard: Guard,
        place: &mut Place,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if place.key.is_none() {
            std::task::ready!(budget::poll_proceed(cx));
            if self.try_write(guard, place.caller()) {
                return Poll::Ready(());
            }
        }
        self.poll_write_slow(writing(guard), place, cx)
    }

    #[cold]
    fn poll_write_slow(&self, writing: u64, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        let mut waker = Some(cx.waker().clone());
        let mut lines = enter(&self.lines);
        match place.key {
            Some(key) if !lines.writers.is_linked(key) => {
                // Its waker was taken when it was admitted: nothing is dropped here.
                lines.writers.remove(key);
                place.key = None;
                self.locked_at.set(place.caller());
                self.row.set(holder_of(writing, Some(place.caller())));
                return Poll::Ready(());
            }
            Some(key) => {
                if let Some(writer) = lines.writers.get_mut(key) {
                    rearm(&mut writer.waker, &mut waker);
                }
            }
            None if self.enter_or_announce(|state| (state == 0).then_some(writing)) => {
                self.locked_at.set(place.caller());
                return Poll::Ready(());
            }
            None => {
                budget::refund();
                place.key = Some(lines.writers.push_back(Writer {
                    waker: waker.take(),
                    writing,
                    place: place.caller(),
                }));
            }
        }
        drop(lines);
        self.pending(WaitReason::RwLockWrite, place, cx)
    }

    #[inline]
    pub(crate) fn unlock_write(&self) {
        if !self.go_alone(0) {
            self.hand_on(0);
        }
    }

    /// The writer becomes a reader; those in line come in with it.
    pub(crate) fn downgrade(&self) {
        if !self.go_alone(READER) {
            self.hand_on(READER);
        }
    }

    /// The writer leaves this state behind, unless somebody is in line.
    #[inline]
    fn go_alone(&self, behind: u64) -> bool {
        // ORDERING: Relaxed, only the guess for the exchange below.
        let state = self.state.load(Ordering::Relaxed);
        // ORDERING: Release pairs with the Acquire of whoever comes next.
        state & QUEUED == 0
            && self
                .state
                .compare_exchange(state, behind, Ordering::Release, Ordering::Relaxed)
                .is_ok()
    }

    /// A writer goes out, or stays as a reader (`kept`), and lets in whose turn it is.
    #[cold]
    fn hand_on(&self, kept: u64) {
        let mut owed = WakeList::new();
        let mut lines = enter(&self.lines);
        let mut held = kept + lines.admit_readers(&mut owed);
        let mut place = None;
        if held == 0
            && let Some((writing, from)) = lines.admit_writer(&mut owed)
        {
            (held, place) = (writing, Some(from));
        }
        self.row.set(granted(held, place));
        // ORDERING: Release as in `go_alone`, for those who come in by a fast path; those
        // admitted here learn through the lines' lock. A plain store: while WRITER is set
        // the state changes under that lock only.
        self.state.store(held | lines.queued(), Ordering::Release);
        drop(lines);
        owed.wake_all();
    }

    // ---- both ----

    /// Comes in if `step` says how, else says that somebody waits. Under the lines' lock.
    fn enter_or_announce(&self, step: impl Fn(u64) -> Option<u64>) -> bool {
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
                Ok(_) if entered.is_some() => return true,
                Ok(_) => {
                    self.row.take(ptr::from_ref(self).addr());
                    self.row.set(holder_of(state, self.locked_at.get()));
                    return false;
                }
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
