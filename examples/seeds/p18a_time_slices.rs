//! P18a: two goroutines print 50,000 hashes each, on one P, and take turns.
//!
//! Go stops a goroutine every 10 ms. A Rust future cannot be stopped from outside; instead the
//! monitor takes the P from the one that does not give it back, so the other runs too. Look for the
//! places where A and B change.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;
use marmot::runtime;
use sha1::{Digest, Sha1};

const ROUNDS: u32 = 50_000;

#[marmot::main]
pub(crate) async fn main() {
    runtime::gomaxprocs(Some(1));
    let wg = WaitGroup::new();
    wg.add(2);
    println!("Create Goroutines");
    go!(print_hashes("A", wg.clone()));
    go!(print_hashes("B", wg.clone()));
    println!("Waiting To Finish");
    wg.wait().await;
    println!("Terminating Program");
}

/// The SHA-1 of each number, written in decimal.
async fn print_hashes(prefix: &str, wg: WaitGroup) {
    for number in 1..=ROUNDS {
        let hash: String = Sha1::digest(number.to_string())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        println!("{prefix}: {number:05}: {hash}");
    }
    println!("Completed {prefix}");
    wg.done();
}
