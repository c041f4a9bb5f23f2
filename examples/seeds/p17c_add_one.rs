//! P17c: two alphabets on one P, but the wait group was told of one.
//!
//! The first done lets main go on. Usually main ends then, with the other alphabet unprinted; if
//! the second done comes in time it panics: "sync: negative WaitGroup counter".

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;
use marmot::runtime;

#[marmot::main]
pub(crate) async fn main() {
    runtime::gomaxprocs(Some(1));
    let wg = WaitGroup::new();
    wg.add(1);
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
