//! P14: a value is read under the mutex that its writers take.
//!
//! The lock owns what it protects, so there is no reading without it. `lock` is awaited: a
//! goroutine that waits for it holds no thread.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::sync::Arc;

use marmot::prelude::*;

#[derive(Default)]
struct Counter(Mutex<i32>);

impl Counter {
    async fn set(&self, value: i32) {
        *self.0.lock().await = value;
    }

    async fn get(&self) -> i32 {
        *self.0.lock().await
    }
}

#[marmot::main]
pub(crate) async fn main() {
    let counter = Arc::new(Counter::default());
    let wg = WaitGroup::new();
    wg.add(1);
    go!([counter, wg], async move {
        for value in 1..=42 {
            counter.set(value).await;
        }
        wg.done();
    });
    wg.wait().await;
    println!("{}", counter.get().await);
}
