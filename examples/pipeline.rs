//! Generate, square, print: three stages, each a goroutine, joined by channels.
//!
//! In Go each stage is a `func(in <-chan int) <-chan int` that starts a goroutine and closes its
//! channel at the end. Here the end of the goroutine drops the sender, which closes it. Look at
//! the last lines: main stops early and drops its receiver, each send further up fails, and so
//! every stage ends. In Go they would wait for ever, without a done channel.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let wg = WaitGroup::new();
    let squares = square(generate(&wg), &wg);
    for _ in 0..5 {
        println!("{:?}", squares.recv().await);
    }
    drop(squares);
    wg.wait().await;
    println!("both stages have ended");
}

/// 1, 2, 3 and so on.
fn generate(wg: &WaitGroup) -> Receiver<u64> {
    let (tx, rx) = chan(0);
    wg.go(async move {
        let mut number = 1;
        while tx.send(number).await.is_ok() {
            number += 1;
        }
    });
    rx
}

/// The square of each number.
fn square(numbers: Receiver<u64>, wg: &WaitGroup) -> Receiver<u64> {
    let (tx, rx) = chan(0);
    wg.go(async move {
        while let Some(number) = numbers.recv().await {
            if tx.send(number * number).await.is_err() {
                return;
            }
        }
    });
    rx
}
