//! P52: one goroutine prints characters, the other digits.
//!
//! On one P the digits come first: they were started last. Main's 1 ms is usually enough for both.
//! Go's own program prints `%!s(int32=72)` for an H, having the wrong verb; ours prints the H.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    println!("main execution started");
    go!(get_chars("Hello"));
    go!(get_digits([1, 2, 3, 4, 5]));
    sleep(ms(1)).await;
    println!("main execution stopped");
}

async fn get_chars(text: &str) {
    for c in text.chars() {
        print!("{c} ");
    }
}

async fn get_digits(digits: [i32; 5]) {
    for d in digits {
        print!("{d} ");
    }
}
