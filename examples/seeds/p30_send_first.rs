//! P30: the send comes before its receiver is started: a deadlock.
//!
//! The `go!` is never reached.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let (tx, rx) = chan(0);
    tx.send(42).await.expect("never reached");
    go!(async move {
        println!("Received: {:?}", rx.recv().await);
    });
}
