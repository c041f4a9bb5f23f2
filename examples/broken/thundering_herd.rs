//! Broken: every item wakes everybody who waits, and one of them gets it.
//!
//! Look at the polls: a thousand for each item, where one would do. `broadcast` is for news that
//! concerns all; for an item there is `signal`, or a channel.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::sync::Arc;

use marmot::prelude::*;
use marmot::sync::Cond;

const WAITERS: u64 = 1000;
const ITEMS: u64 = 20;

async fn polls_per_item(everybody: bool) -> u64 {
    let state = Arc::new((Mutex::new(0_u64), Cond::new()));
    let takers: Vec<_> = (0..WAITERS)
        .map(|_| {
            go!([state], async move {
                let (items, some) = &*state;
                let mut items = items.lock().await;
                while *items == 0 {
                    items = some.wait(items).await;
                }
                *items -= 1;
            })
        })
        .collect();
    sleep(ms(50)).await;
    let before = runtime::metrics().total().polls;
    for _ in 0..ITEMS {
        *state.0.lock().await += 1;
        if everybody {
            state.1.broadcast();
        } else {
            state.1.signal();
        }
        sleep(ms(5)).await;
    }
    let polls = runtime::metrics().total().polls - before;
    takers.iter().for_each(JoinHandle::abort);
    polls / ITEMS
}

#[marmot::main]
async fn main() {
    println!(
        "broadcast: {} polls for an item",
        polls_per_item(true).await
    );
    println!("signal: {} polls for an item", polls_per_item(false).await);
}
