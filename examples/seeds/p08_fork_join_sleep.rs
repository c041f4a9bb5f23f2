//! P8: two branches are forked; main sleeps instead of joining them.
//!
//! `go!` queues and goes on, so "End" comes before both. On one P the one started last runs first:
//! it sits in the run-next slot.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    println!("Start...");
    go!(func1());
    go!(func2());
    println!("End");
    sleep(secs(1)).await;
}

async fn func1() {
    println!("func 1");
}

async fn func2() {
    println!("func 2");
}
