//! P41: Go's `cap(ch)`: how many values the buffer could hold.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let (tx, _rx) = chan(5);
    for text in ["GFG", "gfg", "Geeks", "GeeksforGeeks"] {
        tx.send(text).await.expect("there is room");
    }
    println!("Capacity of the channel is:  {}", tx.capacity());
}
