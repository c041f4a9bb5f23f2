//! P43: two goroutines and a main that sleeps for two seconds.
//!
//! On one P the one started last comes first.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    go!(hello_world());
    go!(good_bye());
    sleep(secs(2)).await;
}

async fn hello_world() {
    println!("Hello World!");
}

async fn good_bye() {
    println!("Good Bye!");
}
