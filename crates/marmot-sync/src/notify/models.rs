//! Notifications in every interleaving.
//!
//! Planted bugs and the models that find them: `abandon` that passes nothing on
//! (`what_one_that_leaves_was_told_reaches_the_other`: hangs); a first poll that does not look
//! at the rounds again under the lock (`a_round_is_not_missed_between_making_and_polling`:
//! hangs); Relaxed in the exchange of `notify_one` (`a_permit_shows_what_came_before_it`), in that
//! of `look` if it succeeds (`two_permits_at_once_are_one_that_shows_both`) or if it fails
//! (`a_round_that_comes_between_shows_what_came_before_it`); Relaxed in `notify_waiters`, or in the loads of
//! `look` (`a_round_shows_what_came_before_it`); a waiter that enlists without setting QUEUED
//! (`a_permit_shows_what_came_before_it` and the first hang); one that leaves and leaves QUEUED
//! behind (the first: `notify_one` never ends).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::Notify;

/// A cell that loom watches, and that a notification publishes.
struct Message {
    notify: Notify,
    text: UnsafeCell<u32>,
}

// SAFETY: loom's cell reports every access that the notification does not order.
#[expect(unsafe_code, reason = "lets loom watch a cell from several threads")]
unsafe impl Sync for Message {}

impl Message {
    fn new() -> Arc<Message> {
        Arc::new(Message {
            notify: Notify::new(),
            text: UnsafeCell::new(0),
        })
    }

    #[expect(unsafe_code, reason = "loom's cell gives pointers")]
    fn write(&self) {
        self.text.with_mut(|text| {
            // SAFETY: nobody reads before the notification; loom checks it.
            unsafe { *text = 1 }
        });
    }

    #[expect(unsafe_code, reason = "loom's cell gives pointers")]
    fn read(&self) -> u32 {
        self.text.with(|text| {
            // SAFETY: the writer has told us that it is done; loom checks it.
            unsafe { *text }
        })
    }
}

#[test]
fn a_permit_shows_what_came_before_it() {
    loom::model(|| {
        let message = Message::new();
        let there = Arc::clone(&message);
        let teller = thread::spawn(move || {
            there.write();
            there.notify.notify_one();
        });
        block_on(message.notify.notified());
        assert_eq!(message.read(), 1);
        teller.join().unwrap();
    });
}

#[test]
fn a_round_shows_what_came_before_it() {
    loom::model(|| {
        let message = Message::new();
        let wait = message.notify.notified();
        let there = Arc::clone(&message);
        let teller = thread::spawn(move || {
            there.write();
            there.notify.notify_waiters();
        });
        block_on(wait);
        assert_eq!(message.read(), 1);
        teller.join().unwrap();
    });
}

/// Whether a permit is left, for the taking.
fn is_left(notify: &Notify) -> bool {
    let mut wait = pin!(notify.notified());
    block_on(poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_ready())))
}

/// With a permit there already, somebody says something and tells; the waiter takes what comes
/// first. Whether it has seen what was said, and whether a permit is left in the end.
fn take_beside(tell: fn(&Notify)) -> (bool, bool) {
    let notify = Arc::new(Notify::new());
    let said = Arc::new(AtomicBool::new(false));
    notify.notify_one();
    let wait = notify.notified();
    let (there, saying) = (Arc::clone(&notify), Arc::clone(&said));
    let teller = thread::spawn(move || {
        saying.store(true, Ordering::Relaxed);
        tell(&there);
    });
    block_on(wait);
    let seen = said.load(Ordering::Relaxed);
    teller.join().unwrap();
    (seen, is_left(&notify))
}

#[test]
fn two_permits_at_once_are_one_that_shows_both() {
    loom::model(|| {
        let (seen, left) = take_beside(Notify::notify_one);
        assert!(seen || left, "the second call was part of what was taken");
    });
}

#[test]
fn a_round_that_comes_between_shows_what_came_before_it() {
    loom::model(|| {
        let (seen, left) = take_beside(Notify::notify_waiters);
        assert!(seen || !left, "it was the round that let it go on");
    });
}

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
