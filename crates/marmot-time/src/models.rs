//! Every interleaving of one that goes to sleep and one that arms a timer.
//!
//! Tried: without the fence in `announce`, or the one in `lower`, or with both no more than
//! acquire and release, both models fail; so they do when `announce` or `sleep_until` writes
//! `AWAKE`, or `lower` does not write the deadline.

use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::thread;

use crate::announce::{EVER, Sleeper, look};

#[test]
fn an_earlier_timer_is_seen_or_interrupts() {
    loom::model(|| {
        let sleeper = Arc::new(Sleeper::new());
        let cell = Arc::new(AtomicU64::new(EVER));
        let armed = {
            let (sleeper, cell) = (Arc::clone(&sleeper), Arc::clone(&cell));
            thread::spawn(move || sleeper.lower(&cell, 10))
        };
        sleeper.announce();
        let until = look(&cell);
        sleeper.sleep_until(until);
        let interrupted = armed.join().expect("the other thread ends well");
        assert!(until == 10 || interrupted, "asleep for ever beside a timer");
    });
}

#[test]
fn it_holds_for_the_second_sleep_too() {
    loom::model(|| {
        let sleeper = Arc::new(Sleeper::new());
        let near = Arc::new(AtomicU64::new(20));
        let far = Arc::new(AtomicU64::new(EVER));
        let armed = {
            let (sleeper, far) = (Arc::clone(&sleeper), Arc::clone(&far));
            thread::spawn(move || sleeper.lower(&far, 10))
        };
        let mut until = EVER;
        for _ in 0..2 {
            sleeper.awake();
            sleeper.announce();
            until = look(&near).min(look(&far));
            sleeper.sleep_until(until);
        }
        let interrupted = armed.join().expect("the other thread ends well");
        assert!(until == 10 || interrupted, "late by the nearer timer");
    });
}
