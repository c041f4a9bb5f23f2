//! One thread's records: written by that thread alone, read by anybody, without a lock.
//!
//! ```text
//!            head % capacity
//!                  ▼
//!   │ 8 │ 9 │ 10 │ 3 │ 4 │ 5 │ 6 │ 7 │       head = 11: record 11 will overwrite record 3
//! ```
//!
//! `head` counts the records written. The writer fills the slot of record `head`, then moves
//! `head` on. A reader copies slots, then looks at `head` again: a record that the writer may
//! have begun to overwrite meanwhile, one of `head - capacity` or before, is thrown away.
//!
//! A seqlock (Boehm, "Can seqlocks get along with programming language memory models?", 2012)
//! whose one sequence number stands for all slots.

use crate::loom::{AtomicU64, Ordering, OwnU64, fence};

use store::slots;

/// Numbers in one record.
pub(super) const WORDS: usize = 4;

/// A record as it lies in a ring.
pub(super) type Words = [u64; WORDS];

/// The place of a record: half a cache line.
#[repr(C, align(32))]
pub(super) struct Slot([AtomicU64; WORDS]);

/// The records of one thread.
pub(super) struct Ring {
    /// Records written so far. Written by the owner alone.
    head: AtomicU64,
    /// The same number for the owner's own use: it never reads `head`. (A model forgets who
    /// else read a word before its writer did, and would miss the interleavings that matter.)
    next: OwnU64,
    slots: Box<[Slot]>,
}

impl Ring {
    /// Room for so many records, a power of two.
    pub(super) fn new(capacity: usize) -> Ring {
        assert!(capacity.is_power_of_two(), "a ring has 2^n slots");
        Ring {
            head: AtomicU64::new(0),
            next: OwnU64::new(0),
            slots: slots(capacity),
        }
    }

    /// Writes a record; its number. By the thread that owns the ring alone.
    #[inline]
    pub(super) fn write(&self, words: Words) -> u64 {
        // ORDERING: Relaxed, only this thread comes here.
        let number = self.next.load(Ordering::Relaxed);
        self.next.store(number + 1, Ordering::Relaxed);
        // ORDERING: Release: a reader that meets one of the stores below (Acquire fence in
        // `read`) also sees that the record before this one was written, by the count it
        // finds, and so knows that this slot may have changed under it.
        fence(Ordering::Release);
        let slot = &self.slots[self.place(number)];
        for (place, word) in slot.0.iter().zip(words) {
            // ORDERING: Relaxed, published by the count below.
            place.store(word, Ordering::Relaxed);
        }
        // ORDERING: Release publishes the record (Acquire in `read`).
        self.head.store(number + 1, Ordering::Release);
        number
    }

    /// Copies the records from number `from` on to `out`. The number to go on with, and how
    /// many were overwritten before they could be read.
    pub(super) fn read(&self, from: u64, out: &mut Vec<Words>) -> (u64, u64) {
        // ORDERING: Acquire pairs with the Release of the count in `write`.
        let head = self.head.load(Ordering::Acquire);
        let first = from.max(self.oldest(head));
        let begin = out.len();
        for number in first..head {
            let slot = &self.slots[self.place(number)];
            // ORDERING: Relaxed; whether it is whole is found out below.
            out.push(std::array::from_fn(|word| {
                slot.0[word].load(Ordering::Relaxed)
            }));
        }
        // ORDERING: Acquire keeps the copies before the second look, and pairs with the fence
        // in `write`.
        fence(Ordering::Acquire);
        // ORDERING: Relaxed, ordered by the fence.
        let now = self.head.load(Ordering::Relaxed);
        // The slot of record `now` may be half written: it is that of `now - capacity`.
        let whole = self.oldest(now + 1).clamp(first, head);
        let torn = usize::try_from(whole - first).expect("fewer than were just read");
        out.drain(begin..begin + torn);
        (head, whole.saturating_sub(from))
    }

    /// How many records have been written.
    pub(super) fn written(&self) -> u64 {
        // ORDERING: Relaxed, a number to begin with.
        self.head.load(Ordering::Relaxed)
    }

    /// The oldest record that is still there once `head` have been written.
    fn oldest(&self, head: u64) -> u64 {
        head.saturating_sub(self.slots.len() as u64)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "masked to the capacity")]
    fn place(&self, number: u64) -> usize {
        number as usize & (self.slots.len() - 1)
    }
}

/// Where slots come from: memory that is not touched before it is used, so that a thread that
/// records little needs little.
#[cfg(not(marmot_loom))]
mod store {
    #![expect(
        unsafe_code,
        reason = "memory that the system zeroes when it is first touched"
    )]

    use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};

    use super::Slot;

    pub(super) fn slots(capacity: usize) -> Box<[Slot]> {
        let layout = Layout::array::<Slot>(capacity).expect("a ring of a few MiB");
        assert!(layout.size() > 0, "a ring has slots");
        // SAFETY: the layout has a size.
        let memory = unsafe { alloc_zeroed(layout) };
        if memory.is_null() {
            handle_alloc_error(layout);
        }
        let slots = std::ptr::slice_from_raw_parts_mut(memory.cast::<Slot>(), capacity);
        // SAFETY: from the global allocator with the layout of so many slots; a slot is
        // atomics, for which zeroes are a value.
        unsafe { Box::from_raw(slots) }
    }
}

#[cfg(marmot_loom)]
mod store {
    use super::Slot;
    use crate::loom::AtomicU64;

    pub(super) fn slots(capacity: usize) -> Box<[Slot]> {
        let slot = |_| Slot(std::array::from_fn(|_| AtomicU64::new(0)));
        (0..capacity).map(slot).collect()
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use super::{Ring, Words};

    fn record(number: u64) -> Words {
        [number, number * 3, number ^ 0xFF, !number]
    }

    #[test]
    fn a_reader_gets_each_record_once_and_in_order() {
        let ring = Ring::new(8);
        let mut got = Vec::new();
        let mut next = 0;
        for round in 0..10 {
            for number in 0..5 {
                ring.write(record(round * 5 + number));
            }
            let lost;
            (next, lost) = ring.read(next, &mut got);
            assert_eq!(lost, 0);
        }
        assert_eq!(got, (0..50).map(record).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_overwritten_is_counted_as_lost() {
        let ring = Ring::new(8);
        (0..20).for_each(|number| _ = ring.write(record(number)));
        let mut got = Vec::new();
        // One slot less than there are: the next record may be half written.
        assert_eq!(ring.read(0, &mut got), (20, 13));
        assert_eq!(got, (13..20).map(record).collect::<Vec<_>>());
    }

    #[test]
    fn records_read_while_they_are_overwritten_are_whole() {
        let ring = Ring::new(64);
        let rounds = if cfg!(miri) { 300 } else { 300_000 };
        let (read, lost) = std::thread::scope(|scope| {
            scope.spawn(|| (0..rounds).for_each(|number| _ = ring.write(record(number))));
            let (mut next, mut read, mut lost) = (0, 0, 0);
            let mut got = Vec::new();
            while next < rounds {
                let missed;
                (next, missed) = ring.read(next, &mut got);
                for words in got.drain(..) {
                    assert_eq!(words, record(words[0]), "a torn record");
                    read += 1;
                }
                lost += missed;
            }
            (read, lost)
        });
        assert_eq!(read + lost, rounds);
    }
}
