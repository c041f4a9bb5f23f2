//! P16: goroutines that capture the variable of their loop.
//!
//! Before Go 1.22 all of them shared it, and this printed mostly 21. A `move` capture has always
//! had today's meaning: each of 0 to 20 once. To share one, write so (an atomic in an `Arc`).

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let wg = WaitGroup::new();
    for i in 0..=20 {
        wg.add(1);
        go!([wg], async move {
            print!("{i} ");
            wg.done();
        });
    }
    wg.wait().await;
    println!();
}
