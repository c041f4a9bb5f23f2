//! A short list that needs no allocation: most selects have few arms.

use std::ops::{Deref, DerefMut};

/// How many fit without an allocation.
const INLINE: usize = 8;

#[derive(Clone)]
pub(crate) struct List<T> {
    inline: [T; INLINE],
    len: usize,
    /// All of them, once they are more.
    more: Vec<T>,
}

/// What can stand in a slot that is not used.
pub(crate) trait Blank: Copy {
    const BLANK: Self;
}

impl Blank for u32 {
    const BLANK: u32 = 0;
}

impl<T> Blank for *const T {
    const BLANK: *const T = std::ptr::null();
}

impl<T: Blank> List<T> {
    #[inline]
    pub(crate) fn new() -> List<T> {
        List {
            inline: [T::BLANK; INLINE],
            len: 0,
            more: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        if self.len < INLINE {
            self.inline[self.len] = value;
            self.len += 1;
        } else {
            self.push_slow(value);
        }
    }

    #[cold]
    fn push_slow(&mut self, value: T) {
        if self.more.is_empty() {
            self.more.extend_from_slice(&self.inline);
        }
        self.more.push(value);
    }

    /// Adds a value at its place in the order, unless it is there: for short lists. Above the
    /// inline size it is added at the end; [`settle`](List::settle) puts that right.
    #[inline]
    pub(crate) fn insert(&mut self, value: T)
    where
        T: Ord,
    {
        if self.len == INLINE {
            return self.push_slow(value);
        }
        let mut at = self.len;
        while at > 0 && self.inline[at - 1] > value {
            at -= 1;
        }
        if at > 0 && self.inline[at - 1] == value {
            return;
        }
        if at < self.len {
            self.inline.copy_within(at..self.len, at + 1);
        }
        self.inline[at] = value;
        self.len += 1;
    }

    /// Sorts a list that has outgrown its inline size, and drops repetitions.
    #[inline]
    pub(crate) fn settle(&mut self)
    where
        T: Ord,
    {
        if !self.more.is_empty() {
            self.more.sort_unstable();
            self.more.dedup();
        }
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        if self.more.is_empty() {
            &self.inline[..self.len]
        } else {
            &self.more
        }
    }
}

impl<T> DerefMut for List<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        if self.more.is_empty() {
            &mut self.inline[..self.len]
        } else {
            &mut self.more
        }
    }
}

#[cfg(test)]
mod tests {
    use super::List;

    #[test]
    fn a_list_keeps_what_is_pushed_below_and_above_its_inline_size() {
        for size in [0, 1, 7, 8, 9, 30] {
            let mut list = List::<u32>::new();
            (0..size).for_each(|n| list.push(n / 2));
            assert!(list.iter().copied().eq((0..size).map(|n| n / 2)));
        }
    }

    #[test]
    fn a_list_of_what_was_inserted_is_sorted_and_has_nothing_twice() {
        for size in [0, 1, 2, 7, 8, 9, 30] {
            let mut list = List::<u32>::new();
            (0..size).for_each(|n| list.insert((n * 7) % size));
            (0..size).for_each(|n| list.insert(n));
            list.settle();
            assert!(list.iter().copied().eq(0..size), "{size}");
        }
    }
}
