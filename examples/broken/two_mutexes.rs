//! Broken: two goroutines take the same two locks, each in its own order.
//!
//! Look at the two that wait in `sync.Mutex.Lock`: each is at the line of its second lock.
//! `docs/DEBUGGING.md` walks through the report. Go dies with the same words.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::sync::Arc;

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let from = Arc::new(Mutex::new(100));
    let to = Arc::new(Mutex::new(0));

    let there = go!([from, to], async move {
        runtime::set_name("there");
        let mut from = from.lock().await;
        sleep(ms(10)).await;
        let mut to = to.lock().await;
        *from -= 10;
        *to += 10;
    });
    let back = go!([from, to], async move {
        runtime::set_name("back");
        let mut to = to.lock().await;
        sleep(ms(10)).await;
        let mut from = from.lock().await;
        *to -= 10;
        *from += 10;
    });
    there.await.expect("it ends");
    back.await.expect("it ends");
    println!("{} and {}", from.lock().await, to.lock().await);
}
