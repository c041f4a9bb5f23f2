//! Two sources, one channel.
//!
//! In Go: a `select` over both in a loop, and a nil channel for one that has ended. Look at the
//! two arms: each is out by itself once its channel is closed, and `else` comes when both are. A
//! listener may leave in the middle: then the next text finds nobody, and all three goroutines end.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let talk = fan_in(source("Joe", ms(30)), source("Ann", ms(45)));
    while let Some(text) = talk.recv().await {
        println!("{text}");
    }
    println!("both are done");
}

/// Says something a few times, as long as somebody listens.
pub(crate) fn source(name: &'static str, pause: Duration) -> Receiver<String> {
    let (tx, rx) = chan(0);
    go!(async move {
        for number in 1..=4 {
            sleep(pause).await;
            if tx.send(format!("{name} {number}")).await.is_err() {
                return;
            }
        }
    });
    rx
}

/// Whatever comes, from either.
pub(crate) fn fan_in(one: Receiver<String>, other: Receiver<String>) -> Receiver<String> {
    let (tx, rx) = chan(0);
    go!(async move {
        loop {
            let text = select! {
                Some(text) = one.recv() => text,
                Some(text) = other.recv() => text,
                else => return,
            };
            if tx.send(text).await.is_err() {
                return;
            }
        }
    });
    rx
}
