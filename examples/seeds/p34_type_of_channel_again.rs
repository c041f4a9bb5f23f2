//! P34: the same program, which its comment called buffered.
//!
//! It is not: `Chan::new(0)`, in Go `make(chan string)`, has no buffer. The output is that of P33.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let ch = Chan::new(0);
    go!([ch], async move {
        ch.send("hello".to_owned()).await.expect("main receives");
    });
    let msg = ch.recv().await.expect("a message was sent");
    println!("msg-type {}", type_of(&msg));
    println!("ch-type {}", type_of(&ch));
    println!("{msg}");
}

/// A type's name without its modules.
fn type_of<T>(_: &T) -> String {
    let name = std::any::type_name::<T>();
    let parts = name.split_inclusive(['<', '>', ',']);
    parts
        .map(|part| part.rsplit("::").next().unwrap_or(part))
        .collect()
}
