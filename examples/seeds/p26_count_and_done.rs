//! P26: five goroutines, a count, and a "done" that is never said.
//!
//! Main returns after five receives, and each number is printed after its send: so any selection of
//! 1 to 5 may appear. The count is raised after it is looked at, so it is never 5 there. In Go the
//! count is a data race; here it has to be an atomic.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let (tx, rx) = chan(0);
    let (done, _finished) = chan(0);
    let count = Arc::new(AtomicI32::new(0));
    for number in 1..=5 {
        go!([tx, done, count], async move {
            tx.send(()).await.expect("main receives");
            // ORDERING: Relaxed: nothing hangs on this count.
            if count.load(Ordering::Relaxed) == 5 {
                done.send(()).await.expect("never reached");
            }
            println!("{number}");
            count.fetch_add(1, Ordering::Relaxed);
        });
    }
    for _ in 0..5 {
        rx.recv().await.expect("main holds a sender");
    }
}
