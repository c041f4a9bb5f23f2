//! P46: pi from ten million random points, spread over the Ps.
//!
//! The original has no goroutine in it. Here each P gets a share of the points: plain closures,
//! since nothing in them waits, and their counts come back through a channel.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;
use marmot::runtime;

const POINTS: u64 = 10_000_000;

#[marmot::main]
pub(crate) async fn main() {
    let shares = runtime::gomaxprocs(None) as u64;
    let (tx, rx) = chan(0);
    for share in 0..shares {
        let points = POINTS * (share + 1) / shares - POINTS * share / shares;
        go!([tx], move || {
            let hits = hits(points, share);
            tx.send_blocking(hits).expect("main receives");
        });
    }
    let mut inside = 0;
    for _ in 0..shares {
        inside += rx.recv().await.expect("main holds a sender");
    }
    println!("Pi: {}", 4.0 * inside as f64 / POINTS as f64);
}

/// How many of so many random points of the unit square are less than 1 from its corner.
fn hits(points: u64, seed: u64) -> u64 {
    let mut random = Random(seed);
    let inside = |_: &u64| random.unit().hypot(random.unit()) < 1.0;
    (0..points).filter(inside).count() as u64
}

/// SplitMix64 (Steele, Lea, Flood 2014): good enough for points, and ten lines.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, but not including, 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
