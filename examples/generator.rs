//! A goroutine that makes values on demand: Fibonacci's numbers.
//!
//! In Go: a function that returns `<-chan int`, and leaks its goroutine when nobody reads to the
//! end. Look at the channel: it has no buffer, so no number is made before the one in front is
//! wanted; and dropping the receiver ends the goroutine at its next send.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let numbers = fibonacci();
    for _ in 0..10 {
        println!("{:?}", numbers.recv().await);
    }
    let mut count = 0;
    let mut last = 0;
    while let Some(number) = numbers.recv().await {
        (count, last) = (count + 1, number);
    }
    println!("{count} more; the last that fits is {last}");
}

/// 0, 1, 1, 2, 3, 5 and so on, as far as they fit.
pub(crate) fn fibonacci() -> Receiver<u128> {
    let (tx, rx) = chan(0);
    go!(async move {
        let mut pair = (0_u128, Some(1));
        while tx.send(pair.0).await.is_ok() {
            let (now, Some(next)) = pair else { return };
            pair = (next, now.checked_add(next));
        }
    });
    rx
}
