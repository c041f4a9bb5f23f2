//! The concurrent prime sieve: a chain of goroutines, one for each prime found.
//!
//! Each stage lets through what its prime does not divide. Look at how a stage is added: the
//! receiver of the last becomes the input of the next, as in Go's `ch = filter(ch, prime)`.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let mut numbers = generate();
    for _ in 0..50 {
        let prime = numbers.recv().await.expect("numbers never end");
        print!("{prime} ");
        numbers = filter(numbers, prime);
    }
    println!();
}

/// 2, 3, 4 and so on.
fn generate() -> Receiver<u32> {
    let (tx, rx) = chan(0);
    go!(async move {
        let mut number = 2;
        while tx.send(number).await.is_ok() {
            number += 1;
        }
    });
    rx
}

/// The numbers that `prime` does not divide.
fn filter(numbers: Receiver<u32>, prime: u32) -> Receiver<u32> {
    let (tx, rx) = chan(0);
    go!(async move {
        while let Some(number) = numbers.recv().await {
            if number % prime != 0 && tx.send(number).await.is_err() {
                return;
            }
        }
    });
    rx
}
