//! P5: the same totals through a channel.
//!
//! As many receives as there are goroutines: that is the join. Eight products of 100 ms each take
//! 0.3 s, because the three categories are worked on at the same time; their lines mix.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

#[path = "store.rs"]
mod store;

use marmot::prelude::*;
use store::{Product, currency, products};

#[marmot::main]
pub(crate) async fn main() {
    println!("main function started");
    calc_store_total().await;
    println!("main function complete");
}

async fn calc_store_total() {
    let (tx, rx) = chan(0);
    let groups = products();
    let count = groups.len();
    for (category, group) in groups {
        go!(total_price(category, group, tx.clone()));
    }
    let mut total = 0.0;
    for _ in 0..count {
        total += rx.recv().await.expect("main holds a sender");
    }
    println!("Total: {}", currency(total));
}

async fn total_price(category: &'static str, group: Vec<Product>, result: Sender<f64>) {
    let mut total = 0.0;
    for product in group {
        println!("{category} product: {}", product.name);
        total += product.price;
        sleep(ms(100)).await;
    }
    println!("{category} subtotal: {}", currency(total));
    result.send(total).await.expect("main receives");
}
