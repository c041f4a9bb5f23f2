//! A goroutine that owns an account; whoever wants something sends it a message.
//!
//! Go's proverb: do not communicate by sharing memory, share memory by communicating. Look for
//! the lock: there is none, `balance` is a local variable. A question carries the channel for its
//! answer.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

enum Message {
    Deposit(i64),
    Balance(Sender<i64>),
}

#[marmot::main]
async fn main() {
    let account = open_account();
    let wg = WaitGroup::new();
    for amount in 1..=100 {
        let account = account.clone();
        wg.go(async move {
            let deposit = Message::Deposit(amount);
            account.send(deposit).await.expect("the account is open");
        });
    }
    wg.wait().await;

    let (reply, answer) = chan(1);
    let question = Message::Balance(reply);
    account.send(question).await.expect("the account is open");
    println!("balance: {:?}", answer.recv().await);
}

/// Starts the owner. It ends with the last handle.
fn open_account() -> Sender<Message> {
    let (tx, messages) = chan(0);
    go!(async move {
        let mut balance = 0;
        while let Some(message) = messages.recv().await {
            match message {
                Message::Deposit(amount) => balance += amount,
                // Whoever asked may have gone.
                Message::Balance(reply) => reply.send(balance).await.unwrap_or_default(),
            }
        }
    });
    tx
}
