//! Requests wait in a buffered channel; each carries the channel for its answer.
//!
//! In Go: `type request struct { n int; reply chan int }`, and a server that ranges over a channel of
//! them. Look at a client that loses patience: it drops its receiver, and the server sees that
//! the reply is closed and does not do work that nobody wants. A full queue turns clients away at
//! once, which is how the wait stays short.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

/// A number to be squared, and where the answer goes.
pub(crate) struct Request {
    number: u64,
    reply: Sender<u64>,
}

#[marmot::main]
async fn main() {
    let (queue, served) = serve(4, ms(20));
    for patience in [ms(500), ms(50)] {
        let wg = WaitGroup::new();
        for number in 1..=6 {
            let queue = queue.clone();
            wg.go(async move {
                let (ctx, _cancel) = Context::background().with_timeout(patience);
                println!("{number}: {:?}", ask(&ctx, &queue, number).await);
            });
        }
        wg.wait().await;
    }
    drop(queue);
    println!("served in all: {:?}", served.await);
}

/// Why there is no answer.
#[derive(Debug, PartialEq)]
pub(crate) enum NoAnswer {
    Busy,
    TooLate,
}

/// Asks and waits for the answer, as long as the context lasts.
pub(crate) async fn ask(
    ctx: &Context,
    queue: &Sender<Request>,
    number: u64,
) -> Result<u64, NoAnswer> {
    let (reply, answer) = chan(1);
    let request = Request { number, reply };
    queue.try_send(request).map_err(|_| NoAnswer::Busy)?;
    let answered = ctx.run(answer.recv()).await;
    answered.ok().flatten().ok_or(NoAnswer::TooLate)
}

/// Starts the server; its handle gives how many it has served once the queue's last sender is gone.
pub(crate) fn serve(places: usize, time: Duration) -> (Sender<Request>, JoinHandle<u32>) {
    let (tx, requests) = chan::<Request>(places);
    let server = go!(async move {
        let mut served = 0;
        while let Some(Request { number, reply }) = requests.recv().await {
            if reply.is_closed() {
                continue;
            }
            sleep(time).await;
            served += u32::from(reply.send(number * number).await.is_ok());
        }
        served
    });
    (tx, server)
}
