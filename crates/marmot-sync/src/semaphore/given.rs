//! What a semaphore has given to futures that have not been polled since.
//!
//! ```text
//!   total ─┬─ given to futures of goroutine 7, which does not poll them
//!          └─ the rest: less than the least request in the line ──▶ all of the line waits for 7
//! ```
//!
//! Permits that somebody *has* are followed by nobody: a permit may be moved to another
//! goroutine, which is how one bounds the number of those one starts. What was given to a
//! future that waits in the line is another matter: only a poll of that future takes it, or its
//! end gives it back. So while its goroutine waits for one other thing alone, it stays there.
//!
//! One goroutine is followed at a time, the one that was given most at once, and never more is
//! counted than it was given. What is counted is written to the process's table
//! (`marmot_wait::held`) when it becomes, or ceases to be, in everybody's way.

use std::panic::Location;

use marmot_wait::held::{Holder, Row};

pub(super) struct Given {
    /// The goroutine that is followed; 0 for none.
    goroutine: u64,
    /// At most so much as its futures were given and did not take.
    permits: usize,
    /// Where the first of them waited.
    place: Option<&'static Location<'static>>,
    /// Nobody in the line asks for less; `usize::MAX` while it is empty.
    least: usize,
    /// Who is in the table now.
    told: u64,
    /// The row, and the object it was taken for: a semaphore that nobody uses may be moved.
    row: Option<(usize, Row)>,
}

impl Given {
    pub(super) const fn new() -> Given {
        Given {
            goroutine: 0,
            permits: 0,
            place: None,
            least: usize::MAX,
            told: 0,
            row: None,
        }
    }

    /// Somebody joins the line.
    pub(super) fn asked(&mut self, wants: usize) {
        self.least = self.least.min(wants);
    }

    /// So much is the least that anybody in the line asks for; `None` if it is empty.
    pub(super) fn least_is(&mut self, wants: Option<usize>) {
        self.least = wants.unwrap_or(usize::MAX);
    }

    /// A future of this goroutine (0 if of none for certain) is given permits.
    pub(super) fn give(
        &mut self,
        goroutine: u64,
        permits: usize,
        place: &'static Location<'static>,
    ) {
        if goroutine != 0 && goroutine == self.goroutine {
            self.permits += permits;
        } else if goroutine != 0 && permits > self.permits {
            self.goroutine = goroutine;
            self.permits = permits;
            self.place = Some(place);
        }
    }

    /// A future takes what it was given, or is dropped. If that was never counted, too little
    /// is counted from now on, which is safe.
    pub(super) fn taken(&mut self, goroutine: u64, permits: usize) {
        if goroutine == self.goroutine {
            self.permits = self.permits.saturating_sub(permits);
            if self.permits == 0 {
                self.goroutine = 0;
            }
        }
    }

    /// Brings the table up to date: the goroutine that all of the line certainly waits for, or 0.
    /// `loose`: permits are given back by others than those who took them.
    pub(super) fn tell(&mut self, object: usize, total: usize, loose: bool) -> u64 {
        let rest = total.saturating_sub(self.permits);
        let certain = !loose && self.least != usize::MAX && rest < self.least;
        let whom = if certain { self.goroutine } else { 0 };
        if whom != self.told {
            self.told = whom;
            self.write(object, whom);
        }
        whom
    }

    #[cold]
    fn write(&mut self, object: usize, whom: u64) {
        if self.row.as_ref().is_none_or(|row| row.0 != object) {
            self.row = Some((object, Row::new(object)));
        }
        let holder = Holder {
            goroutine: whom,
            place: self.place,
            movable: false,
            granted: true,
        };
        if let Some((_, row)) = &self.row {
            row.set(if whom == 0 { Holder::NONE } else { holder });
        }
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use std::panic::Location;

    use marmot_wait::held;

    use super::Given;

    fn given(to: &[(u64, usize)]) -> Given {
        let mut given = Given::new();
        for &(goroutine, permits) in to {
            given.give(goroutine, permits, Location::caller());
        }
        given
    }

    #[test]
    fn a_goroutine_is_told_while_the_rest_is_too_little_for_everybody() {
        let mut given = given(&[(7, 2), (7, 1)]);
        assert_eq!(given.tell(8, 4, false), 0, "nobody asks");
        given.asked(2);
        assert_eq!(given.tell(8, 4, false), 7);
        assert!(held::of(8).granted && held::of(8).certain() == 7);
        assert_eq!(given.tell(8, 4, true), 0, "others give permits back");
        assert_eq!(given.tell(8, 4, false), 7);
        given.asked(1);
        assert_eq!(given.tell(8, 4, false), 0, "one permit may come");
        assert_eq!(held::of(8), held::Holder::NONE);
        given.give(7, 1, Location::caller());
        assert_eq!(given.tell(8, 4, false), 7);
        given.least_is(None);
        assert_eq!(given.tell(8, 4, false), 0);
    }

    #[test]
    fn never_more_is_counted_than_was_given() {
        // 5 is forgotten for 6, which was given more; what it takes later does not count twice.
        let mut given = given(&[(5, 1), (6, 2), (0, 9)]);
        given.asked(1);
        assert_eq!(given.tell(16, 3, false), 0);
        assert_eq!(given.tell(16, 2, false), 6);
        given.taken(5, 1);
        assert_eq!(given.tell(16, 2, false), 6);
        given.taken(6, 1);
        assert_eq!(given.tell(16, 2, false), 0);
        given.taken(6, 1);
        given.give(5, 2, Location::caller());
        given.taken(5, 9);
        assert_eq!(given.tell(16, 0, false), 0);
    }

    #[test]
    fn a_semaphore_that_was_moved_is_told_at_its_new_place() {
        let mut given = given(&[(7, 1)]);
        given.asked(1);
        assert_eq!(given.tell(24, 1, false), 7);
        given.taken(7, 1);
        assert_eq!(given.tell(24, 1, false), 0);
        given.give(9, 1, Location::caller());
        assert_eq!(given.tell(32, 1, false), 9);
        assert_eq!((held::of(24).goroutine, held::of(32).goroutine), (0, 9));
    }
}
