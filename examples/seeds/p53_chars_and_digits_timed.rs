//! P53: the same two, each sleeping between its lines, with the time of each.
//!
//! A character every 10 ms, a digit every 30 ms: the timers of the two interleave, and none is
//! early.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let start = Instant::now();
    println!("main execution started at time {:?}", start.elapsed());
    go!(get_chars("Hello", start));
    go!(get_digits([1, 2, 3, 4, 5], start));
    sleep(ms(200)).await;
    println!("\nmain execution stopped at time {:?}", start.elapsed());
}

async fn get_chars(text: &str, start: Instant) {
    for c in text.chars() {
        println!("{c} at time {:?}", start.elapsed());
        sleep(ms(10)).await;
    }
}

async fn get_digits(digits: [i32; 5], start: Instant) {
    for d in digits {
        println!("{d} at time {:?}", start.elapsed());
        sleep(ms(30)).await;
    }
}
