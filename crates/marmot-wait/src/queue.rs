//! A first-come, first-served line that one can leave from anywhere.
//!
//! ```text
//!   front ⇄ waiter ⇄ waiter ⇄ back          linked: in the line
//!                              waiter        detached: served, its entry still its own
//! ```
//!
//! A doubly linked list whose links are indices into a slab: O(1) at both ends and in the
//! middle, without unsafe code. Whoever serves a waiter *detaches* it, which leaves the entry
//! (and what was put into it) to its owner, who alone *removes* it: so a key is never reused
//! while somebody holds it. Go: `waitq`.

use slab::Slab;

const NONE: u32 = u32::MAX;
/// An empty line gives its memory back when it once held more entries than this.
const KEEP: usize = 64;

/// A place in a [`WaitQueue`], held by whoever joined it until it removes its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u32);

#[derive(Debug)]
struct Entry<T> {
    value: T,
    prev: u32,
    next: u32,
    linked: bool,
}

/// A first-come, first-served line that one can leave from anywhere. No wakers in it, no lock.
///
/// # Complexity
///
/// Every operation is O(1), except iterating.
///
/// # Examples
///
/// ```
/// use marmot_wait::WaitQueue;
///
/// let mut line = WaitQueue::new();
/// let a = line.push_back("a");
/// let b = line.push_back("b");
/// let c = line.push_back("c");
/// assert_eq!(line.remove(b), Some("b"));
/// assert_eq!(line.detach_front().map(|(key, _)| key), Some(a));
/// assert_eq!(line.len(), 1);
/// assert_eq!(line.remove(a), Some("a"));
/// assert_eq!(line.remove(c), Some("c"));
/// ```
#[derive(Debug)]
pub struct WaitQueue<T> {
    entries: Slab<Entry<T>>,
    front: u32,
    back: u32,
    linked: usize,
}

impl<T> Default for WaitQueue<T> {
    fn default() -> Self {
        WaitQueue::new()
    }
}

impl<T> WaitQueue<T> {
    /// An empty line. Allocates nothing.
    #[must_use]
    pub const fn new() -> WaitQueue<T> {
        WaitQueue {
            entries: Slab::new(),
            front: NONE,
            back: NONE,
            linked: 0,
        }
    }

    /// How many are in the line; those detached are not.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.linked
    }

    /// Whether nobody is in the line.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.front == NONE
    }

    /// Joins at the end.
    ///
    /// # Panics
    ///
    /// With more than four thousand million waiters.
    pub fn push_back(&mut self, value: T) -> Key {
        let prev = self.back;
        let key = self.insert(Entry {
            value,
            prev,
            next: NONE,
            linked: true,
        });
        if prev == NONE {
            self.front = key;
        } else {
            self.entries[prev as usize].next = key;
        }
        self.back = key;
        Key(key)
    }

    /// Joins at the front, ahead of everybody.
    ///
    /// # Panics
    ///
    /// With more than four thousand million waiters.
    pub fn push_front(&mut self, value: T) -> Key {
        let next = self.front;
        let key = self.insert(Entry {
            value,
            prev: NONE,
            next,
            linked: true,
        });
        if next == NONE {
            self.back = key;
        } else {
            self.entries[next as usize].prev = key;
        }
        self.front = key;
        Key(key)
    }

    /// The one at the front.
    #[must_use]
    pub fn front(&self) -> Option<(Key, &T)> {
        let entry = self.entries.get(self.front as usize)?;
        Some((Key(self.front), &entry.value))
    }

    /// The one at the front, to be changed.
    pub fn front_mut(&mut self) -> Option<(Key, &mut T)> {
        let key = self.front;
        let entry = self.entries.get_mut(key as usize)?;
        Some((Key(key), &mut entry.value))
    }

    /// The one behind `key` in the line.
    #[must_use]
    pub fn after(&self, key: Key) -> Option<(Key, &T)> {
        let next = self.entries.get(key.0 as usize)?.next;
        let entry = self.entries.get(next as usize)?;
        Some((Key(next), &entry.value))
    }

    /// Takes the one at the front out of the line; its entry stays until it is removed.
    pub fn detach_front(&mut self) -> Option<(Key, &mut T)> {
        if self.front == NONE {
            return None;
        }
        let key = Key(self.front);
        self.unlink(key.0);
        Some((key, &mut self.entries[key.0 as usize].value))
    }

    /// Takes this one out of the line; its entry stays. `false` if it was out already.
    pub fn detach(&mut self, key: Key) -> bool {
        let linked = self.is_linked(key);
        if linked {
            self.unlink(key.0);
        }
        linked
    }

    /// Takes the one at the front out of the line and its entry with it.
    pub fn pop_front(&mut self) -> Option<T> {
        let key = Key(self.front);
        self.remove(key)
    }

    /// Leaves: out of the line, if still in it, and gone.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        if self.is_linked(key) {
            self.unlink(key.0);
        }
        let entry = self.entries.try_remove(key.0 as usize)?;
        if self.entries.is_empty() && self.entries.capacity() > KEEP {
            self.entries = Slab::new();
        }
        Some(entry.value)
    }

    /// Whether this one is still in the line.
    #[inline]
    #[must_use]
    pub fn is_linked(&self, key: Key) -> bool {
        self.entries
            .get(key.0 as usize)
            .is_some_and(|entry| entry.linked)
    }

    /// What was put in under this key.
    #[inline]
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&T> {
        self.entries.get(key.0 as usize).map(|entry| &entry.value)
    }

    /// What was put in under this key, to be changed.
    #[inline]
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.entries
            .get_mut(key.0 as usize)
            .map(|entry| &mut entry.value)
    }

    /// Those in the line, from the front.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let mut next = self.front;
        std::iter::from_fn(move || {
            let key = Key(next);
            let entry = self.entries.get(next as usize)?;
            next = entry.next;
            Some((key, &entry.value))
        })
    }

    fn insert(&mut self, entry: Entry<T>) -> u32 {
        if self.entries.capacity() == 0 {
            // Most lines never hold more than one: a slab would begin with four.
            self.entries.reserve_exact(1);
        }
        let key = self.entries.insert(entry);
        self.linked += 1;
        u32::try_from(key)
            .ok()
            .filter(|&key| key != NONE)
            .expect("fewer than 2^32 waiters")
    }

    fn unlink(&mut self, key: u32) {
        let entry = &mut self.entries[key as usize];
        entry.linked = false;
        let (prev, next) = (entry.prev, entry.next);
        match prev {
            NONE => self.front = next,
            prev => self.entries[prev as usize].next = next,
        }
        match next {
            NONE => self.back = prev,
            next => self.entries[next as usize].prev = prev,
        }
        self.linked -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{KEEP, WaitQueue};

    fn order(line: &WaitQueue<u32>) -> Vec<u32> {
        line.iter().map(|(_, value)| *value).collect()
    }

    #[test]
    fn waiters_stand_in_the_order_they_came() {
        let mut line = WaitQueue::new();
        for n in 1..=3 {
            line.push_back(n);
        }
        line.push_front(0);
        assert_eq!(order(&line), [0, 1, 2, 3]);
        assert_eq!(line.pop_front(), Some(0));
        assert_eq!(line.len(), 3);
    }

    #[test]
    fn one_leaves_from_the_middle_and_from_both_ends() {
        let mut line = WaitQueue::new();
        let keys: Vec<_> = (0..5).map(|n| line.push_back(n)).collect();
        for gone in [2, 0, 4] {
            assert_eq!(line.remove(keys[gone]), u32::try_from(gone).ok());
        }
        assert_eq!(order(&line), [1, 3]);
        assert_eq!(line.after(keys[1]).map(|(key, _)| key), Some(keys[3]));
    }

    #[test]
    fn a_detached_waiter_keeps_its_entry() {
        let mut line = WaitQueue::new();
        let a = line.push_back(1);
        let (key, value) = line.detach_front().expect("a waiter");
        assert_eq!(key, a);
        *value = 7;
        assert!(line.is_empty());
        assert!(!line.is_linked(a));
        let b = line.push_back(2);
        assert_ne!(
            a, b,
            "the entry is not reused while its owner holds the key"
        );
        assert_eq!(line.remove(a), Some(7));
        assert!(!line.detach(a));
        assert_eq!(line.remove(a), None);
        assert!(line.detach(b));
    }

    #[test]
    fn an_empty_line_gives_a_crowds_memory_back() {
        let mut line = WaitQueue::new();
        let keys: Vec<_> = (0..KEEP as u32 * 2).map(|n| line.push_back(n)).collect();
        for key in keys {
            line.remove(key);
        }
        assert_eq!(line.entries.capacity(), 0);
        assert!(line.pop_front().is_none());
    }
}
