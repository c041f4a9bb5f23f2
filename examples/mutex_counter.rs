//! A thousand goroutines raise counters behind a mutex.
//!
//! In Go: `mu.Lock(); counts[key]++; mu.Unlock()`. Look at the guard: what the lock protects can
//! be reached only through it, and it unlocks where it ends. A goroutine may hold it across an
//! await.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::collections::BTreeMap;
use std::sync::Arc;

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let counts = Arc::new(Mutex::new(BTreeMap::new()));
    let wg = WaitGroup::new();
    for number in 0..1000 {
        let counts = Arc::clone(&counts);
        wg.go(async move {
            let mut counts = counts.lock().await;
            *counts.entry(number % 3).or_insert(0) += 1;
        });
    }
    wg.wait().await;
    println!("{:?}", *counts.lock().await);
}
