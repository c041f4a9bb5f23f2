//! P10: `go` with a named function, and this time somebody waits.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let wg = WaitGroup::new();
    wg.add(1);
    go!(print_me(15, wg.clone()));
    wg.wait().await;
}

async fn print_me(number: i32, wg: WaitGroup) {
    println!("{number}");
    wg.done();
}
