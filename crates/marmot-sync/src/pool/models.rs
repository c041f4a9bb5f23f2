//! One that fills a slot and several that empty it, in every interleaving.
//!
//! loom's cell reports a value that is moved in and out without an order. Planted bugs, which the
//! model finds: each of the four orderings in `put` and `take` that says more than Relaxed, with
//! Relaxed; a `take` that makes the slot EMPTY before it has moved the value out; a `put` that does
//! not ask, or takes TAKEN for EMPTY.

use std::sync::Arc;

use loom::thread;

use super::slot::Slot;

fn put(slot: &Slot<Box<u32>>, value: u32) -> bool {
    #[expect(unsafe_code, reason = "says that this is the owner")]
    // SAFETY: only the first thread of the model calls it.
    unsafe {
        slot.put(Box::new(value)).is_ok()
    }
}

#[test]
fn what_is_put_in_comes_out_once_and_whole() {
    loom::model(|| {
        let slot = Arc::new(Slot::<Box<u32>>::new());
        let there = Arc::clone(&slot);
        let thief = thread::spawn(move || there.take().map(|value| *value));
        let mut got = Vec::new();
        assert!(put(&slot, 1));
        got.extend(slot.take().map(|value| *value));
        let second = put(&slot, 2);
        got.extend(slot.take().map(|value| *value));
        got.extend(thief.join().unwrap());
        got.extend(slot.take().map(|value| *value));
        got.sort_unstable();
        assert_eq!(got, if second { vec![1, 2] } else { vec![1] });
    });
}
