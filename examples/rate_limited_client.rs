//! A client that calls as often as it may, and not after its deadline.
//!
//! In Go: `limiter.Wait(ctx)` from golang.org/x/time/rate before each call. Look at the end: `wait`
//! knows the deadline and the line before it, so it fails *at once* when the turn would come too
//! late, instead of waiting in vain.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;
use marmot::sync::rate::{Limiter, every};

#[marmot::main]
async fn main() {
    let start = Instant::now();
    let (ctx, _cancel) = Context::background().with_timeout(ms(205));
    let calls = calls(&ctx, Limiter::new(every(ms(20)), 3)).await;
    println!(
        "{calls} calls after {:.0?}: 3 at once, then one each 20 ms",
        start.elapsed()
    );
}

/// How many calls were made before the context would have ended: by four goroutines, which share
/// the limiter.
pub(crate) async fn calls(ctx: &Context, limiter: Limiter) -> usize {
    let (called, calls) = chan::unbounded();
    let limiter = std::sync::Arc::new(limiter);
    let wg = WaitGroup::new();
    for client in 0..4 {
        let (ctx, limiter, called) = (ctx.clone(), limiter.clone(), called.clone());
        wg.go(async move {
            while limiter.wait(&ctx).await.is_ok() {
                called.send(client).await.expect("it is counted");
            }
        });
    }
    wg.wait().await;
    calls.len()
}
