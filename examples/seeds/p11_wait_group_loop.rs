//! P11: a loop starts goroutines and a wait group waits for them.
//!
//! Add before the goroutine starts, never in it: else `wait` may come first. The guard is Go's
//! `defer wg.Done()`. On one P: the last one first, then the others in order.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

const COUNT: usize = 10;

#[marmot::main]
pub(crate) async fn main() {
    let wg = WaitGroup::new();
    for number in 0..COUNT {
        let done = wg.guard();
        go!(async move {
            println!("{number}");
            drop(done);
        });
    }
    wg.wait().await;
}
