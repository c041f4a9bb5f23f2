//! P42: two goroutines and a main that ends at once: usually nothing is printed.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    go!(hello_world());
    go!(good_bye());
}

async fn hello_world() {
    println!("Hello World!");
}

async fn good_bye() {
    println!("Good Bye!");
}
