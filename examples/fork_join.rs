//! Fork and join: branches share the work, and the first to find the answer stops the others.
//!
//! In Go: `go` for each branch, a context to stop them, `wg.Wait()` to join. Look at what the
//! branches hold: `number` and `stop` are borrowed from the frame that forks, since a scope does not
//! return before they have ended.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;
use marmot::runtime::scope;

#[marmot::main]
async fn main() {
    let ctx = Context::background();
    for number in [1_000_003 * 999_983, 1_000_000_007] {
        println!("{number}: {:?}", divisor(&ctx, number, 4));
    }
    let (soon, _cancel) = ctx.with_timeout(ms(20));
    println!(
        "a large prime: {:?} after 20 ms",
        divisor(&soon, u64::MAX - 58, 4)
    );
}

/// A divisor, if there is one, and if the context lasts until it is found.
pub(crate) fn divisor(ctx: &Context, number: u64, branches: usize) -> Option<u64> {
    let (found, stop) = ctx.with_cancel();
    scope(|s| {
        let forked: Vec<_> = (2..)
            .take(branches)
            .map(|first| s.go(search(&found, &stop, number, first, branches)))
            .collect();
        let joined = forked.into_iter().map(|branch| branch.join_blocking());
        joined
            .filter_map(|result| result.expect("no branch panics"))
            .min()
    })
}

/// One branch: tries every so manieth candidate.
async fn search(ctx: &Context, stop: &Cancel, number: u64, first: u64, step: usize) -> Option<u64> {
    for (turn, candidate) in (first..=number.isqrt()).step_by(step).enumerate() {
        if number.is_multiple_of(candidate) {
            stop.cancel();
            return Some(candidate);
        }
        if turn % 1000 == 0 {
            if ctx.is_done() {
                return None;
            }
            gosched().await;
        }
    }
    None
}
