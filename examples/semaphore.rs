//! A buffered channel as a semaphore.
//!
//! In Go: `sem <- struct{}{}` to enter, `<-sem` to leave. The capacity is how many may be inside.
//! Look at the times: nine visits of 30 ms, three at a time, take 90 ms. `sync::Semaphore` does
//! the same with weights.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let start = Instant::now();
    let semaphore = Chan::new(3);
    let wg = WaitGroup::new();
    for visitor in 1..=9 {
        let semaphore = semaphore.clone();
        wg.go(async move {
            semaphore.send(()).await.expect("never closed");
            println!("{visitor} enters after {:.0?}", start.elapsed());
            sleep(ms(30)).await;
            semaphore.recv().await;
        });
    }
    wg.wait().await;
    println!("all done after {:.0?}", start.elapsed());
}
