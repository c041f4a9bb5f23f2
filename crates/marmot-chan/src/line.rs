//! A line of waiters: the first to come stands in the channel itself, the others in a queue.
//!
//! ```text
//!     solo          rest                     solo: came when nobody was in line, so it is
//!   [ waiter ] ◀─ waiter ◀─ waiter                 ahead of all others while it is in line
//! ```
//!
//! Most lines never hold more than one waiter. It needs no memory of its own, no links and no
//! key, so that a wait is a few stores; and its value is in a [`Mailbox`], so that its end is
//! a few loads without the lock. As in [`WaitQueue`], whoever serves a waiter *detaches* it,
//! and its owner alone *removes* it: until then the place is taken, and whoever comes stands
//! in the queue.

#![expect(
    unsafe_code,
    reason = "the mailbox of the first waiter is outside the lock"
)]

use std::ptr::NonNull;
use std::task::Waker;

use marmot_wait::WaitQueue;

use crate::loom::Ordering;
use crate::mailbox::Mailbox;
use crate::state::{Fate, Waiter, Who};

/// A place in a [`Line`], held by whoever joined it until it removes its waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Solo,
    Rest(marmot_wait::Key),
}

/// The first waiter, but for its value. It is nobody, and holds no waker, while the mailbox
/// is free; once that is served, its fate is too.
struct Solo {
    who: Who,
    fate: Fate,
    /// Whether it is in the line; if not, it is nobody, or somebody who was detached.
    is_linked: bool,
}

/// A first-come, first-served line that one can leave from anywhere.
pub(crate) struct Line<T> {
    /// Valid as long as the line is used; what happens to the waiter in it is up to whoever
    /// can reach the line, that is, whoever holds the channel's lock.
    mailbox: NonNull<Mailbox<T>>,
    solo: Solo,
    /// Those who came when somebody was there. Rare, hence boxed.
    rest: Option<Box<WaitQueue<Waiter<T>>>>,
}

// SAFETY: all it holds may go to another thread with `T: Send`; the mailbox it points to may
// be used from any thread then.
unsafe impl<T: Send> Send for Line<T> {}

impl<T> Line<T> {
    /// An empty line.
    ///
    /// # Safety
    ///
    /// The mailbox is valid whenever the line is used, and is no other line's. Only whoever
    /// holds the channel's lock can reach the line.
    pub(crate) const unsafe fn new(mailbox: NonNull<Mailbox<T>>) -> Line<T> {
        Line {
            mailbox,
            solo: Solo {
                who: Who::One(None),
                fate: Fate::Waiting,
                is_linked: false,
            },
            rest: None,
        }
    }

    #[inline]
    fn mailbox(&self) -> &Mailbox<T> {
        // SAFETY: valid, as `new` was promised; it is only ever shared.
        unsafe { self.mailbox.as_ref() }
    }

    /// How many are in the line; those detached are not. (The count is kept in the mailbox, for
    /// those without the lock to see.)
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // ORDERING: Relaxed, here and below: only lock holders write it, and the lock orders
        // them.
        self.mailbox().waiting.load(Ordering::Relaxed) as usize
    }

    #[inline]
    fn set_len(&self, len: usize) {
        // The queue panics before there are as many as the counter can't count.
        self.mailbox().waiting.store(len as u32, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Joins at the end.
    #[inline]
    pub(crate) fn push_back(&mut self, value: Option<T>, who: Who) -> Key {
        if self.is_empty() && self.mailbox().is_free() {
            // SAFETY: whoever can reach the line holds the lock; it is free.
            unsafe { self.mailbox().join(value) };
            self.solo = Solo {
                who,
                fate: Fate::Waiting,
                is_linked: true,
            };
            self.set_len(1);
            return Key::Solo;
        }
        self.push_rest(value, who)
    }

    #[inline(never)]
    fn push_rest(&mut self, value: Option<T>, who: Who) -> Key {
        let rest = self.rest.get_or_insert_default();
        let key = rest.push_back(Waiter {
            value,
            who,
            fate: Fate::Waiting,
        });
        self.set_len(self.len() + 1);
        Key::Rest(key)
    }

    /// The one at the front.
    pub(crate) fn front(&self) -> Option<Key> {
        if self.solo.is_linked {
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

    /// What became of it.
    pub(crate) fn fate(&self, key: Key) -> Option<Fate> {
        match key {
            Key::Solo if self.mailbox().is_free() => None,
            Key::Solo if self.mailbox().is_served() => Some(Fate::Served),
            Key::Solo => Some(self.solo.fate),
            Key::Rest(key) => Some(self.rest.as_ref()?.get(key)?.fate),
        }
    }

    /// Who it is, and what becomes of it, to be changed while it has not been served.
    pub(crate) fn entry(&mut self, key: Key) -> Option<(&mut Who, &mut Fate)> {
        match key {
            Key::Solo => Some((&mut self.solo.who, &mut self.solo.fate)),
            Key::Rest(key) => {
                let waiter = self.rest.as_mut()?.get_mut(key)?;
                Some((&mut waiter.who, &mut waiter.fate))
            }
        }
    }

    /// Its value, to be looked at or changed, while it has not been served.
    pub(crate) fn value<R>(&mut self, key: Key, f: impl FnOnce(&mut Option<T>) -> R) -> Option<R> {
        match key {
            // (Served, the value would be its owner's.)
            Key::Solo if self.mailbox().is_served() => None,
            // SAFETY: whoever can reach the line holds the lock; it is not served, and only
            // a lock holder could do that.
            Key::Solo => Some(unsafe { self.mailbox().with(f) }),
            Key::Rest(key) => Some(f(&mut self.rest.as_mut()?.get_mut(key)?.value)),
        }
    }

    /// Takes this one out of the line; its entry stays. `false` if it was out already.
    pub(crate) fn detach(&mut self, key: Key) -> bool {
        let linked = match key {
            Key::Solo => std::mem::take(&mut self.solo.is_linked),
            Key::Rest(key) => self.rest.as_mut().is_some_and(|rest| rest.detach(key)),
        };
        self.set_len(self.len() - usize::from(linked));
        linked
    }

    /// A waiter that is out of the line is served: its value is its owner's now.
    pub(crate) fn serve(&mut self, key: Key) {
        match key {
            Key::Solo => self.serve_solo(),
            Key::Rest(key) => {
                if let Some(waiter) = self.rest.as_mut().and_then(|rest| rest.get_mut(key)) {
                    waiter.fate = Fate::Served;
                }
            }
        }
    }

    #[inline]
    fn serve_solo(&mut self) {
        debug_assert!(!self.mailbox().is_free() && !self.mailbox().is_served());
        // SAFETY: whoever can reach the line holds the lock. A waiter is served when it has
        // just been detached, which happens once to each that joins.
        unsafe { self.mailbox().serve() };
    }

    /// Leaves: out of the line, if still in it, and gone. For the owner of the key.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Waiter<T>> {
        self.detach(key);
        match key {
            Key::Solo => self.remove_solo(),
            Key::Rest(key) => self.rest.as_mut()?.remove(key),
        }
    }

    fn remove_solo(&mut self) -> Option<Waiter<T>> {
        if self.mailbox().is_free() {
            return None;
        }
        let who = std::mem::replace(&mut self.solo.who, Who::One(None));
        // SAFETY: our caller is the owner of the key, and gives it up.
        let (value, fate) = match unsafe { self.mailbox().collect() } {
            Some(value) => (value, Fate::Served),
            // SAFETY: neither free nor served, and only a lock holder could serve it.
            None => (unsafe { self.mailbox().leave() }, self.solo.fate),
        };
        Some(Waiter { value, who, fate })
    }

    /// Gives what is in the slot, which is not empty, to the first waiter, if it stands in the
    /// channel and waits for one receive on its own. The slot is empty exactly then.
    #[inline]
    pub(crate) fn give_solo(&mut self, slot: &mut Option<T>) -> Option<Waker> {
        let waker = self.solo.lone()?.take()?;
        // SAFETY: whoever can reach the line holds the lock; who is in line is not served.
        unsafe { self.mailbox().with(|place| *place = slot.take()) };
        self.detach_solo();
        self.serve_solo();
        Some(waker)
    }

    /// Takes the value of the first waiter, if it stands in the channel and waits for one send
    /// on its own.
    #[inline]
    pub(crate) fn take_solo(&mut self) -> Option<(T, Waker)> {
        if self.solo.lone()?.is_none() {
            return None;
        }
        // SAFETY: whoever can reach the line holds the lock; who is in line is not served.
        let value = unsafe { self.mailbox().with(Option::take) }?;
        let waker = self.solo.lone()?.take()?;
        self.detach_solo();
        self.serve_solo();
        Some((value, waker))
    }

    #[inline]
    fn detach_solo(&mut self) {
        self.solo.is_linked = false;
        self.set_len(self.len() - 1);
    }
}

impl Solo {
    /// Its waker, if it is in the line with one operation on its own.
    #[inline]
    fn lone(&mut self) -> Option<&mut Option<Waker>> {
        match &mut self.who {
            Who::One(waker) if self.is_linked => Some(waker),
            _ => None,
        }
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use std::ptr::NonNull;

    use super::{Key, Line};
    use crate::mailbox::Mailbox;
    use crate::state::{Fate, Who};

    /// Gives a line to `f`.
    fn with_line(f: impl FnOnce(&mut Line<u32>)) {
        let mailbox = Mailbox::new();
        // SAFETY: the mailbox outlives the line, which is the only one, on one thread.
        f(&mut unsafe { Line::new(NonNull::from(&mailbox)) });
    }

    fn push(line: &mut Line<u32>, value: u32) -> Key {
        line.push_back(Some(value), Who::One(None))
    }

    fn remove(line: &mut Line<u32>, key: Key) -> Option<u32> {
        line.remove(key)?.value
    }

    fn order(line: &mut Line<u32>) -> Vec<u32> {
        let mut at = line.front();
        std::iter::from_fn(|| {
            let key = at?;
            at = line.after(key);
            line.value(key, |value| *value)?
        })
        .collect()
    }

    #[test]
    fn waiters_stand_in_the_order_they_came() {
        with_line(|line| {
            let keys = [1, 2, 3].map(|n| push(line, n));
            assert_eq!(keys[0], Key::Solo);
            assert_eq!((order(line), line.len()), (vec![1, 2, 3], 3));
            assert_eq!(remove(line, keys[1]), Some(2));
            assert_eq!((order(line), line.len()), (vec![1, 3], 2));
        });
    }

    #[test]
    fn the_place_in_the_channel_is_not_taken_ahead_of_others() {
        with_line(|line| {
            let first = push(line, 1);
            let second = push(line, 2);
            assert_eq!(remove(line, first), Some(1));
            push(line, 3);
            assert_eq!(order(line), [2, 3]);
            assert_eq!(remove(line, second), Some(2));
            assert_eq!(order(line), [3]);
        });
    }

    #[test]
    fn a_served_waiter_keeps_its_place_until_it_is_removed() {
        with_line(|line| {
            let first = push(line, 1);
            assert!(line.detach(first) && !line.detach(first));
            line.serve(first);
            assert!(line.is_empty());
            assert_eq!(line.fate(first), Some(Fate::Served));
            let second = push(line, 2);
            assert_ne!(first, second);
            assert_eq!(remove(line, first), Some(1));
            assert_eq!(line.fate(first), None);
            assert_eq!((order(line), line.len()), (vec![2], 1));
            assert_eq!(remove(line, second), Some(2));
            assert_eq!(push(line, 3), Key::Solo);
        });
    }
}
