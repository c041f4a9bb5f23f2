//! Helpers for our own tests: what several crates need to show that they keep their word.
//!
//! - [`within`]: a watchdog; a test that hangs is a test that fails, and says so.
//! - [`until`]: waits for another thread to get somewhere, instead of a sleep.
//! - [`ByHand`]: an executor for one future, that is polled when the test says so.
//! - [`CountingWaker`]: a waker that counts its calls.
//! - [`Rng`]: random numbers from a seed that a failing test prints.
//!
//! Not published; everything here is safe code on std alone.

#![forbid(unsafe_code)]

mod by_hand;
mod rng;
mod waker;
mod within;

pub use by_hand::ByHand;
pub use rng::Rng;
pub use waker::CountingWaker;
pub use within::{until, within};
