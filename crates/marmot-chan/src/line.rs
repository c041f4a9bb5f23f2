//! A line of waiters: the first to come stands in the channel itself, the others in a queue.
//!
//! ```text
//!     solo          rest                     solo: came when nobody was in line, so it is
//!   [ waiter ] ◀─ waiter ◀─ waiter                 ahead of all others while it is in line
//! ```
//!
//! Most lines never hold more than one waiter. It needs no memory of its own, no links and no
//! key, so that a wait is a few stores and its end a few loads. As in [`WaitQueue`], whoever
//! serves a waiter *detaches* it, and its owner alone *removes* it: until then the place is
//! taken, and whoever comes stands in the queue.

use std::task::Waker;

use marmot_wait::WaitQueue;

use crate::state::{Fate, Waiter, Who};

/// A place in a [`Line`], held by whoever joined it until it removes its waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Solo,
    Rest(marmot_wait::Key),
}

/// A first-come, first-served line that one can leave from anywhere.
pub(crate) struct Line<T> {
    solo: Option<Waiter<T>>,
    /// Whether `solo` is in the line; if not, it is nobody, or somebody who was detached.
    is_solo_linked: bool,
    /// How many are in the line, `solo` among them.
    linked: u32,
    /// Those who came when somebody was there. Rare, hence boxed.
    rest: Option<Box<WaitQueue<Waiter<T>>>>,
}

impl<T> Line<T> {
    pub(crate) const fn new() -> Line<T> {
        Line {
            solo: None,
            is_solo_linked: false,
            linked: 0,
            rest: None,
        }
    }

    /// How many are in the line; those detached are not.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.linked as usize
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.linked == 0
    }

    /// Joins at the end.
    #[inline]
    pub(crate) fn push_back(&mut self, waiter: Waiter<T>) -> Key {
        if self.linked == 0 && self.solo.is_none() {
            self.solo = Some(waiter);
            self.is_solo_linked = true;
            self.linked = 1;
            return Key::Solo;
        }
        self.push_rest(waiter)
    }

    #[inline(never)]
    fn push_rest(&mut self, waiter: Waiter<T>) -> Key {
        // The queue panics before there are as many as the counter can't count.
        let key = self.rest.get_or_insert_default().push_back(waiter);
        self.linked += 1;
        Key::Rest(key)
    }

    /// The one at the front.
    pub(crate) fn front(&self) -> Option<Key> {
        if self.is_solo_linked {
            return Some(Key::Solo);
        }
        let (key, _) = self.rest.as_ref()?.front()?;
        Some(Key::Rest(key))
    }

    /// The one behind `key` in the line.
    pub(crate) fn after(&self, key: Key) -> Option<Key> {
        let rest = self.rest.as_ref()?;
        let next = match key {
            Key::Solo => rest.front(),
            Key::Rest(key) => rest.after(key),
        };
        next.map(|(key, _)| Key::Rest(key))
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&Waiter<T>> {
        match key {
            Key::Solo => self.solo.as_ref(),
            Key::Rest(key) => self.rest.as_ref()?.get(key),
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Waiter<T>> {
        match key {
            Key::Solo => self.solo.as_mut(),
            Key::Rest(key) => self.rest.as_mut()?.get_mut(key),
        }
    }

    /// Takes this one out of the line; its entry stays. `false` if it was out already.
    pub(crate) fn detach(&mut self, key: Key) -> bool {
        let linked = match key {
            Key::Solo => std::mem::take(&mut self.is_solo_linked),
            Key::Rest(key) => self.rest.as_mut().is_some_and(|rest| rest.detach(key)),
        };
        self.linked -= u32::from(linked);
        linked
    }

    /// Leaves: out of the line, if still in it, and gone.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Waiter<T>> {
        self.detach(key);
        match key {
            Key::Solo => self.solo.take(),
            Key::Rest(key) => self.rest.as_mut()?.remove(key),
        }
    }

    /// Gives what is in the slot, which is not empty, to the waiter in the channel itself, if
    /// it is in the line and waits for one receive on its own. The slot is empty exactly then.
    #[inline]
    pub(crate) fn give_solo(&mut self, slot: &mut Option<T>) -> Option<Waker> {
        if !self.is_solo_linked {
            return None;
        }
        let solo = self.solo.as_mut()?;
        let Who::One(waker) = &mut solo.who else {
            return None;
        };
        let waker = waker.take()?;
        solo.value = slot.take();
        solo.fate = Fate::Served;
        self.is_solo_linked = false;
        self.linked -= 1;
        Some(waker)
    }

    /// Takes the value of the waiter in the channel itself, if it is in the line and waits for
    /// one send on its own.
    #[inline]
    pub(crate) fn take_solo(&mut self) -> Option<(T, Waker)> {
        if !self.is_solo_linked {
            return None;
        }
        let solo = self.solo.as_mut()?;
        let Who::One(known) = &mut solo.who else {
            return None;
        };
        if known.is_none() {
            return None;
        }
        let value = solo.value.take()?;
        let waker = known.take()?;
        solo.fate = Fate::Served;
        self.is_solo_linked = false;
        self.linked -= 1;
        Some((value, waker))
    }

    /// Removes the waiter if it stands in the channel itself and was served: what it was
    /// given, if anything.
    #[inline]
    pub(crate) fn collect_solo(&mut self, key: Key) -> Option<Option<T>> {
        let solo = self.solo.as_mut()?;
        if key != Key::Solo || solo.fate != Fate::Served {
            return None;
        }
        let value = solo.value.take();
        // Its value and its waker are gone: nothing of anybody's is dropped.
        self.solo = None;
        Some(value)
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use super::{Key, Line};
    use crate::state::{Waiter, Who};

    fn waiter(value: u32) -> Waiter<u32> {
        Waiter::new(Some(value), Who::One(None))
    }

    fn order(line: &Line<u32>) -> Vec<u32> {
        let mut at = line.front();
        std::iter::from_fn(|| {
            let key = at?;
            at = line.after(key);
            line.get(key)?.value
        })
        .collect()
    }

    #[test]
    fn waiters_stand_in_the_order_they_came() {
        let mut line = Line::new();
        let keys = [1, 2, 3].map(|n| line.push_back(waiter(n)));
        assert_eq!(keys[0], Key::Solo);
        assert_eq!((order(&line), line.len()), (vec![1, 2, 3], 3));
        assert_eq!(line.remove(keys[1]).and_then(|w| w.value), Some(2));
        assert_eq!((order(&line), line.len()), (vec![1, 3], 2));
    }

    #[test]
    fn the_place_in_the_channel_is_not_taken_ahead_of_others() {
        let mut line = Line::new();
        let first = line.push_back(waiter(1));
        let second = line.push_back(waiter(2));
        drop(line.remove(first));
        line.push_back(waiter(3));
        assert_eq!(order(&line), [2, 3]);
        drop(line.remove(second));
        assert_eq!(order(&line), [3]);
    }

    #[test]
    fn a_detached_waiter_keeps_its_place() {
        let mut line = Line::new();
        let first = line.push_back(waiter(1));
        assert!(line.detach(first) && !line.detach(first));
        assert!(line.is_empty());
        let second = line.push_back(waiter(2));
        assert_ne!(first, second);
        assert_eq!(line.remove(first).and_then(|w| w.value), Some(1));
        assert_eq!((order(&line), line.len()), (vec![2], 1));
        drop(line.remove(second));
        assert_eq!(line.push_back(waiter(3)), Key::Solo);
    }
}
