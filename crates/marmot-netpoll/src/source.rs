//! One descriptor's readiness, and who waits for it. Go: `pollDesc` with its `rg` and `wg`.
//!
//! ```text
//!   per direction       event                    try: would block (and no event since)
//!            empty ───────────────▶ ready ─────────────────────────▶ empty
//!              │ enlist               ▲
//!              ▼                      │ event: gives its wakers
//!           waiting(wakers) ──────────┘
//! ```
//!
//! Readiness is a word of its own (`readiness.rs`), read without the lock on the way of those
//! who need not wait. The lock holds the waiters; whoever enlists looks at the word once more
//! under it, and the poller writes the word before it takes the lock: so either the poller
//! finds the waiter, or the waiter the event.
//!
//! An event wakes all who wait in its direction: events are edge-triggered, and one woken alone
//! might not use what there is. Of a listener that many wait at it wakes the first in the line
//! only ([`Wakes::InTurn`]); whoever was woken wakes the next when it goes, unless a try has
//! found nothing left meanwhile:
//!
//! ```text
//!   event ──▶ first: accepts, goes ──▶ second: accepts, goes ──▶ third: would block, waits again
//! ```
//!
//! It goes when it is done and also when it is dropped, so the chain does not break, and a
//! connection wakes one or two of a hundred acceptors. What our side does to a descriptor (a
//! deadline, a close) concerns all, and wakes all.
//!
//! Where an event wakes all there is no order to keep, and as a rule one waits: it has a place of
//! its own ([`Place::Alone`]) without a line, which the event empties, so that nothing has to be
//! looked for or freed when it goes.

use std::task::Waker;

use marmot_wait::{Key, WaitQueue, WakeList};

use crate::loom::{Mutex, lock};
use crate::readiness::{Direction, Event, Readiness, Seen, Verdict};
use crate::waiting::Waiting;

/// Whom an event wakes of those who stand in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wakes {
    All,
    /// The first, who wakes the next when it goes. One that neither goes on nor goes keeps the
    /// others waiting, until the next event.
    InTurn,
}

/// Who waits in one direction.
#[derive(Debug, Default)]
struct Side {
    /// A future that waits, where an event wakes all; and how many have waited here so far.
    alone: Option<Waker>,
    stays: u64,
    /// The task that polled last through an interface without a future of its own
    /// (`AsyncRead` and its like), of which there should be one.
    slot: Option<Waker>,
    /// Futures that wait; one that has been woken keeps its entry, empty, until it removes it.
    /// Most sources never have a line: with two in it each would be half as large again.
    line: Option<Box<WaitQueue<Option<Waker>>>>,
}

/// Where a future waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the place for one; the how manyth to wait there.
    Alone(u64),
    Line(Key),
}

impl Side {
    /// An event: the first of the line, and the task in the slot.
    fn gather_first(&mut self, owed: &mut WakeList) {
        if let Some(waker) = self.first() {
            owed.push(waker);
        }
        if let Some(waker) = self.slot.take() {
            owed.push(waker);
        }
    }

    /// The waker of the first of the line, who is then in the line no longer.
    fn first(&mut self) -> Option<Waker> {
        let (_, entry) = self.line.as_mut()?.detach_front()?;
        let waker = entry.take();
        Some(waker.expect("one that stands in the line has its waker"))
    }

    fn gather(&mut self, owed: &mut WakeList) {
        if let Some(waker) = self.alone.take() {
            owed.push(waker);
        }
        while let Some(waker) = self.first() {
            owed.push(waker);
        }
        if let Some(waker) = self.slot.take() {
            owed.push(waker);
        }
    }

    /// Whether whoever has this place still waits in it.
    fn holds(&self, place: Place) -> bool {
        match place {
            Place::Alone(stay) => self.stays == stay && self.alone.is_some(),
            Place::Line(key) => self.line.as_ref().is_some_and(|line| line.is_linked(key)),
        }
    }

    /// A new waker for one who waits; gives the old one.
    fn replace(&mut self, place: Place, waker: Waker) -> Option<Waker> {
        match place {
            Place::Alone(_) => self.alone.replace(waker),
            Place::Line(key) => self.line.as_mut()?.get_mut(key)?.replace(waker),
        }
    }

    /// A place for one who does not wait: `before`, if it waited before.
    fn join(&mut self, before: Option<Place>, waker: Waker, wakes: Wakes) -> Place {
        match before {
            // Woken in vain: somebody was faster. It keeps its place.
            Some(Place::Line(woken)) => {
                let line = self.line.get_or_insert_default();
                line.remove(woken);
                Place::Line(line.push_front(Some(waker)))
            }
            _ if wakes == Wakes::All && self.alone.is_none() => {
                self.alone = Some(waker);
                self.stays += 1;
                Place::Alone(self.stays)
            }
            _ => {
                let line = self.line.get_or_insert_default();
                Place::Line(line.push_back(Some(waker)))
            }
        }
    }

    /// Gives up a place; the waker in it, if it was not woken.
    fn remove(&mut self, place: Place) -> Option<Waker> {
        match place {
            Place::Alone(_) if self.holds(place) => self.alone.take(),
            Place::Alone(_) => None,
            Place::Line(key) => self.line.as_mut()?.remove(key).flatten(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Source {
    readiness: Readiness,
    wakes: Wakes,
    /// Who waits to read, and who to write. Nothing is called or dropped under this lock.
    sides: Mutex<[Side; 2]>,
}

/// What came of an attempt to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enlisted {
    /// No need to wait.
    Not(Seen, Verdict),
    /// Waits, and somebody looks at the poller.
    Watched,
    /// Waits, and nobody looked at the poller when it began.
    Unwatched,
}

impl Source {
    pub(crate) fn new(wakes: Wakes) -> Source {
        Source {
            readiness: Readiness::new(),
            wakes,
            sides: Mutex::new([Side::default(), Side::default()]),
        }
    }

    #[inline]
    pub(crate) fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// An event has come: those to be woken are added to `owed`.
    pub(crate) fn fire(&self, event: Event, owed: &mut WakeList) {
        self.readiness.add(event);
        let mut sides = lock(&self.sides);
        for direction in [Direction::Read, Direction::Write] {
            if event.concerns(direction) {
                let side = &mut sides[direction as usize];
                match self.wakes {
                    Wakes::All => side.gather(owed),
                    Wakes::InTurn => side.gather_first(owed),
                }
            }
        }
    }

    /// Takes all who wait in one direction, after something they look at was changed.
    pub(crate) fn rouse(&self, direction: Direction, owed: &mut WakeList) {
        lock(&self.sides)[direction as usize].gather(owed);
    }

    /// Enlists the task behind a poll function; one that waited there before is replaced.
    pub(crate) fn enlist_slot(
        &self,
        direction: Direction,
        waker: &Waker,
        waiting: &Waiting,
    ) -> Enlisted {
        // Cloned before, and the old one dropped after, the lock is held.
        let waker = waker.clone();
        let mut sides = lock(&self.sides);
        let seen = self.readiness.seen();
        match seen.verdict(direction) {
            Verdict::Wait => {}
            verdict => return Enlisted::Not(seen, verdict),
        }
        let old = sides[direction as usize].slot.replace(waker);
        let watched = old.is_some() || waiting.begin();
        drop(sides);
        drop(old);
        Enlisted::of(watched)
    }

    /// Enlists a future, whose place is `place` if it has waited before.
    pub(crate) fn enlist(
        &self,
        direction: Direction,
        place: &mut Option<Place>,
        waker: &Waker,
        waiting: &Waiting,
    ) -> Enlisted {
        let waker = waker.clone();
        let mut sides = lock(&self.sides);
        let seen = self.readiness.seen();
        match seen.verdict(direction) {
            Verdict::Wait => {}
            // Its entry, if it has one, goes when the future does.
            verdict => return Enlisted::Not(seen, verdict),
        }
        let side = &mut sides[direction as usize];
        let held = place.filter(|&place| side.holds(place));
        let old = if let Some(place) = held {
            side.replace(place, waker)
        } else {
            *place = Some(side.join(*place, waker, self.wakes));
            None
        };
        let watched = held.is_some() || waiting.begin();
        drop(sides);
        drop(old);
        Enlisted::of(watched)
    }

    /// A future that had enlisted goes. If it was woken in its turn, and there may be something
    /// left, the next one is to be woken, and counted down after that.
    #[must_use]
    pub(crate) fn leave(
        &self,
        direction: Direction,
        place: Place,
        waiting: &Waiting,
    ) -> Option<Waker> {
        let mut sides = lock(&self.sides);
        let side = &mut sides[direction as usize];
        let waited = side.holds(place);
        let waker = side.remove(place);
        // (If it waited still, whoever was woken before it passes on what is left. An event that
        // comes after this look finds the next one by itself: it takes the lock after us.)
        let in_turn = !waited && self.wakes == Wakes::InTurn;
        let next = if !in_turn || self.readiness.seen().verdict(direction) == Verdict::Wait {
            None
        } else {
            side.first()
        };
        drop(sides);
        // One that was woken is counted by whoever woke it.
        waiting.end(usize::from(waited));
        drop(waker);
        next
    }

    /// The descriptor goes, and with it the tasks in the slots: nobody can poll for them.
    pub(crate) fn abandon(&self, waiting: &Waiting) {
        let mut sides = lock(&self.sides);
        let left = sides.each_mut().map(|side| side.slot.take());
        drop(sides);
        waiting.end(left.iter().flatten().count());
    }
}

impl Enlisted {
    fn of(watched: bool) -> Enlisted {
        if watched {
            Enlisted::Watched
        } else {
            Enlisted::Unwatched
        }
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use std::sync::Arc;
    use std::task::{Wake, Waker};
    use std::time::Duration;

    use marmot_testing::{CountingWaker, within};
    use marmot_wait::WakeList;

    use super::{Enlisted, Place, Source, Wakes};
    use crate::loom::lock;
    use crate::readiness::{Direction, Event, Verdict};
    use crate::waiting::Waiting;

    fn drained(wakes: Wakes) -> Source {
        let source = Source::new(wakes);
        for direction in [Direction::Read, Direction::Write] {
            let seen = source.readiness().seen();
            source.readiness().clear(direction, seen);
        }
        source
    }

    fn fire(source: &Source, direction: Direction, waiting: &Waiting) {
        let mut owed = WakeList::new();
        source.fire(Event::ready(direction), &mut owed);
        let woken = owed.len();
        owed.wake_all();
        waiting.end(woken);
    }

    fn leave(source: &Source, key: Option<Place>, waiting: &Waiting) {
        let next = source.leave(Direction::Read, key.expect("enlisted"), waiting);
        if let Some(waker) = next {
            waker.wake();
            waiting.end(1);
        }
    }

    #[test]
    fn an_event_wakes_all_who_wait_in_its_direction_and_nobody_else() {
        let (source, waiting) = (drained(Wakes::All), Waiting::new());
        let wakers: Vec<_> = (0..5).map(|_| CountingWaker::new()).collect();
        let mut directions = [Direction::Read; 4];
        directions[1] = Direction::Write;
        let mut keys = [None, None, None, None];
        for ((key, direction), waker) in keys.iter_mut().zip(directions).zip(&wakers) {
            source.enlist(direction, key, &waker.waker(), &waiting);
        }
        source.enlist_slot(Direction::Read, &wakers[4].waker(), &waiting);
        fire(&source, Direction::Read, &waiting);
        let woken: Vec<_> = wakers.iter().map(|waker| waker.wakes()).collect();
        assert_eq!((woken, waiting.count()), (vec![1, 0, 1, 1, 1], 1));
        for (key, direction) in keys.into_iter().zip(directions) {
            let next = source.leave(direction, key.expect("enlisted"), &waiting);
            assert!(next.is_none(), "all have been woken");
        }
        assert_eq!(waiting.count(), 0);
    }

    #[test]
    fn in_turn_an_event_wakes_the_first_in_its_direction_and_the_slot_and_nobody_else() {
        let (source, waiting) = (drained(Wakes::InTurn), Waiting::new());
        let wakers: Vec<_> = (0..5).map(|_| CountingWaker::new()).collect();
        let (mut a, mut b) = (None, None);
        let enlist = |direction, key: &mut _, who: usize| {
            source.enlist(direction, key, &wakers[who].waker(), &waiting)
        };
        assert_eq!(enlist(Direction::Read, &mut a, 0), Enlisted::Unwatched);
        assert_eq!(enlist(Direction::Write, &mut b, 1), Enlisted::Unwatched);
        let slot = source.enlist_slot(Direction::Read, &wakers[2].waker(), &waiting);
        assert_eq!(slot, Enlisted::Unwatched);
        let mut c = None;
        assert_eq!(enlist(Direction::Read, &mut c, 3), Enlisted::Unwatched);
        let mut d = None;
        assert_eq!(enlist(Direction::Read, &mut d, 4), Enlisted::Unwatched);
        assert_eq!(waiting.count(), 5);
        fire(&source, Direction::Read, &waiting);
        let woken: Vec<_> = wakers.iter().map(|waker| waker.wakes()).collect();
        assert_eq!((woken, waiting.count()), (vec![1, 0, 1, 0, 0], 3));
        for (direction, key) in [(Direction::Write, b), (Direction::Read, c)] {
            let next = source.leave(direction, key.expect("enlisted"), &waiting);
            assert!(next.is_none(), "it was not woken");
        }
        leave(&source, a, &waiting);
        assert_eq!((wakers[4].wakes(), waiting.count()), (1, 0));
        leave(&source, d, &waiting);
        assert_eq!(waiting.count(), 0);
    }

    #[test]
    fn nobody_waits_for_what_is_there_is_over_or_is_closed() {
        let (source, waiting) = (drained(Wakes::All), Waiting::new());
        let word = source.readiness();
        let refused = |expected| {
            let mut key = None;
            let enlisted = [
                source.enlist(Direction::Read, &mut key, Waker::noop(), &waiting),
                source.enlist_slot(Direction::Read, Waker::noop(), &waiting),
            ];
            for enlisted in enlisted {
                assert!(matches!(enlisted, Enlisted::Not(_, verdict) if verdict == expected));
            }
            assert_eq!((key, waiting.count()), (None, 0));
        };
        fire(&source, Direction::Read, &waiting);
        refused(Verdict::Try);
        word.expire(Direction::Read, true);
        refused(Verdict::Expired);
        word.close();
        refused(Verdict::Closed);
    }

    #[test]
    fn what_our_side_does_wakes_all_who_wait_in_that_direction() {
        for wakes in [Wakes::All, Wakes::InTurn] {
            let (source, waiting) = (drained(wakes), Waiting::new());
            let wakers: Vec<_> = (0..3).map(|_| CountingWaker::new()).collect();
            let directions = [Direction::Read, Direction::Read, Direction::Write];
            let mut keys = [None, None, None];
            for ((key, direction), waker) in keys.iter_mut().zip(directions).zip(&wakers) {
                source.enlist(direction, key, &waker.waker(), &waiting);
            }
            let mut owed = WakeList::new();
            source.rouse(Direction::Read, &mut owed);
            assert_eq!(owed.len(), 2);
            owed.wake_all();
            let woken: Vec<_> = wakers.iter().map(|waker| waker.wakes()).collect();
            assert_eq!(woken, [1, 1, 0]);
        }
    }

    /// Looks at the source when it goes; or for ever, if somebody holds its lock then.
    struct Looks(Arc<Source>);

    impl Wake for Looks {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Looks {
        fn drop(&mut self) {
            drop(lock(&self.0.sides));
        }
    }

    #[test]
    fn no_waker_is_dropped_under_the_lock() {
        within(Duration::from_secs(20), || {
            for wakes in [Wakes::All, Wakes::InTurn] {
                let (source, waiting) = (Arc::new(drained(wakes)), Waiting::new());
                let looks = || Waker::from(Arc::new(Looks(Arc::clone(&source))));
                let mut keys = [None, None];
                for _ in 0..2 {
                    for key in &mut keys {
                        // The second time in place of the first.
                        source.enlist(Direction::Read, key, &looks(), &waiting);
                        source.enlist_slot(Direction::Write, &looks(), &waiting);
                    }
                }
                leave(&source, keys[0], &waiting);
                fire(&source, Direction::Write, &waiting);
                source
                    .readiness()
                    .clear(Direction::Write, source.readiness().seen());
                source.enlist_slot(Direction::Write, &looks(), &waiting);
                source.abandon(&waiting);
                fire(&source, Direction::Read, &waiting);
                leave(&source, keys[1], &waiting);
                assert_eq!(waiting.count(), 0);
            }
        });
    }

    #[test]
    fn one_that_was_woken_does_not_take_the_place_of_the_next_when_it_goes() {
        let (source, waiting) = (drained(Wakes::All), Waiting::new());
        let wakers: Vec<_> = (0..3).map(|_| CountingWaker::new()).collect();
        let mut keys = [None, None, None];
        let enlist = |who: usize, key: &mut _| {
            source.enlist(Direction::Read, key, &wakers[who].waker(), &waiting)
        };
        assert_eq!(enlist(0, &mut keys[0]), Enlisted::Unwatched);
        fire(&source, Direction::Read, &waiting);
        let seen = source.readiness().seen();
        source.readiness().clear(Direction::Read, seen);
        assert_eq!(enlist(1, &mut keys[1]), Enlisted::Unwatched);
        assert_eq!(enlist(2, &mut keys[2]), Enlisted::Unwatched);
        leave(&source, keys[0], &waiting);
        assert_eq!(waiting.count(), 2);
        fire(&source, Direction::Read, &waiting);
        let wakes: Vec<_> = wakers.iter().map(|waker| waker.wakes()).collect();
        assert_eq!((wakes, waiting.count()), (vec![1, 1, 1], 0));
        leave(&source, keys[1], &waiting);
        leave(&source, keys[2], &waiting);
        assert_eq!(waiting.count(), 0);
    }

    #[test]
    fn one_that_was_woken_passes_on_what_it_leaves_and_nothing_if_nothing_is_left() {
        let (source, waiting) = (drained(Wakes::InTurn), Waiting::new());
        let wakers: Vec<_> = (0..3).map(|_| CountingWaker::new()).collect();
        let mut keys = [None, None, None];
        for (key, waker) in keys.iter_mut().zip(&wakers) {
            source.enlist(Direction::Read, key, &waker.waker(), &waiting);
        }
        let wakes = || wakers.iter().map(|waker| waker.wakes()).collect::<Vec<_>>();
        fire(&source, Direction::Read, &waiting);
        assert_eq!(wakes(), [1, 0, 0]);
        leave(&source, keys[0], &waiting);
        assert_eq!((wakes(), waiting.count()), (vec![1, 1, 0], 1));
        let seen = source.readiness().seen();
        source.readiness().clear(Direction::Read, seen);
        leave(&source, keys[1], &waiting);
        assert_eq!((wakes(), waiting.count()), (vec![1, 1, 0], 1));
        leave(&source, keys[2], &waiting);
        assert_eq!(waiting.count(), 0);
    }

    #[test]
    fn one_woken_in_vain_keeps_its_place() {
        let (source, waiting) = (drained(Wakes::InTurn), Waiting::new());
        let wakers = [CountingWaker::new(), CountingWaker::new()];
        let mut keys = [None, None];
        for (key, waker) in keys.iter_mut().zip(&wakers) {
            source.enlist(Direction::Read, key, &waker.waker(), &waiting);
        }
        let entry = keys[0];
        for round in 1..=3 {
            assert_eq!(keys[0], entry, "its entry is used again");
            fire(&source, Direction::Read, &waiting);
            assert_eq!((wakers[0].wakes(), wakers[1].wakes()), (round, 0));
            let seen = source.readiness().seen();
            source.readiness().clear(Direction::Read, seen);
            source.enlist(Direction::Read, &mut keys[0], &wakers[0].waker(), &waiting);
        }
        for key in keys {
            leave(&source, key, &waiting);
        }
        assert_eq!(waiting.count(), 0);
    }

    #[test]
    fn one_that_enlists_again_is_counted_once_and_its_last_waker_called() {
        let (source, waiting) = (drained(Wakes::All), Waiting::new());
        let (first, second) = (CountingWaker::new(), CountingWaker::new());
        let mut key = None;
        for counter in [&first, &second] {
            source.enlist(Direction::Read, &mut key, &counter.waker(), &waiting);
            source.enlist_slot(Direction::Write, &counter.waker(), &waiting);
        }
        assert_eq!(waiting.count(), 2);
        assert_eq!(first.handles(), 1, "the waker it replaced is gone");
        fire(&source, Direction::Read, &waiting);
        fire(&source, Direction::Write, &waiting);
        assert_eq!((first.wakes(), second.wakes()), (0, 2));
        leave(&source, key, &waiting);
        assert_eq!((second.handles(), waiting.count()), (1, 0));
    }

    #[test]
    fn one_woken_for_nothing_waits_again() {
        let (source, waiting) = (drained(Wakes::All), Waiting::new());
        let counter = CountingWaker::new();
        let mut key = None;
        for round in 1..=2 {
            source.enlist(Direction::Read, &mut key, &counter.waker(), &waiting);
            fire(&source, Direction::Read, &waiting);
            assert_eq!(counter.wakes(), round);
            let seen = source.readiness().seen();
            source.readiness().clear(Direction::Read, seen);
        }
        leave(&source, key, &waiting);
        assert_eq!(waiting.count(), 0);
    }

    #[test]
    fn a_source_takes_two_cache_lines_with_its_counts() {
        assert!(size_of::<Source>() + 2 * size_of::<usize>() <= 128);
    }

    #[test]
    fn a_descriptor_that_goes_takes_the_tasks_in_its_slots_along() {
        let (source, waiting) = (drained(Wakes::All), Waiting::new());
        let counter = CountingWaker::new();
        source.enlist_slot(Direction::Read, &counter.waker(), &waiting);
        source.abandon(&waiting);
        assert_eq!((counter.handles(), waiting.count()), (1, 0));
    }
}
