//! P9: an anonymous goroutine with an argument, and a main that does not wait.
//!
//! The 10 is evaluated at the `go!`, in main. It is printed rarely: main is usually gone first.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    go!([number = 10], async move {
        print!("{number} ");
    });
}
