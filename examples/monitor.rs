//! A goroutine that owns an account; whoever wants something sends it a message.
//!
//! Go's proverb: do not communicate by sharing memory, share memory by communicating. Look for
//! the lock: there is none, `balance` is a local variable. A question carries the channel for its
//! answer. The owner ends with its last client, or with its context; then sends fail, and nobody waits
//! for it.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use marmot::prelude::*;

/// What the account understands.
pub(crate) enum Message {
    Deposit(i64),
    Balance(Sender<i64>),
}

#[marmot::main]
async fn main() {
    let (ctx, cancel) = Context::background().with_cancel();
    let account = open_account(&ctx);
    let wg = WaitGroup::new();
    for amount in 1..=100 {
        let account = account.clone();
        wg.go(async move {
            let deposit = Message::Deposit(amount);
            account.send(deposit).await.expect("the account is open");
        });
    }
    wg.wait().await;
    println!("balance: {:?}", balance(&account).await);
    cancel.cancel();
    account.closed().await;
    println!("after the end: {:?}", balance(&account).await);
}

/// Asks; `None` if nobody is there to answer.
pub(crate) async fn balance(account: &Sender<Message>) -> Option<i64> {
    let (reply, answer) = chan(1);
    account.send(Message::Balance(reply)).await.ok()?;
    answer.recv().await
}

/// Starts the owner.
pub(crate) fn open_account(ctx: &Context) -> Sender<Message> {
    let (tx, messages) = chan(0);
    let ctx = ctx.clone();
    go!(async move {
        let mut balance = 0;
        while let Ok(Some(message)) = ctx.run(messages.recv()).await {
            match message {
                Message::Deposit(amount) => balance += amount,
                // Whoever asked may have gone.
                Message::Balance(reply) => reply.send(balance).await.unwrap_or_default(),
            }
        }
    });
    tx
}
