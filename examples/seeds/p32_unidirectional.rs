//! P32: from a channel of both directions to one end for each.
//!
//! `sender()` and `receiver()` are Go's conversions to `chan<- int` and `<-chan int`. The receiver
//! ranges until the sender closes, and then says so on a channel of its own.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let ch = Chan::new(0);
    let done = Chan::new(0);
    go!(send(ch.sender()));
    go!(receive(ch.receiver(), done.sender()));
    done.recv().await;
}

async fn send(out: Sender<i32>) {
    out.send(42).await.expect("somebody receives");
    out.close();
}

async fn receive(numbers: Receiver<i32>, done: Sender<bool>) {
    while let Some(number) = numbers.recv().await {
        println!("Received: {number}");
    }
    done.send(true).await.expect("main receives");
}
