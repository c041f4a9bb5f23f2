//! One source, several goroutines that take from it, and one channel for what they find.
//!
//! In Go: `for range workers { go func() { for n := range numbers { .. } }() }`. Look at the two
//! ends: the finders share the receiver, and each gets the next number when it is ready for one. Who
//! has seen enough drops the last receiver, and everybody ends.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let mut primes = primes_above(1_000_000_000_000, 10).await;
    primes.sort_unstable();
    println!("{primes:?}");
}

/// Some primes above this number, in the order in which they were found.
pub(crate) async fn primes_above(number: u64, count: usize) -> Vec<u64> {
    let numbers = count_from(number);
    let (tx, found) = chan(0);
    for _ in 0..4 {
        go!(find_primes(numbers.clone(), tx.clone()));
    }
    drop((numbers, tx));
    let mut primes = Vec::new();
    while primes.len() < count {
        primes.extend(found.recv().await);
    }
    primes
}

/// This number, the next, and so on.
fn count_from(first: u64) -> Receiver<u64> {
    let (tx, rx) = chan(16);
    go!(async move {
        for number in first.. {
            if tx.send(number).await.is_err() {
                return;
            }
        }
    });
    rx
}

async fn find_primes(numbers: Receiver<u64>, found: Sender<u64>) {
    while let Some(number) = numbers.recv().await {
        let is_prime = (2..=number.isqrt()).all(|divisor| number % divisor != 0);
        if is_prime && found.send(number).await.is_err() {
            return;
        }
    }
}
