//! What to do about a lock that another core takes and gives back all the time.
//!
//! Two cores that take turns at a lock get less done than one alone: each turn moves its word, and
//! what it protects, from one core to the other; and whoever finds it closed for these few
//! nanoseconds gets in line, which costs more than what is done under it, and closes it for others.
//! So the second core stays away for a while, as at the lock of a channel: 2 us, then 4, 8 and so
//! on, until the lock is left alone, and 60 us at most.
//!
//! But that is only for a lock whose word changes while one looks. One that is held by a goroutine
//! that waits for something, or that does a microsecond's work under it, has a line to wait in;
//! so has one on whose only core nobody else can run meanwhile.

use std::hint::spin_loop;

/// Looks that tell whether a lock is in use, and turns of the processor's pause instruction, some 25
/// ns each, before the first of them. Each pause is a turn longer than the one before, so that a
/// steady rhythm of its users does not hide them.
const LOOKS: u32 = 3;
const GLANCE: u32 = 2;
/// Turns that the first stay away takes; each is twice as long as the one before.
const AWAY: u32 = 80;
/// The longest stay away.
const LONGEST: u32 = 1_280;

/// Tries to `enter` a lock that was found closed, if that is better than to wait in its line.
pub(crate) fn outlast(look: impl Fn() -> u64, mut enter: impl FnMut() -> bool) -> bool {
    if cfg!(marmot_loom) || !is_in_use(&look) {
        return false;
    }
    let mut away = AWAY;
    while away <= LONGEST {
        pause(away);
        if !is_in_use(&look) {
            break;
        }
        away *= 2;
    }
    enter()
}

/// Whether somebody takes it, or gives it back, just now.
fn is_in_use(look: impl Fn() -> u64) -> bool {
    let seen = look();
    (0..LOOKS).any(|turn| {
        pause(GLANCE + turn);
        look() != seen
    })
}

fn pause(turns: u32) {
    (0..turns).for_each(|_| spin_loop());
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use std::cell::Cell;
    use std::time::{Duration, Instant};

    use super::outlast;

    #[test]
    fn a_lock_that_does_not_change_is_waited_for_in_line() {
        assert!(!outlast(|| 7, || panic!("nobody has left it")));
    }

    #[test]
    fn a_lock_that_is_left_alone_is_entered_at_once() {
        let looks = Cell::new(0);
        let look = || {
            looks.set(looks.get() + 1);
            looks.get().min(2)
        };
        assert!(outlast(look, || true));
        assert!(looks.get() < 10, "one stay");
    }

    #[test]
    fn a_lock_that_is_always_in_use_is_tried_after_some_sixty_microseconds() {
        let looks = Cell::new(0);
        let look = || {
            looks.set(looks.get() + 1);
            looks.get()
        };
        let entered = Cell::new(0);
        let begun = Instant::now();
        let inside = outlast(look, || {
            entered.set(entered.get() + 1);
            false
        });
        assert!(!inside && entered.get() == 1);
        assert!(looks.get() < 20, "looks are few: each takes the line away");
        assert!(begun.elapsed() > Duration::from_micros(1));
    }
}
