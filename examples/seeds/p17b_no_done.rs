//! P17b: two alphabets on one P, and nobody calls done.
//!
//! All letters are printed; then main waits and nothing can ever wake it. The runtime says so,
//! lists who waits for what, and ends the process with status 2.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;
use marmot::runtime;

#[marmot::main]
pub(crate) async fn main() {
    runtime::gomaxprocs(Some(1));
    let wg = WaitGroup::new();
    wg.add(2);
    println!("Start Goroutines");
    go!(alphabet('a'));
    go!(alphabet('A'));
    println!("Waiting To Finish");
    wg.wait().await;
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
