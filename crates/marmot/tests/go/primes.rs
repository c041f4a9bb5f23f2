//! Prime numbers from goroutines: a chain of filters, and one that merges multiples.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use marmot::prelude::*;

use crate::support::on_each;

const PRIMES: [u32; 25] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
];

/// One filter for each prime, none of which ever ends of itself.
fn filters() -> Receiver<u32> {
    let (tx, mut numbers) = chan(0);
    go!(async move {
        for n in 2.. {
            if tx.send(n).await.is_err() {
                return;
            }
        }
    });
    let (out, primes) = chan(0);
    go!(async move {
        while let Some(prime) = numbers.recv().await {
            if out.send(prime).await.is_err() {
                return;
            }
            let (tx, next) = chan(0);
            let rx = std::mem::replace(&mut numbers, next);
            go!(async move {
                while let Some(n) = rx.recv().await {
                    if n % prime != 0 && tx.send(n).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    primes
}

/// p², p²+2p, p²+4p, ..
fn multiples(prime: u32) -> Receiver<u32> {
    let (tx, rx) = chan(10);
    go!(async move {
        for n in (prime * prime..).step_by(2 * prime as usize) {
            if tx.send(n).await.is_err() {
                return;
            }
        }
    });
    rx
}

/// The odd composites in order, merged through a heap; the multiples of a prime join in when
/// their first one may be the next.
async fn composites(primes: Receiver<u32>, out: Sender<u32>) -> Option<()> {
    let mut lines = vec![multiples(primes.recv().await?)];
    let mut heads = BinaryHeap::from([Reverse((lines[0].recv().await?, 0))]);
    loop {
        let line = multiples(primes.recv().await?);
        let first = line.recv().await?;
        while let Some(&Reverse((least, which))) = heads.peek()
            && least < first
        {
            out.send(least).await.ok()?;
            heads.pop();
            heads.push(Reverse((lines[which].recv().await?, which)));
        }
        heads.push(Reverse((first, lines.len())));
        lines.push(line);
    }
}

/// Takes everything at once and gives it on when it is wanted: its queue grows. The case that
/// sends is there only when there is something to send.
async fn proxy(from: Receiver<u32>, to: Sender<u32>) {
    let mut queue = VecDeque::new();
    loop {
        let front = queue.front().copied();
        select! {
            n = <-from => match n {
                Some(n) => queue.push_back(n),
                None => return,
            },
            sent = front.map(|n| to.send(n)) => match sent {
                Ok(()) => drop(queue.pop_front()),
                Err(_) => return,
            },
        }
    }
}

/// Finds primes between the composites that come from the primes found before.
fn merged() -> Receiver<u32> {
    let (out, primes) = chan(0);
    let (found, to_proxy) = chan(0);
    let (from_proxy, known) = chan(0);
    let (composites_tx, composite) = chan(0);
    go!(proxy(to_proxy, from_proxy));
    go!(composites(known, composites_tx));
    go!(async move {
        for prime in [2, 3] {
            out.send(prime).await.ok()?;
        }
        found.send(3).await.ok()?;
        found.send(5).await.ok()?;
        let mut next = None;
        for n in (5..).step_by(2) {
            // 5 is told ahead: the first composite is known only when two primes are.
            while next.is_none_or(|composite| composite < n) {
                next = Some(composite.recv().await?);
            }
            if next == Some(n) {
                continue;
            }
            if n > 5 {
                found.send(n).await.ok()?;
            }
            out.send(n).await.ok()?;
        }
        Some(())
    });
    primes
}

async fn first_25(primes: Receiver<u32>) -> Vec<u32> {
    let mut found = Vec::new();
    for _ in 0..25 {
        found.push(primes.recv().await.expect("there is no last prime"));
    }
    found
}

#[test]
fn twenty_five_primes_come_out_of_a_chain_of_filters_left_waiting() {
    on_each(|| async { assert_eq!(first_25(filters()).await, PRIMES) });
}

#[test]
fn twenty_five_primes_come_from_composites_merged_through_a_heap_and_a_growing_proxy() {
    on_each(|| async { assert_eq!(first_25(merged()).await, PRIMES) });
}
