//! P1: the totals of a shop, one category after the other.
//!
//! The baseline without goroutines. The categories come in any order, a map has none, but their
//! lines never mix.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

#[path = "store.rs"]
mod store;

use store::{Product, currency, products};

#[marmot::main]
pub(crate) async fn main() {
    println!("main function started");
    calc_store_total();
    println!("main function complete");
}

fn calc_store_total() {
    let mut total = 0.0;
    for (category, group) in products() {
        total += total_price(category, &group);
    }
    println!("Total: {}", currency(total));
}

fn total_price(category: &str, group: &[Product]) -> f64 {
    let mut total = 0.0;
    for product in group {
        println!("{category} product: {}", product.name);
        total += product.price;
    }
    println!("{category} subtotal: {}", currency(total));
    total
}
