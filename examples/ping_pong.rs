//! Two goroutines throw a ball to and fro over two unbuffered channels.
//!
//! In Go: `for ball := range table { table <- ball + 1 }`, once for each player. Look at the time
//! for a round: a wake-up goes into the run-next slot of the same P, so the ball never changes
//! cores.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

const ROUNDS: u32 = 200_000;

#[marmot::main]
async fn main() {
    let (ping, pings) = chan(0);
    let (pong, pongs) = chan(0);
    go!(player(pings, pong));

    let start = Instant::now();
    let mut ball = 0;
    while ball < ROUNDS {
        ping.send(ball).await.expect("the other plays");
        ball = pongs.recv().await.expect("the other plays");
    }
    let took = start.elapsed();
    println!("{ROUNDS} rounds in {took:.1?}, {:.0?} each", took / ROUNDS);
}

/// Sends every ball back, counted, until there are no more.
async fn player(balls: Receiver<u32>, back: Sender<u32>) {
    while let Some(ball) = balls.recv().await {
        if back.send(ball + 1).await.is_err() {
            return;
        }
    }
}
