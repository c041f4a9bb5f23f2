//! P23: a greeting through an unbuffered channel.
//!
//! The greeter waits in its send for two seconds, until main receives; no thread waits with it.

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
}

async fn greet(tx: Sender<String>) {
    println!("Greeter waiting to send greeting!");
    tx.send("Hello vignesh".to_owned())
        .await
        .expect("main receives");
    println!("Greeter completed");
}
