//! Broken: main waits for a worker that waits for the end of a channel, whose last sender is
//! main's own.
//!
//! Look at the worker: it is in `chan receive` although nobody sends any more. In Go it would be
//! a forgotten `close(jobs)`; here it is a forgotten `drop(jobs)`.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let (jobs, queue) = chan::<u32>(8);
    let worker = go!(async move {
        let mut sum = 0;
        while let Some(job) = queue.recv().await {
            sum += job;
        }
        sum
    });
    for job in 0..5 {
        jobs.send(job).await.expect("the worker listens");
    }
    println!("{}", worker.await.expect("it ends"));
}
