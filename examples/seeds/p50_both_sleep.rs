//! P50: the goroutine sleeps for 1 ms, main for 10: it is in time.

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
    sleep(ms(1)).await;
    println!("Hello World!");
}
