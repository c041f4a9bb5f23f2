//! A buffered channel as a semaphore.
//!
//! In Go: `sem <- struct{}{}` to enter, `<-sem` to leave. The capacity is how many may be inside.
//! Look at the times: nine visits of 30 ms, three at a time, take 90 ms. A visitor without patience
//! waits in a `select!` with its context, and a send that loses there has not happened.
//! `sync::Semaphore` does the same with weights.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let start = Instant::now();
    let inside = visits(&Context::background(), 9, 3, ms(30)).await;
    println!("{inside} visits after {:.0?}", start.elapsed());
    let (ctx, _cancel) = Context::background().with_timeout(ms(45));
    let inside = visits(&ctx, 9, 3, ms(30)).await;
    println!("{inside} visits in 45 ms");
}

/// How many visitors got in before the context ended.
pub(crate) async fn visits(ctx: &Context, visitors: u32, places: usize, stay: Duration) -> usize {
    let semaphore = Chan::new(places);
    let (entered, count) = chan(visitors as usize);
    let wg = WaitGroup::new();
    for visitor in 1..=visitors {
        let (ctx, semaphore, entered) = (ctx.clone(), semaphore.clone(), entered.clone());
        wg.go(async move {
            select! {
                Ok(()) = semaphore.send(()) => {}
                _ = ctx.done() => return,
            }
            entered.send(visitor).await.expect("it is counted");
            sleep(stay).await;
            semaphore.recv().await;
        });
    }
    wg.wait().await;
    count.len()
}
