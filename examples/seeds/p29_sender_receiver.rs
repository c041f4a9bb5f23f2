//! P29: a function that only sends and one that only receives.
//!
//! Go writes `chan<- int` and `<-chan int`; here they are two types, and using one the other way
//! does not compile.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let (tx, rx) = chan(0);
    go!(sender(tx));
    receiver(rx).await;
}

async fn sender(tx: Sender<i32>) {
    tx.send(42).await.expect("main receives");
}

async fn receiver(rx: Receiver<i32>) {
    let value = rx.recv().await.expect("the sender sends one");
    println!("Received: {value}");
}
