//! Random numbers for the choice among ready arms: one small generator a thread.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

thread_local! {
    /// 0: not seeded yet.
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// Fixes what the choices of this thread's selects will be from now on, for tests that repeat
/// a run.
///
/// # Examples
///
/// ```
/// marmot_chan::select::seed(42);
/// ```
pub fn seed(seed: u64) {
    STATE.set(splitmix(seed) | 1);
}

/// A number, each equally likely: Marsaglia's xorshift64 with a multiplication (Vigna).
#[inline]
pub(crate) fn next() -> u64 {
    let mut x = STATE.get();
    if x == 0 {
        x = first();
    }
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    STATE.set(x);
    x.wrapping_mul(0x2545_F491_4F6C_DD1D)
}

/// A number below `bound`, which is at most 2^32.
///
/// The upper half of a number, scaled by a multiplication (Lemire): the choice is off uniform
/// by less than `bound` in 2^32.
#[inline]
pub(crate) fn below(bound: u32) -> u32 {
    let high = next() >> 32;
    ((high * u64::from(bound)) >> 32) as u32
}

/// Several choices from one number: it is taken for a fraction of 1, each choice takes its
/// leading digit in the base it asks for, and what is behind that digit is left for the next.
/// Off uniform by less than the product of the bounds in 2^64.
pub(crate) struct Choices(u64);

impl Choices {
    #[inline]
    pub(crate) fn new() -> Choices {
        Choices(next())
    }

    /// A number below `bound`.
    #[inline]
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.0) * bound as u128;
        self.0 = product as u64;
        (product >> 64) as usize
    }
}

#[cold]
fn first() -> u64 {
    splitmix(RandomState::new().hash_one(0)) | 1
}

/// Steele, Lea and Flood's mixer: near seeds give far states.
fn splitmix(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
