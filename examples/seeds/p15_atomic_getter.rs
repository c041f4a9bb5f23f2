//! P15: a value is read without a lock.
//!
//! One word needs no mutex: an atomic load does, in Go and here.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use marmot::prelude::*;

#[derive(Default)]
struct Counter(AtomicI64);

impl Counter {
    fn increment(&self) {
        // ORDERING: Relaxed: a count that orders nothing.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> i64 {
        // ORDERING: Relaxed: whoever wants the final count waits for the group first.
        self.0.load(Ordering::Relaxed)
    }
}

#[marmot::main]
pub(crate) async fn main() {
    let counter = Arc::new(Counter::default());
    let wg = WaitGroup::new();
    for _ in 0..10 {
        wg.add(1);
        go!([counter, wg], async move {
            counter.increment();
            wg.done();
        });
    }
    wg.wait().await;
    println!("{}", counter.get());
}
