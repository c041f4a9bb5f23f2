//! The read-write lock in every interleaving.
//!
//! Planted bugs and the models that find them: Relaxed in `unlock_write`, `unlock_read`,
//! `try_read`, `try_write`, `enter_or_announce`, `hand_on`, or in the load of
//! `last_reader_out`, and serving there without a look at the state (`readers_see_whole_writes`,
//! `a_writer_comes_after_the_readers_it_waited_for`); `abandon_write` that admits no readers
//! (`readers_held_back_by_a_writer_that_leaves_come_in` hangs).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::thread;

use super::RwLock;

/// Two cells that a writer keeps equal.
struct Pair(RwLock<()>, UnsafeCell<[usize; 2]>);

// SAFETY: loom's cell reports every access that the lock does not order.
unsafe impl Sync for Pair {}

impl Pair {
    fn new() -> Arc<Pair> {
        Arc::new(Pair(RwLock::new(()), UnsafeCell::new([0, 0])))
    }

    fn write(&self) {
        let _guard = block_on(self.0.write());
        self.1.with_mut(|pair| {
            // SAFETY: we hold the lock to write; loom checks it.
            let pair = unsafe { &mut *pair };
            pair[0] += 1;
            pair[1] += 1;
        });
    }

    fn read(&self) -> usize {
        let _guard = block_on(self.0.read());
        let pair = self.1.with(|pair| {
            // SAFETY: we hold the lock to read; loom checks it.
            unsafe { *pair }
        });
        assert_eq!(pair[0], pair[1]);
        pair[0]
    }
}

#[test]
fn readers_see_whole_writes() {
    loom::model(|| {
        let pair = Pair::new();
        let there = Arc::clone(&pair);
        let writer = thread::spawn(move || there.write());
        let there = Arc::clone(&pair);
        let reader = thread::spawn(move || there.read());
        pair.read();
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(pair.read(), 1);
    });
}

#[test]
fn a_writer_comes_after_the_readers_it_waited_for() {
    loom::model(|| {
        let pair = Pair::new();
        let there = Arc::clone(&pair);
        let reader = thread::spawn(move || there.read());
        let there = Arc::clone(&pair);
        let writer = thread::spawn(move || there.write());
        pair.write();
        reader.join().unwrap();
        writer.join().unwrap();
        assert_eq!(pair.read(), 2);
        assert!(pair.0.try_write().is_some());
    });
}

#[test]
fn readers_held_back_by_a_writer_that_leaves_come_in() {
    loom::model(|| {
        let pair = Pair::new();
        let kept = block_on(pair.0.read());
        let there = Arc::clone(&pair);
        let leaver = thread::spawn(move || {
            block_on(async {
                let mut wait = pin!(there.0.write());
                poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_ready())).await
            });
        });
        let there = Arc::clone(&pair);
        let reader = thread::spawn(move || there.read());
        leaver.join().unwrap();
        reader.join().unwrap();
        drop(kept);
        assert!(pair.0.try_write().is_some());
    });
}
