//! P6: six goroutines raise one counter without a lock, and updates get lost.
//!
//! In Go `counter++` is a load and a store, and this compiles. In Rust a shared `&mut` does not;
//! to see the effect the load and the store have to be written apart. The result is anything from
//! 44 to 6042; compare P7.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let counter = Arc::new(AtomicI32::new(42));
    let wg = WaitGroup::new();
    for _ in 0..6 {
        wg.add(1);
        go!([counter, wg], async move {
            for _ in 0..1000 {
                // ORDERING: Relaxed, and in two steps: the race is the point.
                let seen = counter.load(Ordering::Relaxed);
                counter.store(seen + 1, Ordering::Relaxed);
            }
            wg.done();
        });
    }
    wg.wait().await;
    // ORDERING: Relaxed: the wait group has synchronised.
    println!("{}", counter.load(Ordering::Relaxed));
}
