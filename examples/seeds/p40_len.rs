//! P40: Go's `len(ch)`: how many values are in the buffer.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let (tx, _rx) = chan(4);
    for text in ["GFG", "gfg", "Geeks", "GeeksforGeeks"] {
        tx.send(text).await.expect("there is room");
    }
    println!("Length of the channel is:  {}", tx.len());
}
