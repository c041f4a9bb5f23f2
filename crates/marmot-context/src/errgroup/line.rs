//! A line of those who wait for one thing of a group.

use std::task::Waker;

use marmot_wait::{Key, WaitQueue, WakeList};

/// Waiters; whoever is released finds that its place has been detached.
#[derive(Debug, Default)]
pub(super) struct Line(WaitQueue<Option<Waker>>);

impl Line {
    /// Joins, or stays, with this waker. Leaves in `waker` what is to be dropped after the
    /// lock.
    pub(super) fn stand(&mut self, place: &mut Option<Key>, waker: &mut Option<Waker>) {
        match place.and_then(|key| self.0.get_mut(key)) {
            Some(old) => std::mem::swap(old, waker),
            None => *place = Some(self.0.push_back(waker.take())),
        }
    }

    /// Whether the one in this place was released.
    pub(super) fn was_released(&self, place: Option<Key>) -> bool {
        place.is_some_and(|key| !self.0.is_linked(key))
    }

    /// Leaves; gives what is to be dropped after the lock.
    #[must_use]
    pub(super) fn leave(&mut self, place: &mut Option<Key>) -> Option<Waker> {
        self.0.remove(place.take()?)?
    }

    /// Releases everybody.
    pub(super) fn release_all(&mut self, owed: &mut WakeList) {
        while let Some((_, waker)) = self.0.detach_front() {
            waker.take().into_iter().for_each(|waker| owed.push(waker));
        }
    }
}
