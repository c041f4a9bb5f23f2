//! Who reads, who writes, and who gets in next.
//!
//! ```text
//!   state = readers * READER, or the writer's goroutine * READER + WRITER;
//!           + READERS_WAIT, + WRITERS_WAIT while those lines are not empty
//!
//!   read:    no WRITER and no WRITERS_WAIT ── CAS ──▶ one reader more; else join the line
//!   write:   no reader and no WRITER       ── CAS ──▶ WRITER; else join the line
//!
//!   writer out, somebody in line ──▶ all readers in line are invited, else the first writer woken
//!   last reader out, WRITERS_WAIT ──▶ the first writer is woken, once all invited have come
//! ```
//!
//! Who is woken, or invited, does not have the lock: a goroutine that is running may be quicker,
//! as with the mutex, and after Go's `sync.Mutex`. Were the lock given to those who wait, all
//! would soon do nothing else: whoever runs needs it next, and waits for one that does not run
//! (a lock convoy). But whoever has waited for a millisecond is let in by the one who goes out.
//!
//! The bits of the lines change under the lines' lock only. While one is set the writer goes out
//! under that lock; and no reader comes in from outside while a writer waits.
//!
//! Invariant, at each release of the lines' lock: a reader is in line only while a writer
//! holds the lock or waits for it.
//!
//! After Go's `sync.RWMutex`: a writer that waits holds back new readers, and the readers
//! that came while a writer was at work go before the next writer in line. Neither side starves.

use std::panic::Location;
use std::ptr;
use std::task::{Context, Poll, Waker};

use marmot_wait::held::Holder;
use marmot_wait::{Key, WaitReason, WakeList, budget, note};

use super::lines::{Lines, Turn, Writer};
use crate::fought;
use crate::holder::{Guard, HolderRow, LockedAt};
use crate::line::{Fresh, Place};
use crate::loom::{AtomicU64, Latch, Ordering, now_ns};

/// A writer holds the lock.
const WRITER: u64 = 1;
/// Readers are in line.
pub(super) const READERS_WAIT: u64 = 2;
/// Writers are in line.
pub(super) const WRITERS_WAIT: u64 = 4;
/// The writer's guard is made to be moved to other goroutines.
const MOVABLE: u64 = 8;
/// One reader; and while there is a writer, the unit of its goroutine's number.
pub(super) const READER: u64 = 16;

/// Somebody is in a line.
const LINES: u64 = READERS_WAIT | WRITERS_WAIT;

/// Whether nobody holds the lock.
#[inline]
fn is_free(state: u64) -> bool {
    state & !LINES == 0
}

/// The state while the present goroutine writes with such a guard.
#[inline]
fn writing(guard: Guard) -> u64 {
    let how = match guard {
        Guard::Borrowed => WRITER,
        Guard::Owned => WRITER | MOVABLE,
    };
    note::whose().wrapping_mul(READER) | how
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

pub(crate) struct RawRwLock {
    state: AtomicU64,
    /// Where it was locked to write last: for reports, written by the writer.
    locked_at: LockedAt,
    row: HolderRow,
    /// Those who wait. Under this lock no waker is called, cloned or dropped.
    lines: Latch<Lines>,
}

impl RawRwLock {
    const_fn! {
        pub(crate) const fn new() -> RawRwLock {
            RawRwLock {
                state: AtomicU64::new(0),
                locked_at: LockedAt::new(),
                row: HolderRow::new(),
                lines: Latch::new(Lines::new()),
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
    fn pending(&self, reason: WaitReason, place: &Place, waker: &Waker) -> Poll<()> {
        // ORDERING: Relaxed: if it is this goroutine it is not old, and else it does not matter.
        let holder = holder_of(self.state.load(Ordering::Relaxed), None);
        place.pending_for(reason, self, waker, holder.certain())
    }

    // ---- readers ----

    #[inline]
    pub(crate) fn try_read(&self) -> bool {
        // ORDERING: Relaxed, only the guess for the exchange below.
        let mut state = self.state.load(Ordering::Relaxed);
        while state & (WRITER | WRITERS_WAIT) == 0 {
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
            if self.try_read() || self.outlast(|| self.try_read()) {
                return Poll::Ready(());
            }
        }
        self.poll_read_slow(place, cx)
    }

    #[cold]
    fn poll_read_slow(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        Fresh::poll(place, cx, |place, fresh| {
            let gone;
            let mut lines = self.lines.lock();
            let entry = place.key.and_then(|key| lines.readers.get_mut(key));
            match entry {
                Some(reader) if reader.turn == Turn::Waits => fresh.rearm(&mut reader.waker)?,
                came => {
                    let turn = came.map(|reader| reader.turn);
                    if turn == Some(Turn::Inside) || self.read_or_announce(turn.is_some()) {
                        gone = place.key.take().and_then(|key| lines.leave(key));
                        drop(lines);
                        drop(gone);
                        return Some(Poll::Ready(()));
                    }
                    let joined = lines.join(place, fresh);
                    self.settle(&lines);
                    joined?;
                }
            }
            drop(lines);
            Some(self.pending(WaitReason::RwLockRead, place, fresh.present()))
        })
    }

    #[inline]
    pub(crate) fn unlock_read(&self) {
        // ORDERING: Release pairs with the Acquire of the next writer: what was read here is
        // read before it is overwritten.
        let before = self.state.fetch_sub(READER, Ordering::Release);
        if before & !READERS_WAIT == READER | WRITERS_WAIT {
            self.last_reader_out();
        }
    }

    #[cold]
    fn last_reader_out(&self) {
        let mut owed = WakeList::new();
        let mut lines = self.lines.lock();
        self.serve_writer(&mut lines, &mut owed);
        drop(lines);
        owed.wake_all();
    }

    /// If the lock is free and no invited reader is still to come, it is the first writer's
    /// turn. Under the lines' lock.
    fn serve_writer(&self, lines: &mut Lines, owed: &mut WakeList) {
        if lines.invited > 0 || lines.writers.is_empty() {
            return;
        }
        let free = lines.bits();
        if !lines.are_starving() {
            // ORDERING: Relaxed: the writer that is woken looks again, with Acquire. If somebody
            // came in since, they serve the lines when they go out.
            if self.state.load(Ordering::Relaxed) == free {
                lines.wake_writer(owed);
            }
            return;
        }
        // Without a goroutine's number for the moment: with WRITER and the bit of the line set, the
        // state changes under this lock only.
        // ORDERING: Acquire pairs with the Release of every reader that went out; the lines'
        // lock passes it on to the writer.
        let claimed =
            self.state
                .compare_exchange(free, free | WRITER, Ordering::Acquire, Ordering::Relaxed);
        if claimed.is_ok()
            && let Some((writing, place)) = lines.call_writer(owed)
        {
            self.row.set(granted(writing, Some(place)));
            // ORDERING: Relaxed: the writer learns of it through the lines' lock.
            self.state.store(writing | lines.bits(), Ordering::Relaxed);
        }
    }

    // ---- writers ----

    #[inline]
    pub(crate) fn try_write(&self, guard: Guard, place: &'static Location<'static>) -> bool {
        let writing = writing(guard);
        // ORDERING: Acquire pairs with the Release of the last one out, reader or writer. A failure
        // decides nothing.
        let free = self
            .state
            .compare_exchange(0, writing, Ordering::Acquire, Ordering::Relaxed);
        if free.is_err() && !self.overtake(writing, place) {
            return false;
        }
        self.locked_at.set(place);
        true
    }

    /// Takes the lock to write past those in line, if nobody holds it.
    #[cold]
    fn overtake(&self, writing: u64, place: &'static Location<'static>) -> bool {
        // ORDERING: Relaxed, only the guess for the exchange below.
        let mut state = self.state.load(Ordering::Relaxed);
        while is_free(state) {
            // ORDERING: Acquire as in `try_write`; what it reads was written by a Release, or by a
            // read-modify-write that carries it on.
            match self.state.compare_exchange_weak(
                state,
                state | writing,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    self.row.set(holder_of(writing, Some(place)));
                    return true;
                }
                Err(now) => state = now,
            }
        }
        false
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
            let caller = place.caller();
            if self.try_write(guard, caller) || self.outlast(|| self.try_write(guard, caller)) {
                return Poll::Ready(());
            }
        }
        self.poll_write_slow(writing(guard), place, cx)
    }

    #[cold]
    fn poll_write_slow(&self, writing: u64, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        Fresh::poll(place, cx, |place, fresh| {
            let gone;
            let mut lines = self.lines.lock();
            let has = place.key.is_some_and(|key| !lines.writers.is_linked(key));
            let may = place.key.is_none_or(|key| lines.is_next(key));
            if has || may && self.write_or_announce(writing) {
                gone = place.key.take().and_then(|key| lines.writers.remove(key));
                self.settle(&lines);
                drop(lines);
                drop(gone);
                self.locked_at.set(place.caller());
                self.row.set(holder_of(writing, Some(place.caller())));
                return Some(Poll::Ready(()));
            }
            match place.key.and_then(|key| lines.writers.get_mut(key)) {
                Some(writer) => fresh.rearm(&mut writer.waker)?,
                None => {
                    budget::refund();
                    place.key = Some(lines.writers.push_back(Writer {
                        waker: fresh.take(),
                        since_ns: now_ns(),
                        writing,
                        place: place.caller(),
                    }));
                }
            }
            drop(lines);
            Some(self.pending(WaitReason::RwLockWrite, place, fresh.present()))
        })
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
        state & LINES == 0
            && self
                .state
                .compare_exchange(state, behind, Ordering::Release, Ordering::Relaxed)
                .is_ok()
    }

    /// A writer goes out, or stays as a reader (`kept`), and calls those whose turn it is.
    #[cold]
    fn hand_on(&self, kept: u64) {
        let mut owed = WakeList::new();
        let mut lines = self.lines.lock();
        let starving = lines.are_starving();
        let mut held = kept;
        let mut place = None;
        if kept == 0 && lines.readers.is_empty() && lines.invited == 0 {
            if !starving {
                lines.wake_writer(&mut owed);
            } else if let Some((writing, from)) = lines.call_writer(&mut owed) {
                (held, place) = (writing, Some(from));
            }
        } else {
            let turn = if starving {
                Turn::Inside
            } else {
                Turn::Invited
            };
            held += lines.call_readers(turn, &mut owed);
        }
        self.row.set(granted(held, place));
        // ORDERING: Release as in `go_alone`, for those who come in by themselves; those
        // let in here learn through the lines' lock. A plain store: while WRITER and the bit of a
        // line are set the state changes under that lock only.
        self.state.store(held | lines.bits(), Ordering::Release);
        drop(lines);
        owed.wake_all();
    }

    // ---- both ----

    #[cold]
    fn outlast(&self, enter: impl FnMut() -> bool) -> bool {
        // ORDERING: Relaxed, a glance; whoever enters acquires.
        fought::outlast(|| self.state.load(Ordering::Relaxed), enter)
    }

    /// Comes in to read if it may, else says that readers wait. Who was invited need not mind
    /// writers that wait. Under the lines' lock.
    fn read_or_announce(&self, invited: bool) -> bool {
        let closed = if invited {
            WRITER
        } else {
            WRITER | WRITERS_WAIT
        };
        self.enter_or_announce(READERS_WAIT, |state| {
            (state & closed == 0).then_some(state + READER)
        })
    }

    /// Comes in to write if nobody holds the lock, else says that writers wait. Under the lines'
    /// lock.
    fn write_or_announce(&self, writing: u64) -> bool {
        self.enter_or_announce(WRITERS_WAIT, |state| {
            is_free(state).then_some(state | writing)
        })
    }

    /// Comes in if `step` says how, else sets the bit of a line.
    fn enter_or_announce(&self, line: u64, step: impl Fn(u64) -> Option<u64>) -> bool {
        // ORDERING: Relaxed, only the guess for the exchange below.
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let entered = step(state);
            if entered.is_none() && state & line != 0 {
                // Announced already: whoever goes out sees it, and serves the lines once we
                // are in one of them.
                return false;
            }
            if entered.is_none() && state & LINES == 0 {
                self.row.take(ptr::from_ref(self).addr());
                self.row.set(holder_of(state, self.locked_at.get()));
            }
            // ORDERING: Acquire as in `try_read` and `try_write`. What follows an announcement is
            // published by the lines' lock; Release shows the row to whoever overtakes.
            match self.state.compare_exchange_weak(
                state,
                entered.unwrap_or(state | line),
                Ordering::AcqRel,
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
        let mut owed = WakeList::new();
        let mut lines = self.lines.lock();
        let gone = lines.leave(key);
        let turn = gone.as_ref().map(|reader| reader.turn);
        self.settle(&lines);
        if turn == Some(Turn::Invited) {
            self.serve_writer(&mut lines, &mut owed);
        }
        drop(lines);
        drop(gone);
        owed.wake_all();
        if turn == Some(Turn::Inside) {
            self.unlock_read();
        }
    }

    /// A future that waits to write is dropped: readers that it held back come in, or a wake-up
    /// that was its own goes on to the next.
    #[cold]
    pub(crate) fn abandon_write(&self, key: Key) {
        let mut owed = WakeList::new();
        let mut lines = self.lines.lock();
        let has = !lines.writers.is_linked(key);
        let gone = lines.writers.remove(key);
        if !has && lines.writers.is_empty() && !self.is_written() {
            lines.call_readers(Turn::Invited, &mut owed);
        }
        self.settle(&lines);
        if !has {
            self.serve_writer(&mut lines, &mut owed);
        }
        drop(lines);
        drop(gone);
        owed.wake_all();
        if has {
            self.unlock_write();
        }
    }

    /// Clears the bits of lines that are empty. Under the lines' lock.
    fn settle(&self, lines: &Lines) {
        let over = LINES & !lines.bits();
        // ORDERING: Relaxed: only under the lines' lock do the bits change; and a
        // read-modify-write carries on the Release before it.
        if self.state.load(Ordering::Relaxed) & over != 0 {
            self.state.fetch_and(!over, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, marmot_loom))]
impl RawRwLock {
    /// If somebody waits: what the table says of the lock, and what is so. For whoever holds it:
    /// whether it is a writer, and if so, with an owned guard.
    pub(super) fn told(&self) -> Option<(Option<bool>, Option<bool>)> {
        let lines = self.lines.lock();
        // ORDERING: Relaxed: the caller holds the lock, and the lines' lock shows who waits.
        let state = self.state.load(Ordering::Relaxed);
        let is_so = (state & WRITER != 0).then_some(state & MOVABLE != 0);
        let told = (state & LINES != 0).then(|| (self.row.says(), is_so));
        drop(lines);
        told
    }
}
