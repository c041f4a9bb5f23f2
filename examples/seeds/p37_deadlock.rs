//! P37: a receive to which nobody sends: a deadlock.
//!
//! A `Chan` is never closed by dropping its handles, as in Go; had this been the receiver of a pair
//! whose last sender is gone, the receive would give `None` instead.

use marmot::prelude::*;

#[marmot::main]
pub(crate) async fn main() {
    let ch = Chan::<i32>::new(0);
    ch.recv().await;
}
