//! Broken: a goroutine waits for a lock that was given to a future of its own, which it does not
//! poll.
//!
//! Look at the report: it comes at once, and names both lines. `next` stands in the lock's line
//! and is then left alone while its goroutine waits in the same line behind it. Go has nothing
//! like it: there a goroutine does one thing at a time.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::pin::pin;
use std::sync::Arc;

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    let lock = Arc::new(Mutex::new(0));
    let holder = go!([lock], async move {
        let _guard = lock.lock().await;
        sleep(ms(50)).await;
    });
    sleep(ms(10)).await;

    let mut next = pin!(lock.lock());
    select! {
        _ = &mut next => println!("got it"),
        _ = after(ms(10)) => {
            // `next` still stands in the line, and gets the lock when the holder goes.
            holder.await.expect("it ends");
            println!("{}", lock.lock().await);
        }
    }
}
