//! Three workers take jobs from one queue.
//!
//! In Go: `go worker(id, jobs, results)` three times, then `jobs <- j` and `close(jobs)`. Look at
//! who closes what: main drops `jobs`, so the workers' loops end; each worker drops its `results`
//! with itself, so main's loop ends. Nobody counts. Nine jobs of 50 ms take 150 ms.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let start = Instant::now();
    let (jobs, queue) = chan(9);
    let (results, answers) = chan(9);
    for id in 1..=3 {
        go!(worker(id, queue.clone(), results.clone()));
    }
    drop(results);

    for job in 1..=9 {
        jobs.send(job).await.expect("the workers receive");
    }
    drop(jobs);

    let mut sum = 0;
    while let Some(answer) = answers.recv().await {
        sum += answer;
    }
    println!("sum of the results: {sum}, after {:.0?}", start.elapsed());
}

async fn worker(id: u32, queue: Receiver<u32>, results: Sender<u32>) {
    while let Some(job) = queue.recv().await {
        println!("worker {id} does job {job}");
        sleep(ms(50)).await;
        results.send(job * 2).await.expect("main receives");
    }
}
