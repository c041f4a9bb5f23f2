//! P47: a function is called: three lines, in order.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

#[marmot::main]
pub(crate) async fn main() {
    println!("main execution started");
    print_hello();
    println!("main execution stopped");
}

fn print_hello() {
    println!("Hello World!");
}
