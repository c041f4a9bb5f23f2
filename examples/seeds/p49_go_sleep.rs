//! P49: main sleeps for 10 ms, and the goroutine gets its turn.
//!
//! A sleeping goroutine holds neither a thread nor a P.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    println!("main execution started");
    go!(print_hello());
    sleep(ms(10)).await;
    println!("main execution stopped");
}

async fn print_hello() {
    println!("Hello World!");
}
