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

    /// Drops repetitions of a sorted list.
    pub(crate) fn dedup(&mut self)
    where
        T: PartialEq,
    {
        if !self.more.is_empty() {
            return self.more.dedup();
        }
        let mut kept = 0;
        for at in 0..self.len {
            if kept == 0 || self.inline[at] != self.inline[kept - 1] {
                self.inline[kept] = self.inline[at];
                kept += 1;
            }
        }
        self.len = kept;
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
            list.dedup();
            assert!(list.iter().copied().eq(0..size.div_ceil(2)));
        }
    }
}
