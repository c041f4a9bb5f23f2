//! Waiting for an answer, but not for ever.
//!
//! In Go: `select { case answer := <-c: .. case <-time.After(50 * time.Millisecond): .. }`. Look
//! at the second question: its answer comes too late. The arm that lost has had no effect, and
//! whoever answers sees that nobody receives any more.

use marmot::prelude::*;

#[marmot::main]
async fn main() {
    ask(ms(10)).await;
    ask(ms(100)).await;
}

async fn ask(effort: Duration) {
    let answer = answer_after(effort);
    select! {
        Some(text) = answer.recv() => println!("{text}"),
        _ = after(ms(50)) => println!("no answer within 50 ms"),
    }
}

fn answer_after(effort: Duration) -> Receiver<String> {
    let (tx, rx) = chan(0);
    go!(async move {
        sleep(effort).await;
        tx.send(format!("an answer after {effort:?}")).await.ok();
    });
    rx
}
