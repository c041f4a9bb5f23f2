//! A hundred pieces of work, at most four at a time.
//!
//! In Go: an `errgroup.Group` with `SetLimit(4)`, or as here a fixed number of goroutines that
//! take from one channel. Look at the highest number at work: never more than four.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use marmot::prelude::*;

const AT_A_TIME: usize = 4;

#[derive(Default)]
struct AtWork {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl AtWork {
    /// Runs `work`, and counts how many do so at the same time.
    async fn count(&self, work: impl Future<Output = ()>) {
        // ORDERING: Relaxed: counts for show; the wait group publishes the last.
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        work.await;
        self.now.fetch_sub(1, Ordering::Relaxed);
    }
}

#[marmot::main]
async fn main() {
    let at_work = Arc::new(AtWork::default());
    let (tx, rx) = chan::<u64>(0);
    let wg = WaitGroup::new();
    for _ in 0..AT_A_TIME {
        let (rx, at_work) = (rx.clone(), Arc::clone(&at_work));
        wg.go(async move {
            while let Some(piece) = rx.recv().await {
                at_work.count(sleep(ms(1 + piece % 3))).await;
            }
        });
    }
    for piece in 0..100 {
        tx.send(piece).await.expect("the workers receive");
    }
    drop(tx);
    wg.wait().await;
    // ORDERING: Relaxed: the wait group has synchronised.
    let most = at_work.most.load(Ordering::Relaxed);
    println!("100 pieces, at most {most} at a time");
}
