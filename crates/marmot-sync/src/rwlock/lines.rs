//! Those who wait for a read-write lock, and what each of them has been told.

use std::panic::Location;
use std::task::Waker;

use marmot_wait::{Key, WaitQueue, WakeList, budget};

use super::raw::{READER, READERS_WAIT, WRITERS_WAIT};
use crate::line::{Fresh, Place};
use crate::loom::now_ns;

/// How long one waits, in nanoseconds, before the lock is handed over: as a mutex's.
const STARVING_NS: u64 = 1_000_000;

/// What a reader that waits may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing yet: it is in line.
    Waits,
    /// Out of the line; come in unless a writer was quicker.
    Invited,
    /// Out of the line, and counted among those inside.
    Inside,
}

/// A reader that waits.
pub(super) struct Reader {
    /// `None` once it has been woken and not polled since.
    pub(super) waker: Option<Waker>,
    pub(super) since_ns: u64,
    pub(super) turn: Turn,
}

/// A writer that waits; it is out of the line once it has the lock.
pub(super) struct Writer {
    /// `None` once it has been woken and not polled since.
    pub(super) waker: Option<Waker>,
    pub(super) since_ns: u64,
    /// The state while it has the lock.
    pub(super) writing: u64,
    /// The line of the program that waits.
    pub(super) place: &'static Location<'static>,
}

pub(super) struct Lines {
    pub(super) readers: WaitQueue<Reader>,
    pub(super) writers: WaitQueue<Writer>,
    /// Readers that were invited and have not come yet.
    pub(super) invited: usize,
}

impl Lines {
    pub(super) const fn new() -> Lines {
        Lines {
            readers: WaitQueue::new(),
            writers: WaitQueue::new(),
            invited: 0,
        }
    }

    /// Which lines are not empty, as part of the state.
    pub(super) fn bits(&self) -> u64 {
        let readers = if self.readers.is_empty() {
            0
        } else {
            READERS_WAIT
        };
        let writers = if self.writers.is_empty() {
            0
        } else {
            WRITERS_WAIT
        };
        readers | writers
    }

    /// Whether somebody at the front has waited so long that nobody may overtake any more.
    pub(super) fn are_starving(&self) -> bool {
        let reader = self.readers.front().map(|(_, reader)| reader.since_ns);
        let writer = self.writers.front().map(|(_, writer)| writer.since_ns);
        let first = reader.into_iter().chain(writer).min();
        first.is_some_and(|first| now_ns().saturating_sub(first) >= STARVING_NS)
    }

    /// A reader gets in line: at the end, or at the front with the time it has waited if it was
    /// invited in vain. `None`: that takes a clone of its waker.
    pub(super) fn join(&mut self, place: &mut Place, fresh: &mut Fresh<'_>) -> Option<()> {
        let waker = Some(fresh.take()?);
        let turn = Turn::Waits;
        let in_vain = place.key.take().and_then(|key| self.leave(key));
        let key = match in_vain.map(|reader| reader.since_ns) {
            Some(since_ns) => self.readers.push_front(Reader {
                waker,
                since_ns,
                turn,
            }),
            None => {
                budget::refund();
                self.readers.push_back(Reader {
                    waker,
                    since_ns: now_ns(),
                    turn,
                })
            }
        };
        place.key = Some(key);
        Some(())
    }

    /// A reader goes away, into the lock or not. Where it was.
    pub(super) fn leave(&mut self, key: Key) -> Option<Reader> {
        let gone = self.readers.remove(key)?;
        self.invited -= usize::from(gone.turn == Turn::Invited);
        Some(gone)
    }

    /// Takes all readers out of their line, invited or inside; those who are inside now, as part
    /// of the state.
    pub(super) fn call_readers(&mut self, turn: Turn, owed: &mut WakeList) -> u64 {
        let mut called = 0;
        while let Some((_, reader)) = self.readers.detach_front() {
            reader.turn = turn;
            if let Some(waker) = reader.waker.take() {
                owed.push(waker);
            }
            called += 1;
        }
        if turn == Turn::Invited {
            self.invited += called;
            return 0;
        }
        READER * called as u64
    }

    /// Takes the first writer out of its line; the state while it writes, and from where.
    pub(super) fn call_writer(
        &mut self,
        owed: &mut WakeList,
    ) -> Option<(u64, &'static Location<'static>)> {
        self.wake_writer(owed);
        let (_, writer) = self.writers.detach_front()?;
        Some((writer.writing, writer.place))
    }

    /// Wakes the first writer, which keeps its place.
    pub(super) fn wake_writer(&mut self, owed: &mut WakeList) {
        let front = self.writers.front_mut();
        if let Some(waker) = front.and_then(|(_, writer)| writer.waker.take()) {
            owed.push(waker);
        }
    }

    /// Whether it is this writer's turn, should the lock be free.
    pub(super) fn is_next(&self, writer: Key) -> bool {
        self.invited == 0 && self.writers.front().is_some_and(|(key, _)| key == writer)
    }
}
