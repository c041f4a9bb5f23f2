//! Broken: a goroutine computes for a third of a second without letting others run.
//!
//! Run it with `MARMOT_DEBUG=longpoll=20ms`. Wall and CPU time are about the same: it does not
//! wait for anything, it burns. The cure is a `runtime::blocking(..)`, a `gosched().await` in
//! the loop, or none: the scheduler has queued it apart from the others.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

/// The longest way to 1 below `limit` (Collatz).
fn longest(began: Instant) -> (u64, u32) {
    let mut best = (1, 0);
    for start in 1.. {
        let (mut n, mut steps): (u64, u32) = (start, 0);
        while n != 1 {
            n = if n.is_multiple_of(2) {
                n / 2
            } else {
                3 * n + 1
            };
            steps += 1;
        }
        if steps > best.1 {
            best = (start, steps);
        }
        if began.elapsed() > ms(300) {
            break;
        }
    }
    best
}

#[marmot::main(max_procs = 1)]
async fn main() {
    go!(async {
        loop {
            sleep(ms(1)).await;
        }
    });
    let began = Instant::now();
    let hog = go!(async move { longest(began) });
    let (start, steps) = hog.await.expect("it ends");
    println!("{steps} steps from {start}");
    let hogs = runtime::metrics().long_polls.burning;
    println!("{hogs} long poll that burned");
    sleep(ms(20)).await;
}
