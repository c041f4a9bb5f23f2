//! A goroutine computes for half a second on the only P, without a single await.
//!
//! Go stops such a goroutine every 10 ms. A Rust future cannot be stopped, but its P can be given
//! to another thread, and then the kernel shares out the cores. Look at the longest pause between
//! two ticks, and compare `blocking_survived`.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::hint::black_box;

use marmot::prelude::*;

#[marmot::main(max_procs = 1)]
async fn main() {
    let (done, over) = chan::<()>(0);
    go!(async move {
        hog(ms(500));
        drop(done);
    });

    let ticker = Ticker::new(ms(10));
    let (mut ticks, mut longest, mut last) = (0, Duration::ZERO, Instant::now());
    loop {
        select! {
            _ = ticker.recv() => {
                ticks += 1;
                longest = longest.max(last.elapsed());
                last = Instant::now();
            },
            _ = over.recv() => break,
        }
    }
    println!(
        "{ticks} ticks of 10 ms while a goroutine computed 500 ms; longest pause {longest:.1?}"
    );
}

/// Burns CPU and tells nobody.
fn hog(time: Duration) {
    let start = Instant::now();
    let mut x = 1_u64;
    while start.elapsed() < time {
        for _ in 0..1000 {
            x = black_box(x.wrapping_mul(3).wrapping_add(1));
        }
    }
}
