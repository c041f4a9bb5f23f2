//! P36: why main sleeps, and a result through a channel.
//!
//! Without the 3 ms the hellos might come late or never. The sum needs no sleep: to receive it is
//! to wait for it.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    go!(display("hello"));
    sleep(ms(3)).await;
    display("world").await;

    let (tx, rx) = chan(0);
    go!(add(vec![1, 2, 3, 4, 5], tx));
    let final_cc = rx.recv().await.expect("a sum is sent");
    println!("After adding Final_cc {final_cc}");
}

async fn display(text: &str) {
    for _ in 0..5 {
        println!("{text}");
    }
}

async fn add(numbers: Vec<i32>, result: Sender<i32>) {
    result
        .send(numbers.iter().sum())
        .await
        .expect("main receives");
}
