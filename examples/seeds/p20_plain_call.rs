//! P20: a plain call, no goroutine: the order is fixed.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

#[marmot::main]
pub(crate) async fn main() {
    numbers();
    println!("a.... HI");
}

fn numbers() {
    println!("01");
}
