//! P21: a goroutine, and a main that is gone before it says anything.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    go!(hello_world());
    println!("Good Bye!");
}

async fn hello_world() {
    println!("Hello World!");
}
