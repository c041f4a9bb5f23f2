//! P38: a loop of receives that ends when the channel is closed.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let (tx, rx) = chan(0);
    go!(my_fun(tx));
    loop {
        match rx.recv().await {
            Some(text) => println!("Channel Open  {text} true"),
            None => {
                println!("Channel Close  false");
                break;
            }
        }
    }
}

async fn my_fun(tx: Sender<&'static str>) {
    for _ in 0..4 {
        tx.send("GeeksforGeeks").await.expect("main receives");
    }
    tx.close();
}
