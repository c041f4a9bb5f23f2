//! P24: a greeting, and the end of the channel.
//!
//! `close` says that nothing more will come; the next receive gives `None`, Go's `ok == false`.
//! Dropping the last sender would have said the same.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let (tx, rx) = chan(0);
    go!(greet(tx));
    sleep(secs(2)).await;
    let greeting = rx.recv().await.expect("the greeter sends one");
    sleep(secs(2)).await;
    println!("Greeting received");
    println!("{greeting}");
    if rx.recv().await.is_none() {
        println!("Channel is closed!");
    }
}

async fn greet(tx: Sender<String>) {
    println!("Greeter waiting to send greeting!");
    tx.send("Hello Rwitesh".to_owned())
        .await
        .expect("main receives");
    println!("Greeter completed");
    tx.close();
}
