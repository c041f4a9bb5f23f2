//! The ring of records in every interleaving of its writer and a reader.
//!
//! `RUSTFLAGS="--cfg marmot_loom" LOOM_MAX_PREEMPTIONS=2 cargo test --release --lib -p marmot-scheduler events`
//!
//! Planted bugs and the models that find them:
//!
//! - no fence, or a count with Relaxed, in `write`; Relaxed in `read`:
//!   `a_record_that_is_read_is_whole`;
//! - no fence in `read`, no second look, one that takes the slot of the next record for whole:
//!   `a_record_overwritten_while_it_is_read_is_thrown_away`.

use std::sync::Arc;

use loom::thread;

use super::ring::{Ring, Words};

fn record(number: u64) -> Words {
    [number + 1, number + 1, number + 1, number + 1]
}

/// A writer of `count` records beside a reader that looks twice.
fn beside(capacity: usize, count: u64) {
    loom::model(move || {
        let ring = Arc::new(Ring::new(capacity));
        let writer = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || (0..count).for_each(|number| _ = ring.write(record(number))))
        };
        let mut got = Vec::new();
        let (next, lost) = ring.read(0, &mut got);
        check(&got, lost, next);
        writer.join().unwrap();
        let mut rest = Vec::new();
        let (end, lost_too) = ring.read(next, &mut rest);
        assert_eq!(end, count, "after the writer's end all is there");
        assert_eq!(next + lost_too + rest.len() as u64, count);
    });
}

/// Every record is whole, in its place, and none is missing without being counted.
fn check(got: &[Words], lost: u64, next: u64) {
    assert_eq!(lost + got.len() as u64, next, "read or counted as lost");
    for (index, words) in got.iter().enumerate() {
        assert_eq!(
            *words,
            record(lost + index as u64),
            "a torn or foreign record"
        );
    }
}

#[test]
fn a_record_that_is_read_is_whole() {
    beside(4, 2);
}

#[test]
fn a_record_overwritten_while_it_is_read_is_thrown_away() {
    beside(2, 3);
}
