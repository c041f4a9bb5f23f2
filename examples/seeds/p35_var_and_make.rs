//! P35: a channel that was declared, and one that was made.
//!
//! Go's `var c chan int` is nil, and prints as `<nil>`; `Chan::nil()` is that one. A made channel
//! prints as an address, here that of the handle.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let channel = Chan::<i32>::nil();
    println!("Value of the channel: {}", value_of(&channel));
    println!("Type of the channel: {}", type_of(&channel));

    let channel1 = Chan::<i32>::new(0);
    println!("Value of the channel1: {}", value_of(&channel1));
    println!("Type of the channel1: {}", type_of(&channel1));
}

/// `<nil>`, or an address.
fn value_of<T>(channel: &Chan<T>) -> String {
    if channel.is_nil() {
        "<nil>".to_owned()
    } else {
        format!("{channel:p}")
    }
}

/// A type's name without its modules.
fn type_of<T>(_: &T) -> String {
    let name = std::any::type_name::<T>();
    let parts = name.split_inclusive(['<', '>', ',']);
    parts
        .map(|part| part.rsplit("::").next().unwrap_or(part))
        .collect()
}
