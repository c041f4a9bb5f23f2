//! Broken: a goroutine blocks its thread, on the only P, again and again.
//!
//! Run it with `MARMOT_DEBUG=longpoll=20ms`. The heartbeat goes on, because the P is taken from
//! under the blocked thread; the report says where the poll was born that blocks, and in which
//! system call.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

/// A library that was not written for async programs.
fn old_library() {
    std::thread::sleep(ms(100));
}

#[marmot::main(max_procs = 1)]
async fn main() {
    let heart = go!(async {
        let began = Instant::now();
        let mut latest = Duration::ZERO;
        while began.elapsed() < ms(500) {
            let before = Instant::now();
            sleep(ms(1)).await;
            latest = latest.max(before.elapsed());
        }
        latest
    });
    let calls = go!(async {
        for _ in 0..3 {
            old_library();
            gosched().await;
        }
    });
    calls.await.expect("it ends");
    let latest = heart.await.expect("it ends");
    println!("a beat of 1 ms took {latest:.1?} at most");
}
