//! Those who look at a map and those who change it, in every interleaving.
//!
//! loom's cell reports a look and a change that nothing orders, so each of these fails for
//! that alone. Planted bugs and the models that find them:
//!
//! - no fence in `revoke`, or none in `enter`, or no second look at `biased` there; a `revoke` that
//!   does not wait for the slots, or looks at one of them only; a slot left with Relaxed, or looked at
//!   with Relaxed: `a_change_waits_for_those_who_look`;
//! - the bias given back by a look with Relaxed, or believed with Relaxed:
//!   `who_looks_by_a_bias_that_came_back_sees_what_was_changed_before`;
//! - the bias left by a change with Relaxed, or not taken away by one that leaves it:
//!   `who_looks_by_a_bias_that_a_change_has_left_sees_that_change`.
//!
//! One lives: the compare-and-swap in `enter` with Relaxed, since in a model a fence stands for its
//! SeqCst.

use std::sync::Arc;

use loom::thread;

use super::biased::{Biased, Readers};

struct Shared {
    readers: Readers,
    lock: Biased<u32>,
}

impl Shared {
    fn new(slots: usize) -> Arc<Shared> {
        Arc::new(Shared {
            readers: Readers::with_slots(slots),
            lock: Biased::new(0),
        })
    }

    fn look(&self, slot: usize) -> u32 {
        let slot = self.readers.at(slot);
        self.lock.look_from(&self.readers, slot, |value| *value)
    }

    fn add(&self) {
        *self.lock.write(&self.readers) += 1;
    }
}

#[test]
fn a_change_waits_for_those_who_look() {
    loom::model(|| {
        let shared = Shared::new(2);
        let there = Arc::clone(&shared);
        let other = thread::spawn(move || there.look(1));
        let before = shared.look(0);
        shared.add();
        assert_eq!(before, 0);
        assert!(other.join().unwrap() <= 1);
    });
}

#[test]
fn who_looks_by_a_bias_that_came_back_sees_what_was_changed_before() {
    loom::model(|| {
        let shared = Shared::new(1);
        let there = Arc::clone(&shared);
        let other = thread::spawn(move || there.look(0));
        shared.add();
        // Brings the bias back.
        assert_eq!(shared.look(0), 1);
        assert!(other.join().unwrap() <= 1);
    });
}

#[test]
fn who_looks_by_a_bias_that_a_change_has_left_sees_that_change() {
    loom::model(|| {
        let shared = Shared::new(1);
        shared.add();
        // Brings the bias back, so that the next change leaves it.
        assert_eq!(shared.look(0), 1);
        let there = Arc::clone(&shared);
        let other = thread::spawn(move || there.look(0));
        shared.add();
        assert_eq!(shared.look(0), 2);
        assert!((1..=2).contains(&other.join().unwrap()));
    });
}

#[test]
fn changes_come_one_by_one_beside_those_who_look() {
    loom::model(|| {
        let shared = Shared::new(1);
        let there = Arc::clone(&shared);
        let other = thread::spawn(move || {
            there.add();
            assert!(there.look(0) >= 1);
        });
        shared.add();
        assert!(shared.look(0) >= 1);
        other.join().unwrap();
        assert_eq!(shared.look(0), 2);
    });
}
