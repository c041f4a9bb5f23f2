//! P2: the same totals with `go`, and nobody waits.
//!
//! Look at the total: a goroutine gives nothing back to whoever started it. And look at how little
//! the goroutines print, if anything: when main returns they are cut off.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

#[path = "store.rs"]
mod store;

use marmot::prelude::*;
use store::{Product, currency, products};

#[marmot::main]
pub(crate) async fn main() {
    println!("main function started");
    calc_store_total();
    println!("main function complete");
}

fn calc_store_total() {
    let total = 0.0;
    for (category, group) in products() {
        go!(total_price(category, group));
    }
    println!("Total: {}", currency(total));
}

async fn total_price(category: &'static str, group: Vec<Product>) -> f64 {
    let mut total = 0.0;
    for product in group {
        println!("{category} product: {}", product.name);
        total += product.price;
        sleep(ms(100)).await;
    }
    println!("{category} subtotal: {}", currency(total));
    total
}
