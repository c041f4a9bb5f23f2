//! The read-write lock in every interleaving.
//!
//! Planted bugs and the models that find them: Relaxed in `unlock_write`, `unlock_read`,
//! `try_read`, `try_write`, `enter_or_announce`, `hand_on`, or in the load of
//! `last_reader_out`, and serving there without a look at the state (`readers_see_whole_writes`,
//! `a_writer_comes_after_the_readers_it_waited_for`, and the latter, writers that come in by twos,
//! `two_who_were_the_last_out_let_in_one_writer`); `abandon_write` that admits no readers
//! (`readers_held_back_by_a_writer_that_leaves_come_in` hangs).

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
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

/// What a future gives that is polled once; if it gives something it is over.
fn polled_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    block_on(poll_fn(|cx| {
        let poll = future.as_mut().poll(cx);
        Poll::Ready(match poll {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    }))
}

/// A reader goes out and finds a writer in line, who leaves before it is served. Meanwhile
/// another reader comes and goes, and there are writers in line again: it lets the first of
/// them in, and then the first reader comes to serve the line.
#[test]
fn two_who_were_the_last_out_let_in_one_writer() {
    loom::model(|| {
        let lock = Arc::new(RwLock::new(()));
        let kept = lock.try_read().unwrap();
        let mut leaving = Box::pin(lock.write_owned());
        assert!(polled_once(leaving.as_mut()).is_none());
        let there = Arc::clone(&lock);
        let other = thread::spawn(move || {
            drop(leaving);
            let reads = block_on(there.read());
            let mut first = pin!(there.write());
            let mut second = pin!(there.write());
            assert!(polled_once(first.as_mut()).is_none());
            assert!(polled_once(second.as_mut()).is_none());
            drop(reads);
            let writes = block_on(first);
            assert!(polled_once(second.as_mut()).is_none());
            drop(writes);
            drop(block_on(second));
        });
        drop(kept);
        other.join().unwrap();
        assert!(lock.try_write().is_some());
    });
}
