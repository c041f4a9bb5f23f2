//! The prime sieve: a chain of filters, one for each prime found so far.

use crate::peer::{Channel, Runtime};
use crate::rows::{For, Row};

/// The first 2000 primes. The channels have capacity 0, or 1 where there is no 0.
#[derive(Debug)]
pub struct Sieve;

const PRIMES: usize = 2_000;

async fn generate<C: Channel>(mut tx: C::Tx<u32>) {
    for number in 2.. {
        if !C::send(&mut tx, number).await {
            return;
        }
    }
}

async fn filter<C: Channel>(mut rx: C::Rx<u32>, mut tx: C::Tx<u32>, prime: u32) {
    while let Some(number) = C::recv(&mut rx).await {
        if number % prime != 0 && !C::send(&mut tx, number).await {
            return;
        }
    }
}

/// The last prime of so many.
async fn sieve<R: Runtime, C: Channel>(primes: usize) -> u32 {
    let (tx, mut rx) = C::new(C::CAN.tightest());
    R::go(generate::<C>(tx));
    let mut prime = 0;
    for _ in 0..primes {
        prime = C::recv(&mut rx).await.expect("there is another prime");
        let (tx, next) = C::new(C::CAN.tightest());
        R::go(filter::<C>(rx, tx, prime));
        rx = next;
    }
    prime
}

/// How many values cross a channel until the last of so many primes is found, and that
/// prime: every number passes the filters of the primes up to its least divisor.
fn hops(primes: usize) -> (u64, u32) {
    let mut found: Vec<u32> = Vec::with_capacity(primes);
    let mut hops = 0;
    for number in 2_u32.. {
        let divisor = found.iter().position(|prime| number % prime == 0);
        hops += divisor.unwrap_or(found.len()) as u64 + 1;
        if divisor.is_none() {
            found.push(number);
        }
        if found.len() == primes {
            return (hops, number);
        }
    }
    unreachable!("there is always another prime")
}

impl Row for Sieve {
    const NAME: &'static str = "sieve";
    const OP: &'static str = "a hop of a number over a channel of capacity 0, or 1 where there \
        is no 0, until 2000 primes are found";
    const LAPS: u64 = 1;
    const FOR: For = For::Channels;

    fn lap() -> u64 {
        hops(PRIMES).0
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        rt.run(async move {
            for _ in 0..laps {
                assert_eq!(sieve::<R, C>(PRIMES).await, 17_389);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::hops;

    #[test]
    fn hops_to_the_third_prime() {
        // 2: one. 3: past 2, two. 4: to 2, one. 5: past 2 and 3, three.
        assert_eq!(hops(3), (7, 5));
    }

    #[test]
    fn the_two_thousandth_prime() {
        assert_eq!(hops(2_000).1, 17_389);
    }
}
