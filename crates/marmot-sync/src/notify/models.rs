//! Notifications in every interleaving.
//!
//! Planted bugs and the models that find them: `abandon` that passes nothing on
//! (`what_one_that_leaves_was_told_reaches_the_other`: hangs); a first poll that does not look
//! at the rounds again under the lock (`a_round_is_not_missed_between_making_and_polling`:
//! hangs).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use loom::future::block_on;
use loom::thread;

use super::Notify;

#[test]
fn what_one_that_leaves_was_told_reaches_the_other() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let leaving = Arc::clone(&notify);
        let leaver = thread::spawn(move || {
            block_on(async {
                let mut wait = pin!(leaving.notified());
                let told = poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_ready())).await;
                if told {
                    leaving.notify_one();
                }
            });
        });
        let telling = Arc::clone(&notify);
        let teller = thread::spawn(move || telling.notify_one());
        block_on(notify.notified());
        leaver.join().unwrap();
        teller.join().unwrap();
    });
}

#[test]
fn a_round_is_not_missed_between_making_and_polling() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let wait = notify.notified();
        let telling = Arc::clone(&notify);
        let teller = thread::spawn(move || telling.notify_waiters());
        block_on(wait);
        teller.join().unwrap();
    });
}
