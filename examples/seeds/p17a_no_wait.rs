//! P17a: two alphabets on one P, and nobody waits.
//!
//! Main ends first, and with it the process.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;
use marmot::runtime;

#[marmot::main]
pub(crate) async fn main() {
    runtime::gomaxprocs(Some(1));
    println!("Start Goroutines");
    go!(alphabet('a'));
    go!(alphabet('A'));
    println!("Waiting To Finish");
    println!("\nTerminating Program");
}

/// Three times the alphabet that begins with `first`.
async fn alphabet(first: char) {
    for _ in 0..3 {
        for letter in (first..).take(26) {
            print!("{letter} ");
        }
    }
}
