//! P19: two alphabets on two Ps.
//!
//! Each is in order; the letters of the two may mix in any way, and differently each time.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;
use marmot::runtime;

#[marmot::main]
pub(crate) async fn main() {
    runtime::gomaxprocs(Some(2));
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
