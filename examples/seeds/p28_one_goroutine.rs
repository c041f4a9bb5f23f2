//! P28: send and receive in one goroutine, unbuffered: a deadlock.
//!
//! The send waits for a receiver that would come one line later. Look at the report: what waits, on
//! what, since where.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let (tx, rx) = chan(0);
    tx.send(42).await.expect("never reached");
    println!("{:?}", rx.recv().await);
}
