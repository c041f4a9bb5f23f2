//! The protocols of this crate in every interleaving of two or three threads.
//!
//! Each model was seen to fail: with `Source::fire` gathering before it adds the event; with
//! `Readiness::clear` ignoring the tick; with a Relaxed load in `Readiness::seen`, or a
//! Relaxed exchange in `update`; with a Relaxed swap in `Bell::ring`, or in `Bell::get_up`;
//! with `Bell::lie_down` writing over a ring; with `Source::leave` counting one that was
//! woken; with either fence of `Waiting` left out. Stronger orderings than there are now were
//! tried, and weakened because the models held.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Plain;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::task::{Wake, Waker};

use loom::sync::Notify;
use loom::sync::atomic::AtomicBool;
use loom::thread;
use marmot_wait::WakeList;

use crate::readiness::{Direction, Event, Verdict};
use crate::seat::{Awake, Bell, Sleep};
use crate::source::{Enlisted, Source};
use crate::waiting::Waiting;

/// Not loom's atomic: it only counts, and publishes nothing that a model looks at.
#[derive(Default)]
struct Count(Plain);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn drained() -> Source {
    let source = Source::new();
    let word = source.readiness();
    word.clear(Direction::Read, word.seen());
    source
}

fn fire(source: &Source, waiting: &Waiting) {
    let mut owed = WakeList::new();
    source.fire(Event::ready(Direction::Read), &mut owed);
    let woken = owed.len();
    owed.wake_all();
    waiting.end(woken);
}

#[test]
fn one_who_enlists_sees_the_event_or_is_woken_by_it() {
    loom::model(|| {
        let (source, waiting) = (Arc::new(drained()), Arc::new(Waiting::new()));
        let (there, its) = (Arc::clone(&source), Arc::clone(&waiting));
        let poller = thread::spawn(move || fire(&there, &its));
        let (count, mut key) = (Arc::new(Count::default()), None);
        let waker = Waker::from(Arc::clone(&count));
        let enlisted = source.enlist(Direction::Read, &mut key, &waker, &waiting);
        poller.join().expect("no panic");
        match enlisted {
            Enlisted::Not(_, verdict) => assert_eq!(verdict, Verdict::Try),
            _ => assert_eq!(count.0.load(SeqCst), 1),
        }
        if let Some(key) = key {
            source.leave(Direction::Read, key, &waiting);
        }
        assert_eq!(waiting.count(), 0);
    });
}

#[test]
fn one_who_leaves_while_he_is_woken_is_counted_down_once() {
    loom::model(|| {
        let (source, waiting) = (Arc::new(drained()), Arc::new(Waiting::new()));
        let mut key = None;
        source.enlist(Direction::Read, &mut key, Waker::noop(), &waiting);
        let (there, its) = (Arc::clone(&source), Arc::clone(&waiting));
        let poller = thread::spawn(move || fire(&there, &its));
        source.leave(Direction::Read, key.expect("enlisted"), &waiting);
        poller.join().expect("no panic");
        assert_eq!(waiting.count(), 0);
    });
}

#[test]
fn an_event_during_a_failed_try_is_not_taken_away() {
    loom::model(|| {
        let (source, waiting) = (Arc::new(Source::new()), Arc::new(Waiting::new()));
        // The socket's buffer, in the kernel.
        let data = Arc::new(AtomicBool::new(false));
        let (there, its, kernel) = (source.clone(), waiting.clone(), data.clone());
        let poller = thread::spawn(move || {
            kernel.store(true, Relaxed);
            fire(&there, &its);
        });
        let (count, mut key) = (Arc::new(Count::default()), None);
        let waker = Waker::from(Arc::clone(&count));
        let word = source.readiness();
        let mut got = false;
        // At most the first readiness, and the event.
        for _ in 0..2 {
            let seen = word.seen();
            if seen.verdict(Direction::Read) == Verdict::Wait {
                break;
            }
            got = data.load(Relaxed);
            if got {
                break;
            }
            word.clear(Direction::Read, seen);
        }
        let waits = !got
            && !matches!(
                source.enlist(Direction::Read, &mut key, &waker, &waiting),
                Enlisted::Not(..)
            );
        poller.join().expect("no panic");
        assert!(
            !waits || count.0.load(SeqCst) == 1,
            "it waits for what has come"
        );
    });
}

#[test]
fn a_ring_is_never_lost_and_says_what_was_done_before_it() {
    loom::model(|| {
        let bell = Arc::new(Bell::new());
        let (eventfd, work) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let (ring, write, queue) = (bell.clone(), eventfd.clone(), work.clone());
        let other = thread::spawn(move || {
            queue.store(true, Relaxed);
            if ring.ring() == Some(Sleep::Polling) {
                write.notify();
            }
        });
        // A wait in the kernel may end for nothing; then it sleeps again.
        let rung = loop {
            match bell.lie_down(Sleep::Polling) {
                Ok(()) => {
                    eventfd.wait();
                    if bell.get_up() {
                        break true;
                    }
                }
                Err(awake) => break awake == Awake::Rung,
            }
        };
        assert!(rung && work.load(Relaxed));
        other.join().expect("no panic");
    });
}

#[test]
fn of_two_who_ring_the_second_is_heard_too() {
    loom::model(|| {
        let bell = Arc::new(Bell::new());
        let eventfd = Arc::new(Notify::new());
        let work: [_; 2] = std::array::from_fn(|_| Arc::new(AtomicBool::new(false)));
        let ringers: Vec<_> = work
            .iter()
            .map(|work| {
                let (work, bell, eventfd) = (work.clone(), bell.clone(), eventfd.clone());
                thread::spawn(move || {
                    work.store(true, Relaxed);
                    if bell.ring() == Some(Sleep::Polling) {
                        eventfd.notify();
                    }
                })
            })
            .collect();
        // Sleeps until both have done their work: a lost ring leaves it asleep for ever.
        while !work.iter().all(|work| work.load(Relaxed)) {
            if bell.lie_down(Sleep::Polling).is_ok() {
                eventfd.wait();
                bell.get_up();
            }
        }
        for ringer in ringers {
            ringer.join().expect("no panic");
        }
    });
}

#[test]
fn one_who_begins_to_wait_sees_no_driver_or_the_last_driver_sees_him() {
    loom::model(|| {
        let waiting = Arc::new(Waiting::new());
        waiting.add_driver();
        let there = Arc::clone(&waiting);
        let driver = thread::spawn(move || there.remove_driver());
        let watched = waiting.begin();
        let sees_him = driver.join().expect("no panic");
        assert!(!watched || sees_him, "nobody looks");
    });
}
