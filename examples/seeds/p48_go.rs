//! P48: the same function as a goroutine: main is gone before it runs.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    println!("main execution started");
    go!(print_hello());
    println!("main execution stopped");
}

async fn print_hello() {
    println!("Hello World!");
}
