//! P44: two goroutines and a main that waits for just as long as they take.
//!
//! Go passes a `*sync.WaitGroup`; here the clones share one count.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let wg = WaitGroup::new();
    wg.add(2);
    go!(hello_world(wg.clone()));
    go!(good_bye(wg.clone()));
    wg.wait().await;
}

async fn hello_world(wg: WaitGroup) {
    println!("Hello World!");
    wg.done();
}

async fn good_bye(wg: WaitGroup) {
    println!("Good Bye!");
    wg.done();
}
