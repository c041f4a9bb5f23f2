//! The smallest program: a goroutine says hello, and main waits for it.
//!
//! In Go: `ch := make(chan string); go func() { ch <- "hello" }(); fmt.Println(<-ch)`. Look at
//! the receive: it is what makes main wait. Without it the goroutine would be cut off.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let (tx, rx) = chan(0);
    go!(async move { tx.send("hello, from a goroutine").await });
    if let Some(text) = rx.recv().await {
        println!("{text}");
    }
}
