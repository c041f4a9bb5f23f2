//! P13: is it closed?
//!
//! Go's `v, ok := <-c` is an `Option` here. `ok` does not say that the channel is open, it says
//! that a value was received: the second answer comes from a channel that is closed already.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let (tx, rx) = chan(2);
    tx.send(1).await.expect("open");
    tx.send(2).await.expect("open");
    is_it_closed(&rx).await;
    tx.close();
    is_it_closed(&rx).await;
    is_it_closed(&rx).await;
}

async fn is_it_closed(rx: &Receiver<i32>) {
    match rx.recv().await {
        Some(_) => println!("Channel is open!"),
        None => println!("Channel is closed!"),
    }
}
