//! What is known of one descriptor, in one word.
//!
//! ```text
//!    31 ............ 8 | 7       6        5      4       3         2        1     0
//!         tick         | closed  write    read   urgent  write     read     write read
//!                      |         expired  expired        finished  finished
//! ```
//!
//! *read* and *write*: a try may succeed. *finished*: the other side will send, or take, no
//! more, or there is an error to tell, so behind the last bytes a try does not block. *urgent*:
//! out-of-band data was announced. *expired* and *closed* are said by our side, and stay until
//! taken back.
//!
//! The poller only adds bits, and adds one to the tick each time. Whoever tried and would
//! have blocked takes the bits of its direction away, but only from the word it had seen
//! *before* it tried: an event that came in between has another tick, and stays. That is
//! what makes edge-triggered events safe. The idea of the tick is tokio's `ScheduledIo`.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::loom::AtomicU32;

/// Into the program, or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Reading and accepting.
    Read,
    /// Writing and connecting.
    Write,
}

const READ: u32 = 1;
const WRITE: u32 = 1 << 1;
const READ_FINISHED: u32 = 1 << 2;
const WRITE_FINISHED: u32 = 1 << 3;
const URGENT: u32 = 1 << 4;
const READ_EXPIRED: u32 = 1 << 5;
const WRITE_EXPIRED: u32 = 1 << 6;
const CLOSED: u32 = 1 << 7;
const TICK: u32 = 1 << 8;
const BITS: u32 = TICK - 1;

impl Direction {
    const fn ready(self) -> u32 {
        match self {
            Direction::Read => READ,
            Direction::Write => WRITE,
        }
    }

    const fn finished(self) -> u32 {
        match self {
            Direction::Read => READ_FINISHED,
            Direction::Write => WRITE_FINISHED,
        }
    }

    const fn expired(self) -> u32 {
        match self {
            Direction::Read => READ_EXPIRED,
            Direction::Write => WRITE_EXPIRED,
        }
    }
}

/// What an event of the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event(u32);

impl Event {
    /// An error or a hang-up concerns both directions: whoever tries learns of it, and nothing blocks
    /// before that.
    pub(crate) fn of(event: &mio::event::Event) -> Event {
        let pair = |yes: bool, bits: u32| if yes { bits } else { 0 };
        Event(
            pair(event.is_readable(), READ)
                | pair(event.is_writable(), WRITE)
                | pair(event.is_read_closed(), READ | READ_FINISHED)
                | pair(event.is_write_closed(), WRITE | WRITE_FINISHED)
                | pair(
                    event.is_error(),
                    READ | WRITE | READ_FINISHED | WRITE_FINISHED,
                )
                | pair(event.is_priority(), READ | URGENT),
        )
    }

    #[cfg(test)]
    pub(crate) const fn ready(direction: Direction) -> Event {
        Event(direction.ready())
    }

    #[cfg(all(test, not(marmot_loom)))]
    const fn finished(direction: Direction) -> Event {
        Event(direction.ready() | direction.finished())
    }

    #[cfg(all(test, not(marmot_loom)))]
    const fn urgent() -> Event {
        Event(READ | URGENT)
    }

    pub(crate) const fn concerns(self, direction: Direction) -> bool {
        self.0 & direction.ready() != 0
    }
}

/// The word as it was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen(u32);

/// What the word says to somebody who wants to go on in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is known to be there.
    Wait,
    /// A try may succeed.
    Try,
    /// Its time is over.
    Expired,
    /// Our side has closed it.
    Closed,
}

impl Seen {
    #[inline]
    pub(crate) const fn verdict(self, direction: Direction) -> Verdict {
        if self.0 & (CLOSED | direction.expired()) != 0 {
            return if self.0 & CLOSED != 0 {
                Verdict::Closed
            } else {
                Verdict::Expired
            };
        }
        if self.0 & direction.ready() != 0 {
            Verdict::Try
        } else {
            Verdict::Wait
        }
    }

    const fn tick(self) -> u32 {
        self.0 & !BITS
    }
}

#[derive(Debug)]
pub(crate) struct Readiness(AtomicU32);

impl Readiness {
    /// Nothing is known, so a try is worth it: a new connection can be written to, and its
    /// first bytes may be there.
    pub(crate) fn new() -> Readiness {
        Readiness(AtomicU32::new(READ | WRITE))
    }

    #[inline]
    pub(crate) fn seen(&self) -> Seen {
        // ORDERING: Acquire keeps the try that follows after this load: a try made before
        // it could be answered by a state of the socket older than the tick seen here, and
        // would then take away an event it knows nothing of.
        Seen(self.0.load(Acquire))
    }

    /// An event has come.
    pub(crate) fn add(&self, event: Event) {
        self.update(|word| Some((word | event.0).wrapping_add(TICK)));
    }

    /// A try would have blocked: nothing is there, unless an event came since `seen`.
    ///
    /// The kernel has the last word, so this takes *finished* away too.
    pub(crate) fn clear(&self, direction: Direction, seen: Seen) {
        self.forget(seen, |_| direction.ready() | direction.finished());
    }

    /// A try got less than it asked for, so the next one would block, unless an event came
    /// since `seen`, or the next one would bring an end or an error.
    ///
    /// Not once out-of-band data was announced: a read stops short at it, with more behind.
    pub(crate) fn clear_short(&self, direction: Direction, seen: Seen) {
        self.forget(seen, |word| {
            if word & (direction.finished() | URGENT) == 0 {
                direction.ready()
            } else {
                0
            }
        });
    }

    pub(crate) fn expire(&self, direction: Direction, expired: bool) {
        let bit = direction.expired();
        self.update(|word| Some(if expired { word | bit } else { word & !bit }));
    }

    /// Gives whether this was the first time.
    pub(crate) fn close(&self) -> bool {
        self.update(|word| (word & CLOSED == 0).then_some(word | CLOSED))
    }

    fn forget(&self, seen: Seen, bits: impl Fn(u32) -> u32) {
        self.update(|word| (Seen(word).tick() == seen.tick()).then(|| word & !bits(word)));
    }

    /// Changes the word, unless `change` has nothing to change; gives whether it did.
    fn update(&self, change: impl Fn(u32) -> Option<u32>) -> bool {
        // ORDERING: Relaxed; the exchange below fails if it is not the latest.
        let mut word = self.0.load(Relaxed);
        while let Some(new) = change(word) {
            // ORDERING: Release is the pair of the Acquire in `seen`: who sees the tick of an
            // event tries after it. Whether a waiter sleeps is decided under the lock of
            // `Source`; a failed exchange only brings the word to look at again.
            match self.0.compare_exchange_weak(word, new, Release, Relaxed) {
                Ok(_) => return true,
                Err(other) => word = other,
            }
        }
        false
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use super::{Direction, Event, Readiness, Verdict};

    const BOTH: [Direction; 2] = [Direction::Read, Direction::Write];

    fn drained() -> Readiness {
        let word = Readiness::new();
        for direction in BOTH {
            word.clear(direction, word.seen());
        }
        word
    }

    #[test]
    fn a_failed_try_leaves_its_direction_empty_and_the_other_as_it_was() {
        let word = Readiness::new();
        word.clear(Direction::Read, word.seen());
        assert_eq!(word.seen().verdict(Direction::Read), Verdict::Wait);
        assert_eq!(word.seen().verdict(Direction::Write), Verdict::Try);
    }

    #[test]
    fn an_event_between_a_try_and_its_clear_stays() {
        let word = Readiness::new();
        let before = word.seen();
        word.add(Event::ready(Direction::Read));
        word.clear(Direction::Read, before);
        word.clear_short(Direction::Read, before);
        assert_eq!(word.seen().verdict(Direction::Read), Verdict::Try);
    }

    #[test]
    fn a_short_read_does_not_hide_the_end_that_follows() {
        let word = drained();
        word.add(Event::finished(Direction::Read));
        word.clear_short(Direction::Read, word.seen());
        assert_eq!(word.seen().verdict(Direction::Read), Verdict::Try);
        word.clear(Direction::Read, word.seen());
        assert_eq!(word.seen().verdict(Direction::Read), Verdict::Wait);
        // The end is forgotten with it.
        word.add(Event::ready(Direction::Read));
        word.clear_short(Direction::Read, word.seen());
        assert_eq!(word.seen().verdict(Direction::Read), Verdict::Wait);
    }

    #[test]
    fn the_end_of_one_direction_says_nothing_of_the_other() {
        for (ended, other) in [BOTH, [Direction::Write, Direction::Read]].map(|[a, b]| (a, b)) {
            let word = Readiness::new();
            word.add(Event::finished(ended));
            word.clear_short(ended, word.seen());
            assert_eq!(word.seen().verdict(ended), Verdict::Try);
            word.clear_short(other, word.seen());
            assert_eq!(word.seen().verdict(other), Verdict::Wait);
        }
    }

    #[test]
    fn a_short_read_empties_unless_urgent_data_was_announced() {
        let word = Readiness::new();
        word.clear_short(Direction::Read, word.seen());
        assert_eq!(word.seen().verdict(Direction::Read), Verdict::Wait);
        word.add(Event::urgent());
        word.clear_short(Direction::Read, word.seen());
        assert_eq!(word.seen().verdict(Direction::Read), Verdict::Try);
    }

    #[test]
    fn expiry_concerns_one_direction_and_can_be_taken_back_and_closing_both() {
        let word = drained();
        word.expire(Direction::Write, true);
        assert_eq!(word.seen().verdict(Direction::Read), Verdict::Wait);
        assert_eq!(word.seen().verdict(Direction::Write), Verdict::Expired);
        word.expire(Direction::Write, false);
        assert_eq!(word.seen().verdict(Direction::Write), Verdict::Wait);
        word.expire(Direction::Read, true);
        assert!(word.close());
        assert!(!word.close());
        for direction in BOTH {
            assert_eq!(word.seen().verdict(direction), Verdict::Closed);
        }
    }

    #[test]
    fn the_tick_wraps_without_touching_a_bit() {
        let word = drained();
        word.0
            .store(!super::BITS, std::sync::atomic::Ordering::Relaxed);
        word.add(Event::ready(Direction::Write));
        assert_eq!(word.seen().tick(), 0);
        assert_eq!(word.seen().verdict(Direction::Write), Verdict::Try);
        assert_eq!(word.seen().verdict(Direction::Read), Verdict::Wait);
    }
}
