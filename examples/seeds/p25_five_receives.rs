//! P25: five goroutines and five receives: a channel used as a wait group.
//!
//! On one P the order is 5 1 2 3 4, the run-next order; on more, any.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let (done, finished) = chan(0);
    for number in 1..=5 {
        go!([done], async move {
            println!("{number}");
            done.send(()).await.expect("main receives");
        });
    }
    for _ in 0..5 {
        finished.recv().await.expect("main holds a sender");
    }
}
