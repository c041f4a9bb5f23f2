//! When a lane is served next: on the dot, or once for a crowd.
//!
//! ```text
//!   deadlines   ·      ·       ·                few: served at each of them
//!   served      ▲      ▲       ▲
//!
//!   deadlines   · ·· · ·  · · ·· · ··│· ·· ·    a crowd: served once in a grain
//!   served                           ▲ the end of the grain
//! ```
//!
//! To wake a thread costs 20 to 40 us of CPU where a processor has to be woken for it, and a
//! timer that is due then less than one. A hundred thousand sleepers a second, each woken for
//! itself, take a whole core; together they take a tenth of one. So time has a grain, and of
//! the timers that are due before the grain ends a crowd is served at once: four at the last
//! of their deadlines, sixteen at the end of the grain, which is the same instant for all
//! lanes of a process.
//!
//! What follows, and may be relied upon:
//!
//! - Nothing fires early: a lane is only ever served later.
//! - A timer is late by less than a grain for this reason, whatever the others are.
//! - Fewer than [`CROWD`] timers that are due in one grain are served on the dot. One sleeper
//!   or ticker is as exact as the system can wake a thread, also beside any number of timers
//!   that are due later.
//! - A lane is served for its timers at most `CROWD` times in a grain, 8000 times a second,
//!   whatever is armed; and 2000 times if there are many.
//!
//! Go and tokio round to a millisecond, always. Linux lets each timer say how late it may be
//! (`hrtimer_set_expires_range`); ours need not, since being alone says it better.

use crate::announce::EVER;
use crate::queue::{Crowd, TimerQueue};

/// Of how many timers one may be kept waiting for the others. 4 in a grain are 8000 wake-ups
/// a second, a sixth of a core; with 16 it would be more than half of one.
pub(crate) const CROWD: usize = 4;

/// Nanoseconds in a grain. A timer of a crowd is late by half of it on average. 250 us cost
/// twice the wake-ups.
pub(crate) const GRAIN_NS: u64 = 500_000;

/// When to serve the queue whose earliest deadline this is.
pub(crate) fn serve_at<T>(queue: &TimerQueue<T>, earliest: u64) -> u64 {
    if queue.len() < CROWD || earliest == EVER {
        return earliest;
    }
    let end = grain_end(earliest);
    match queue.crowd(end) {
        Crowd::Few { count, last } if count >= CROWD => last,
        Crowd::Few { .. } => earliest,
        Crowd::Many => end,
    }
}

/// The end of the grain in which this instant lies.
fn grain_end(at: u64) -> u64 {
    at.checked_next_multiple_of(GRAIN_NS).unwrap_or(EVER)
}

#[cfg(test)]
mod tests {
    use super::{CROWD, GRAIN_NS, serve_at};
    use crate::queue::{MANY, TimerQueue};

    const G: u64 = GRAIN_NS;

    fn queue(deadlines: impl IntoIterator<Item = u64>) -> TimerQueue<()> {
        let mut queue = TimerQueue::new();
        for at in deadlines {
            queue.insert(at, ());
        }
        queue
    }

    #[test]
    fn a_lone_timer_is_served_on_the_dot_whatever_is_due_later() {
        for later in [0, 1, 3, 1000] {
            let queue = queue((0..later).map(|n| 10 * G + n).chain([G + 7]));
            assert_eq!(serve_at(&queue, G + 7), G + 7, "beside {later}");
        }
    }

    #[test]
    fn a_few_are_served_on_the_dot_and_a_crowd_at_the_last_of_it() {
        for count in 1..MANY as u64 {
            let queue = queue((1..=count).map(|n| G + n));
            let last = if count < CROWD as u64 { 1 } else { count };
            assert_eq!(serve_at(&queue, G + 1), G + last, "{count}");
        }
    }

    #[test]
    fn the_last_of_a_crowd_is_found_wherever_it_stands() {
        for count in CROWD as u64..MANY as u64 {
            for last in 1..=count {
                // The one that came as the last-th is due last.
                let at = |n: u64| if n == last { G + 1000 } else { G + n };
                let queue = queue((1..=count).map(at));
                let earliest = if last == 1 { G + 2 } else { G + 1 };
                assert_eq!(serve_at(&queue, earliest), G + 1000, "{last} of {count}");
            }
        }
    }

    #[test]
    fn the_end_of_the_grain_belongs_to_it_and_what_is_behind_does_not() {
        let queue = queue([G + 1, G + 2, G + 3, 2 * G, 2 * G + 1]);
        assert_eq!(serve_at(&queue, G + 1), 2 * G);
    }

    #[test]
    fn many_are_served_at_the_end_of_the_grain_and_never_later() {
        let queue = queue((0..100_000).map(|n| 3 * G + 1 + n));
        assert_eq!(serve_at(&queue, 3 * G + 1), 4 * G);
    }

    #[test]
    fn those_that_were_taken_back_are_no_crowd() {
        let mut queue = queue([G + 1]);
        let dead: Vec<_> = (0..50).map(|n| queue.insert(G + 2 + n, ())).collect();
        let _far = queue.insert(1000 * G, ());
        for key in dead {
            queue.remove(key);
        }
        assert_eq!(serve_at(&queue, G + 1), G + 1);
    }

    #[test]
    fn nor_are_they_among_those_that_wait_unsorted() {
        let far = 1 << 30;
        let mut queue = queue((0..5000).map(|n| (far + n) << 10));
        let lone = far / G * G + 1;
        let dead: Vec<_> = (0..50).map(|n| queue.insert(lone + 1 + n, ())).collect();
        queue.insert(lone, ());
        assert_eq!(serve_at(&queue, lone), lone / G * G + G, "a crowd");
        for key in dead {
            queue.remove(key);
        }
        assert_eq!(serve_at(&queue, lone), lone);
    }

    #[test]
    fn those_that_were_put_off_are_no_crowd() {
        let mut queue = queue([G + 1]);
        for n in 0..100 {
            let key = queue.insert(G + 2 + n, ());
            queue.reset(key, 50 * G + n);
        }
        assert_eq!(serve_at(&queue, G + 1), G + 1);
    }

    #[test]
    fn the_end_of_time_is_the_end_of_its_grain() {
        let queue = queue([u64::MAX - 1; MANY]);
        assert_eq!(serve_at(&queue, u64::MAX - 1), u64::MAX);
    }
}
