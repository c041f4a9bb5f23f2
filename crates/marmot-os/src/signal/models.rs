//! Signals from their handlers to a listener, in every interleaving.
//!
//! The pipe and the netpoller are played: a byte written to a pipe that is waited for calls the
//! waker, on the thread that wrote it. The counts and the turn are the real ones.
//!
//! The model was seen to fail: with the bell rung before the count, or the counts taken before the
//! bell is silenced; with a Relaxed addition in `Count::arrive`, or a Relaxed swap in `take`; with
//! `Turn::begin` leaving no word, `Turn::end` not looking for one, or keeping the turn.

use std::sync::Arc;
use std::sync::atomic::Ordering::{self, AcqRel, Relaxed};

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicU32};
use loom::thread;

use super::count::{Count, Turn, Word};

impl Word for AtomicU32 {
    fn load(&self, order: Ordering) -> u32 {
        self.load(order)
    }

    fn swap(&self, new: u32, order: Ordering) -> u32 {
        self.swap(new, order)
    }

    fn fetch_add(&self, more: u32, order: Ordering) -> u32 {
        self.fetch_add(more, order)
    }
}

struct Process {
    count: Count<AtomicU32>,
    /// Bytes in the pipe, and whether a waker is called when one comes. The kernel orders what
    /// happens to it.
    pipe: AtomicU32,
    waited_for: AtomicBool,
    table: Mutex<Turn>,
    /// What was written before each signal was sent.
    written: [AtomicBool; 2],
    delivered: AtomicU32,
}

impl Process {
    fn new() -> Process {
        Process {
            count: Count::of(AtomicU32::new(0)),
            pipe: AtomicU32::new(0),
            waited_for: AtomicBool::new(true),
            table: Mutex::new(Turn::FREE),
            written: std::array::from_fn(|_| AtomicBool::new(false)),
            delivered: AtomicU32::new(0),
        }
    }

    fn signal(&self, which: usize) {
        self.written[which].store(true, Relaxed);
        self.count.arrive();
        self.pipe.fetch_add(1, AcqRel);
        if self.waited_for.swap(false, AcqRel) {
            self.dispatch();
        }
    }

    /// Empties the pipe and waits for it, as `Evented` does: no byte is overlooked in between.
    fn silence(&self) {
        loop {
            self.pipe.swap(0, AcqRel);
            self.waited_for.swap(true, AcqRel);
            let quiet = self.pipe.fetch_add(0, AcqRel) == 0;
            if quiet || !self.waited_for.swap(false, AcqRel) {
                return;
            }
        }
    }

    fn dispatch(&self) {
        let mut turn = self.table.lock().expect("no panic");
        if !turn.begin() {
            return;
        }
        loop {
            self.silence();
            let times = self.count.take();
            drop(turn);
            self.deliver(times);
            turn = self.table.lock().expect("no panic");
            if turn.end() {
                return;
            }
        }
    }

    fn deliver(&self, times: u32) {
        let before = self.delivered.fetch_add(times, Relaxed);
        let written = self.written.iter().filter(|one| one.load(Relaxed));
        assert!(written.count() as u32 >= before + times, "it came before");
    }
}

#[test]
fn every_signal_is_delivered_after_what_came_before_it() {
    loom::model(|| {
        let process = Arc::new(Process::new());
        let there = Arc::clone(&process);
        let other = thread::spawn(move || there.signal(1));
        process.signal(0);
        other.join().expect("no panic");
        assert_eq!(process.delivered.load(Relaxed), 2);
    });
}
