//! Three workers take jobs from one queue.
//!
//! In Go: `go worker(id, jobs, results)` three times, then `jobs <- j` and `close(jobs)`. Look at
//! who closes what: the sender of the jobs ends, so the workers' loops end; each worker drops its
//! `results` with itself, so the last loop ends. Nobody counts. If the context ends first, the workers
//! go, then nobody receives jobs, and the sender ends too.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let start = Instant::now();
    let ctx = Context::background();
    let sum: u32 = results(&ctx, 3, 9, ms(50)).await.iter().sum();
    println!("sum of the results: {sum}, after {:.0?}", start.elapsed());

    let (ctx, _cancel) = ctx.with_timeout(ms(120));
    let done = results(&ctx, 3, 9, ms(50)).await.len();
    println!("in 120 ms three workers do {done} jobs of 50 ms");
}

/// The results of the jobs that were done before the context ended.
pub(crate) async fn results(ctx: &Context, workers: u32, jobs: u32, time: Duration) -> Vec<u32> {
    let (tx, queue) = chan(8);
    let (results, answers) = chan(8);
    for _ in 0..workers {
        go!(worker(ctx.clone(), queue.clone(), results.clone(), time));
    }
    drop((queue, results));
    go!(async move {
        for job in 1..=jobs {
            if tx.send(job).await.is_err() {
                return;
            }
        }
    });
    let mut all = Vec::new();
    while let Some(answer) = answers.recv().await {
        all.push(answer);
    }
    all
}

async fn worker(ctx: Context, queue: Receiver<u32>, results: Sender<u32>, time: Duration) {
    while let Ok(Some(job)) = ctx.run(queue.recv()).await {
        if ctx.run(sleep(time)).await.is_err() {
            return;
        }
        results.send(job * 2).await.expect("somebody receives");
    }
}
