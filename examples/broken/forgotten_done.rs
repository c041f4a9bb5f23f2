//! Broken: one way out of a goroutine does not call `done`.
//!
//! Look at main: it is in `sync.WaitGroup.Wait`, and no other goroutine is left. So somebody has
//! ended without its `done`. (`wg.go(..)`, or a `wg.guard()`, can't forget it.)

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let wg = WaitGroup::new();
    for n in 0..3 {
        wg.add(1);
        go!([wg], async move {
            if n == 1 {
                println!("nothing to do for {n}");
                return;
            }
            println!("done with {n}");
            wg.done();
        });
    }
    wg.wait().await;
    println!("all are done");
}
