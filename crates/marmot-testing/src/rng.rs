//! Random numbers from a seed that a failing test prints.
//!
//! SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
//! 2014): one addition and a mix; any seed is a good one, and it splits.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// 2^64 divided by the golden ratio, made odd: the step of SplitMix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Random numbers that can be had again.
///
/// The seed comes from `MARMOT_SEED` if that is set. One that is dropped by a panic prints
/// the setting that repeats the run.
///
/// # Examples
///
/// ```
/// use marmot_testing::Rng;
///
/// let (mut a, mut b) = (Rng::seeded(7), Rng::seeded(7));
/// assert_eq!(a.next_u64(), b.next_u64());
/// assert!(a.below(6) < 6);
/// ```
#[derive(Debug)]
pub struct Rng {
    /// What the whole run was started from.
    seed: u64,
    state: u64,
}

impl Rng {
    /// From `MARMOT_SEED`, decimal or `0x…`; from the system's randomness if it is not set.
    ///
    /// # Panics
    ///
    /// If `MARMOT_SEED` is not a number.
    #[must_use]
    pub fn from_env() -> Rng {
        Rng::seeded(match std::env::var("MARMOT_SEED") {
            Ok(text) => parse(&text).expect("MARMOT_SEED is a number, decimal or 0x…"),
            Err(_) => RandomState::new().build_hasher().finish(),
        })
    }

    /// From this seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Rng {
        Rng { seed, state: seed }
    }

    /// The seed of the run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A generator for another thread: its numbers do not depend on what this one is asked
    /// afterwards, and it prints the same seed.
    #[must_use]
    pub fn fork(&mut self) -> Rng {
        Rng {
            seed: self.seed,
            state: self.next_u64(),
        }
    }

    /// Any number.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`. Not perfectly even, which no test of ours can see.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "there is no number below zero");
        let wide = u128::from(self.next_u64()) * n as u128;
        (wide >> 64) as usize
    }

    /// True once in `n` times.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len())]
    }

    /// Puts these into another order, each equally likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

impl Drop for Rng {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("MARMOT_SEED={} repeats this run", self.seed);
        }
    }
}

fn parse(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Rng, parse};

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let mut rng = Rng::seeded(1_234_567);
        let first: Vec<_> = (0..3).map(|_| rng.next_u64()).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ],
            "the published test vector"
        );
    }

    #[test]
    fn a_fork_does_not_depend_on_what_its_parent_does_next() {
        let (mut a, mut b) = (Rng::seeded(3), Rng::seeded(3));
        let (mut child_a, mut child_b) = (a.fork(), b.fork());
        a.next_u64();
        assert_eq!(child_a.next_u64(), child_b.next_u64());
        assert_eq!(child_b.seed(), 3);
    }

    #[test]
    fn every_number_below_comes_and_no_other() {
        let mut rng = Rng::seeded(5);
        let mut seen = [0_u32; 6];
        for _ in 0..600 {
            seen[rng.below(6)] += 1;
        }
        assert!(seen.iter().all(|&times| times > 50), "{seen:?}");
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<_> = (0..50).collect();
        Rng::seeded(9).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_seed_is_decimal_or_hexadecimal() {
        assert_eq!(parse("0xff"), Some(255));
        assert_eq!(parse("255"), Some(255));
        assert_eq!(parse("seed"), None);
    }
}
