//! P31: a channel of both directions, used by one goroutine: a deadlock.
//!
//! `Chan` is Go's `chan T`, both ends in one value. That does not give the send a partner.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let ch = Chan::new(0);
    ch.send(42).await.expect("never reached");
    println!("Received: {:?}", ch.recv().await);
}
