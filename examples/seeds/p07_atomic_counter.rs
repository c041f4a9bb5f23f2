//! P7: six goroutines raise one atomic counter.
//!
//! Always 6042, on any number of Ps; compare P6. `wg.go` is Go's: add, run, done.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let counter = Arc::new(AtomicI32::new(42));
    let wg = WaitGroup::new();
    for _ in 0..6 {
        let counter = Arc::clone(&counter);
        wg.go(async move {
            for _ in 0..1000 {
                // ORDERING: Relaxed: a count; the wait group publishes it.
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    wg.wait().await;
    // ORDERING: Relaxed: the wait group has synchronised.
    println!("{}", counter.load(Ordering::Relaxed));
}
