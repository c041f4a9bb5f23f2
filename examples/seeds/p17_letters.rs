//! P17: two alphabets on one P.
//!
//! Upper case comes first although it was started last (run-next), and whole, since nothing in it
//! waits. `runtime::gomaxprocs` is Go's `runtime.GOMAXPROCS`.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;
use marmot::runtime;

#[marmot::main]
pub(crate) async fn main() {
    runtime::gomaxprocs(Some(1));
    let wg = WaitGroup::new();
    wg.add(2);
    println!("Start Goroutines");
    go!(alphabet('a', wg.clone()));
    go!(alphabet('A', wg.clone()));
    println!("Waiting To Finish");
    wg.wait().await;
    println!("\nTerminating Program");
}

/// Three times the alphabet that begins with `first`.
async fn alphabet(first: char, wg: WaitGroup) {
    for _ in 0..3 {
        for letter in (first..).take(26) {
            print!("{letter} ");
        }
    }
    wg.done();
}
