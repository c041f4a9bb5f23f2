//! A goroutine blocks its thread, on the only P, and nobody else notices.
//!
//! In Go a blocking system call does not stop the others, since the P is handed to another
//! thread. Nor does it here, and without being announced: the monitor sees that the thread sleeps
//! and takes the P from it. Look at the longest pause between two ticks. `runtime::blocking(..)`
//! would announce the sleep, and the P would go at once.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

#[marmot::main(max_procs = 1)]
async fn main() {
    let (done, over) = chan::<()>(0);
    go!(move || {
        std::thread::sleep(ms(500));
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
    println!("{ticks} ticks of 10 ms while a thread slept 500 ms; longest pause {longest:.1?}");
}
