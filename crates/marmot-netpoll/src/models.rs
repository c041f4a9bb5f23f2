//! The protocols of this crate in every interleaving of two or three threads.
//!
//! Each model was seen to fail: with `Source::fire` gathering before it adds the event; with
//! `Readiness::clear` ignoring the tick; with a Relaxed load in `Readiness::seen`, or a
//! Relaxed exchange in `update`; with a Relaxed swap in `Bell::ring`, or in `Bell::get_up`;
//! with `Bell::lie_down` writing over a ring; with `Source::leave` counting one that was
//! woken, or passing nothing on, or looking at the readiness before it takes the lock; with
//! either fence of `Waiting` left out; with `Waiting::count` reading beginnings first, or ends with
//! a Relaxed load, or `Waiting::end` writing them with a Relaxed addition; with `Turns` telling nobody that
//! it is free, or one of those in the queue that a bell has rung, or that without the lock. Stronger orderings than there are now were
//! tried, and weakened because the models held.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Plain;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::task::{Wake, Waker};

use loom::sync::Notify;
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use loom::thread;
use marmot_wait::WakeList;

use crate::readiness::{Direction, Event, Verdict};
use crate::seat::{Awake, Bell, Sleep};
use crate::source::{Enlisted, Place, Source, Wakes};
use crate::turns::Turns;
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
    let source = Source::new(Wakes::InTurn);
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

/// A future goes, as `Io` does.
fn leave(source: &Source, key: Option<Place>, waiting: &Waiting) {
    let next = key.and_then(|key| source.leave(Direction::Read, key, waiting));
    if let Some(waker) = next {
        waker.wake();
        waiting.end(1);
    }
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
        leave(&source, key, &waiting);
        assert_eq!(waiting.count(), 0);
    });
}

/// A task that waits until there is something for it, and takes it.
struct Acceptor {
    source: Arc<Source>,
    waiting: Arc<Waiting>,
    /// What is in the kernel's queue.
    queue: Arc<AtomicUsize>,
    woken: Arc<Woken>,
    key: Option<Place>,
}

/// Loom's own, as a waker.
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

impl Acceptor {
    fn enlisted(source: &Arc<Source>, waiting: &Arc<Waiting>, queue: &Arc<AtomicUsize>) -> Self {
        let mut this = Acceptor {
            source: Arc::clone(source),
            waiting: Arc::clone(waiting),
            queue: Arc::clone(queue),
            woken: Arc::new(Woken(Notify::new())),
            key: None,
        };
        assert!(this.enlist(), "nothing is there yet");
        this
    }

    fn enlist(&mut self) -> bool {
        let waker = Waker::from(Arc::clone(&self.woken));
        let enlisted = self
            .source
            .enlist(Direction::Read, &mut self.key, &waker, &self.waiting);
        !matches!(enlisted, Enlisted::Not(..))
    }

    /// One try, as an `accept`.
    fn takes(&self) -> bool {
        let taken = |left: usize| left.checked_sub(1);
        self.queue.fetch_update(Relaxed, Relaxed, taken).is_ok()
    }

    /// From the first wake-up until it has got something.
    fn run(mut self) {
        self.woken.0.wait();
        loop {
            let seen = self.source.readiness().seen();
            if seen.verdict(Direction::Read) == Verdict::Try {
                if self.takes() {
                    return self.leave();
                }
                self.source.readiness().clear(Direction::Read, seen);
            } else if self.enlist() {
                self.woken.0.wait();
            }
        }
    }

    fn leave(self) {
        leave(&self.source, self.key, &self.waiting);
    }
}

#[test]
fn of_two_that_wait_the_first_passes_on_what_it_leaves() {
    loom::model(|| {
        let (source, waiting) = (Arc::new(drained()), Arc::new(Waiting::new()));
        let queue = Arc::new(AtomicUsize::new(0));
        let first = Acceptor::enlisted(&source, &waiting, &queue);
        let second = Acceptor::enlisted(&source, &waiting, &queue);
        let first = thread::spawn(move || first.run());
        let (there, its) = (Arc::clone(&source), Arc::clone(&waiting));
        let second = thread::spawn(move || second.run());
        // One event tells of two.
        queue.store(2, Relaxed);
        fire(&there, &its);
        first.join().expect("no panic");
        second.join().expect("no panic");
        assert_eq!(waiting.count(), 0);
    });
}

#[test]
fn one_that_goes_while_it_is_woken_passes_on_what_it_leaves() {
    loom::model(|| {
        let (source, waiting) = (Arc::new(drained()), Arc::new(Waiting::new()));
        let queue = Arc::new(AtomicUsize::new(0));
        let first = Acceptor::enlisted(&source, &waiting, &queue);
        let second = Acceptor::enlisted(&source, &waiting, &queue);
        let second = thread::spawn(move || second.run());
        let (there, its, kernel) = (source.clone(), waiting.clone(), queue.clone());
        let poller = thread::spawn(move || {
            kernel.store(1, Relaxed);
            fire(&there, &its);
        });
        first.leave();
        poller.join().expect("no panic");
        second.join().expect("no panic");
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
        leave(&source, key, &waiting);
        poller.join().expect("no panic");
        assert_eq!(waiting.count(), 0);
    });
}

#[test]
fn an_event_during_a_failed_try_is_not_taken_away() {
    loom::model(|| {
        let (source, waiting) = (
            Arc::new(Source::new(Wakes::InTurn)),
            Arc::new(Waiting::new()),
        );
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

#[test]
fn one_that_waits_is_counted_whatever_begins_and_ends_meanwhile() {
    loom::model(|| {
        let waiting = Arc::new(Waiting::new());
        let _nobody_looks = waiting.begin_at(0);
        // Stands for the line of a source, through which whoever wakes knows of the other.
        let line = Arc::new(AtomicBool::new(false));
        let (there, enlisted) = (Arc::clone(&waiting), Arc::clone(&line));
        let other = thread::spawn(move || {
            let _nobody_looks = there.begin_at(1);
            enlisted.store(true, Release);
        });
        let there = Arc::clone(&waiting);
        let poller = thread::spawn(move || {
            if line.load(Acquire) {
                there.end_at(0, 1);
            }
        });
        assert!((1..=2).contains(&waiting.count()));
        other.join().expect("no panic");
        poller.join().expect("no panic");
    });
}

#[test]
fn of_two_that_an_event_wakes_each_is_woken_or_has_left() {
    loom::model(|| {
        let source = Arc::new(Source::new(Wakes::All));
        let word = source.readiness();
        word.clear(Direction::Read, word.seen());
        let waiting = Arc::new(Waiting::new());
        let (count, mut stays, mut goes) = (Arc::new(Count::default()), None, None);
        source.enlist(Direction::Read, &mut goes, Waker::noop(), &waiting);
        let (there, its) = (Arc::clone(&source), Arc::clone(&waiting));
        let poller = thread::spawn(move || fire(&there, &its));
        leave(&source, goes, &waiting);
        let waker = Waker::from(Arc::clone(&count));
        let enlisted = source.enlist(Direction::Read, &mut stays, &waker, &waiting);
        poller.join().expect("no panic");
        let waits = !matches!(enlisted, Enlisted::Not(..));
        assert_eq!(count.0.load(SeqCst), usize::from(waits));
        leave(&source, stays, &waiting);
        assert_eq!(waiting.count(), 0);
    });
}

/// Who gets the turn gives it back.
fn takes_a_turn(turns: &Turns<()>, bell: &Bell) -> bool {
    let taken = turns.take(bell, None);
    if taken.is_some() {
        turns.give_back(());
    }
    taken.is_some()
}

fn rings(turns: &Turns<()>, bell: &Bell) {
    if bell.ring() == Some(Sleep::Queued) {
        turns.tell_queued();
    }
}

#[test]
fn of_two_in_the_queue_each_hears_his_bell() {
    loom::model(|| {
        let turns = Arc::new(Turns::new(()));
        turns.try_take().expect("it is free");
        let bells = [Arc::new(Bell::new()), Arc::new(Bell::new())];
        let sleepers = bells.clone().map(|bell| {
            let turns = Arc::clone(&turns);
            thread::spawn(move || takes_a_turn(&turns, &bell))
        });
        for bell in &bells {
            rings(&turns, bell);
        }
        for sleeper in sleepers {
            assert!(!sleeper.join().expect("no panic"), "somebody has it");
        }
    });
}

#[test]
fn what_is_given_back_is_not_lost_on_one_who_is_leaving() {
    loom::model(|| {
        let turns = Arc::new(Turns::new(()));
        turns.try_take().expect("it is free");
        let leaving = Arc::new(Bell::new());
        let sleepers = [Arc::clone(&leaving), Arc::new(Bell::new())].map(|bell| {
            let turns = Arc::clone(&turns);
            thread::spawn(move || takes_a_turn(&turns, &bell))
        });
        turns.give_back(());
        rings(&turns, &leaving);
        let [_may, gets_it] = sleepers.map(|sleeper| sleeper.join().expect("no panic"));
        assert!(gets_it, "nobody rings for it");
        assert!(turns.try_take().is_some());
    });
}
