//! The read-write lock in every interleaving.
//!
//! Planted bugs and the models that find them: Relaxed in `unlock_write`, `unlock_read`,
//! `try_read`, `try_write`, `enter_or_announce`, `hand_on`, or in the load of
//! `last_reader_out`, and serving there without a look at the state (`readers_see_whole_writes`,
//! `a_writer_comes_after_the_readers_it_waited_for`, and the latter, writers that come in by twos,
//! `two_who_were_the_last_out_let_in_one_writer`); `abandon_write` that admits no readers
//! (`readers_held_back_by_a_writer_that_leaves_come_in` hangs); Relaxed in the exchange of
//! `serve_writer` (`a_writer_that_is_let_in_comes_after_all_readers`). What the table of what is held says
//! is in the one whose name speaks of it: an announcement that takes no row, does not fill it, or
//! does not show it (no Release in `enter_or_announce`), an `overtake` that does not write there.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::thread;

use super::RwLock;
use crate::loom::model_time;

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
        self.write_inside();
    }

    fn write_inside(&self) {
        self.1.with_mut(|pair| {
            // SAFETY: we hold the lock to write; loom checks it.
            let pair = unsafe { &mut *pair };
            pair[0] += 1;
            pair[1] += 1;
        });
    }

    fn read(&self) -> usize {
        let _guard = block_on(self.0.read());
        self.read_inside()
    }

    fn read_inside(&self) -> usize {
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

/// A lock that is held to write, and for which others may wait.
fn written() -> (Arc<RwLock<()>>, super::OwnedRwLockWriteGuard<()>) {
    let lock = Arc::new(RwLock::new(()));
    let guard = block_on(Arc::clone(&lock).write_owned());
    (lock, guard)
}

/// The first one out is not the one that lets the writer in, and is ordered before it all the same.
#[test]
fn a_writer_that_is_let_in_comes_after_all_readers() {
    loom::model(|| {
        let pair = Pair::new();
        assert!(pair.0.raw.try_read() && pair.0.raw.try_read());
        let mut write = pin!(pair.0.write());
        assert!(polled_once(write.as_mut()).is_none());
        model_time::pass_a_second();
        let there = Arc::clone(&pair);
        let other = thread::spawn(move || {
            there.read_inside();
            there.0.raw.unlock_read();
        });
        pair.read_inside();
        pair.0.raw.unlock_read();
        let guard = block_on(write);
        pair.write_inside();
        drop(guard);
        other.join().unwrap();
        assert_eq!(pair.read(), 1);
    });
}

/// Nobody is left inside or in line.
fn is_free(lock: &RwLock<()>) -> bool {
    lock.try_write().is_some() && lock.try_read().is_some()
}

/// Whoever waited may be overtaken, and comes in all the same; with and without a wait so long that
/// the lock is handed over.
fn overtaken(first: fn(&RwLock<()>), second: fn(&RwLock<()>), starve: bool) {
    loom::model(move || {
        let (lock, guard) = written();
        let there = Arc::clone(&lock);
        let waits = thread::spawn(move || first(&there));
        let there = Arc::clone(&lock);
        let overtakes = thread::spawn(move || second(&there));
        if starve {
            model_time::pass_a_second();
        }
        drop(guard);
        waits.join().unwrap();
        overtakes.join().unwrap();
        assert!(is_free(&lock));
    });
}

fn reads(lock: &RwLock<()>) {
    drop(block_on(lock.read()));
}

fn writes(lock: &RwLock<()>) {
    drop(block_on(lock.write()));
}

fn tries_to_write(lock: &RwLock<()>) {
    drop(lock.try_write());
}

#[test]
fn a_reader_that_is_overtaken_comes_in() {
    for starve in [false, true] {
        overtaken(reads, tries_to_write, starve);
        overtaken(reads, writes, starve);
    }
}

#[test]
fn a_writer_that_is_overtaken_comes_in() {
    for starve in [false, true] {
        overtaken(writes, tries_to_write, starve);
        overtaken(writes, writes, starve);
    }
}

/// One that waited leaves just when it may be its turn; the other one comes in.
fn leaves_before(leaver: fn(&RwLock<()>), stays: fn(&RwLock<()>), starve: bool) {
    loom::model(move || {
        let (lock, guard) = written();
        let there = Arc::clone(&lock);
        let leaves = thread::spawn(move || leaver(&there));
        let there = Arc::clone(&lock);
        let waits = thread::spawn(move || stays(&there));
        if starve {
            model_time::pass_a_second();
        }
        drop(guard);
        leaves.join().unwrap();
        waits.join().unwrap();
        assert!(is_free(&lock));
    });
}

fn leaves_as_a_reader(lock: &RwLock<()>) {
    block_on(async { drop(polled_once(pin!(lock.read()))) });
}

fn leaves_as_a_writer(lock: &RwLock<()>) {
    block_on(async { drop(polled_once(pin!(lock.write()))) });
}

#[test]
fn whoever_leaves_does_not_take_the_turn_of_another_with_it() {
    for starve in [false, true] {
        for leaver in [leaves_as_a_reader, leaves_as_a_writer] {
            leaves_before(leaver, writes, starve);
            leaves_before(leaver, reads, starve);
        }
    }
}

/// To be called by a holder: if somebody waits, the table has to know of it.
fn check_what_is_told(lock: &RwLock<()>) {
    if let Some((told, is_so)) = lock.raw.told() {
        assert_eq!(told, is_so);
    }
}

/// A writer waits for this holder, and may be overtaken by one with another kind of guard.
fn told_while_somebody_waits(lock: &Arc<RwLock<()>>, first: impl Sized) {
    let there = Arc::clone(lock);
    let waits = thread::spawn(move || {
        let guard = block_on(there.write());
        check_what_is_told(&there);
        drop(guard);
    });
    let there = Arc::clone(lock);
    let overtakes = thread::spawn(move || {
        if let Some(guard) = there.try_write_owned() {
            check_what_is_told(&there);
            drop(guard);
        }
    });
    check_what_is_told(lock);
    drop(first);
    waits.join().unwrap();
    overtakes.join().unwrap();
}

#[test]
fn while_a_writer_waits_the_table_says_who_overtook_it() {
    loom::model(|| {
        let lock = Arc::new(RwLock::new(()));
        told_while_somebody_waits(&lock, lock.try_read());
    });
    loom::model(|| {
        let lock = Arc::new(RwLock::new(()));
        told_while_somebody_waits(&lock, lock.try_write());
    });
}
