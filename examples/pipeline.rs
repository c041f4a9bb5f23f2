//! Generate, square, print: three stages, each a goroutine, joined by channels.
//!
//! In Go each stage is a `func(in <-chan int) <-chan int` that starts a goroutine and closes its
//! channel at the end. Here the end of the goroutine drops the sender, which closes it. Look at
//! how it is stopped: who has enough drops the receiver, each send further up fails, and so every
//! stage ends. In Go they would wait for ever, without a done channel. And a context stops it from
//! outside, also while nobody receives.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let wg = WaitGroup::new();
    println!("{:?}", first_squares(5, &wg).await);
    wg.wait().await;
    println!("both stages have ended");

    let (ctx, cancel) = Context::background().with_cancel();
    let squares = square(&ctx, generate(&ctx, &wg), &wg);
    println!("{:?}, and then somebody cancels", squares.recv().await);
    cancel.cancel();
    wg.wait().await;
    println!("both stages have ended");
}

/// The first squares. Then nobody wants more.
pub(crate) async fn first_squares(count: usize, wg: &WaitGroup) -> Vec<u64> {
    let ctx = Context::background();
    let squares = square(&ctx, generate(&ctx, wg), wg);
    let mut first = Vec::new();
    while first.len() < count {
        first.extend(squares.recv().await);
    }
    first
}

/// 1, 2, 3 and so on.
pub(crate) fn generate(ctx: &Context, wg: &WaitGroup) -> Receiver<u64> {
    let (tx, rx) = chan(0);
    let ctx = ctx.clone();
    wg.go(async move {
        let mut number = 1;
        while let Ok(Ok(())) = ctx.run(tx.send(number)).await {
            number += 1;
        }
    });
    rx
}

/// The square of each number.
pub(crate) fn square(ctx: &Context, numbers: Receiver<u64>, wg: &WaitGroup) -> Receiver<u64> {
    let (tx, rx) = chan(0);
    let ctx = ctx.clone();
    wg.go(async move {
        while let Some(number) = numbers.recv().await {
            if !matches!(ctx.run(tx.send(number * number)).await, Ok(Ok(()))) {
                return;
            }
        }
    });
    rx
}
