//! P39: Go's `for v := range ch` is `while let Some(v) = rx.recv().await`.
//!
//! The goroutine's end drops the only sender, and that closes the channel.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let (tx, rx) = chan(0);
    go!(async move {
        for text in ["GFG", "gfg", "Geeks", "GeeksforGeeks"] {
            tx.send(text).await.expect("main receives");
        }
    });
    while let Some(text) = rx.recv().await {
        println!("{text}");
    }
}
