//! P54: an anonymous goroutine: an `async` block in place of `go func() { .. }()`.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    println!("main execution started");
    go!(async {
        println!("Hello World!");
    });
    sleep(ms(10)).await;
    println!("main execution stopped");
}
