//! A channel without values: closing it tells everybody at once.
//!
//! In Go: `start := make(chan struct{})`, `<-start` in each runner, and `close(start)`. Look at
//! the order: all are ready before anyone runs, and one close wakes them all. A send would wake
//! one.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let (start, gun) = chan::<()>(0);
    let ready = WaitGroup::new();
    let finished = WaitGroup::new();
    for runner in 1..=5 {
        let gun = gun.clone();
        let set = ready.guard();
        finished.go(async move {
            println!("runner {runner} is ready");
            drop(set);
            gun.recv().await;
            println!("runner {runner} runs");
        });
    }
    ready.wait().await;
    println!("go");
    start.close();
    finished.wait().await;
}
