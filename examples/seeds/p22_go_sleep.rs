//! P22: the same, but main sleeps for a second: the goroutine comes to its turn.
//!
//! A makeshift. P44 shows what to do instead.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    go!(hello_world());
    sleep(secs(1)).await;
    println!("Good Bye!");
}

async fn hello_world() {
    println!("Hello World!");
}
