//! P51: the goroutine sleeps for 15 ms, main for 10: it is cut off.

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
    sleep(ms(15)).await;
    println!("Hello World!");
}
