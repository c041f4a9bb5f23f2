//! Two goroutines compute 50,000 SHA-1 hashes each, on one P, and take turns.
//!
//! The program is P18a with fewer lines, one in 5,000, and more work for each. In Go the slices
//! are 10 ms long. Here the monitor takes the P from the goroutine that keeps it, and gives it to
//! the other; neither has an await in it. Look at how A and B alternate, though B was first.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;
use sha1::{Digest, Sha1};

#[marmot::main(max_procs = 1)]
async fn main() {
    let wg = WaitGroup::new();
    for name in ["A", "B"] {
        let done = wg.guard();
        go!(async move {
            hash_numbers(name);
            drop(done);
        });
    }
    wg.wait().await;
}

/// Hashes each number ten times over, so that all take longer than a time slice.
fn hash_numbers(name: &str) {
    let mut hash = Sha1::digest("");
    for number in 1..=50_000 {
        for _ in 0..10 {
            hash = Sha1::new()
                .chain_update(hash)
                .chain_update(number.to_string())
                .finalize();
        }
        if number % 5_000 == 0 {
            println!("{name}: {number:05}: {:02x}{:02x}..", hash[0], hash[1]);
        }
    }
    println!("Completed {name}");
}
