//! The task state in every interleaving of a poller, wakers and handles.
//!
//! `RUSTFLAGS="--cfg marmot_loom" LOOM_MAX_PREEMPTIONS=2 cargo test --release --lib -p marmot-scheduler task`
//!
//! Each ordering of `state.rs` made weaker by one step fails a model; none lives. Those that
//! only one or two models notice, with the models:
//!
//! - `pause` and `pause_runnable`, Release:
//!   `a_runtime_that_ends_drops_what_a_last_poll_has_left`, as `seize`, Acquire (the unshared
//!   path of both was Relaxed, a bug);
//! - `pause_runnable`, Acquire: `a_goroutine_that_yields_is_queued_once_whoever_wakes_it`;
//! - `finish`, Acquire, and both halves of `update`: `a_joiner_that_waits_is_woken`,
//!   `an_output_goes_to_the_joiner_or_is_dropped`;
//! - `drop_join_fresh`, Release, and `drop_join`, Acquire:
//!   `a_handle_dropped_while_the_task_runs_leaves_the_output_to_one_of_them`;
//! - `wake_by_ref`, Release: `the_poll_after_a_wake_sees_what_the_waker_wrote`;
//! - `cancel`, Release: `an_abort_drops_the_future_once_wherever_it_comes`.
//!
//! Transitions that were changed, and noticed: a wake of a queued task that only reads; a wake
//! during a poll that is forgotten, or queues at once; a wake of a queued or a finished task
//! that queues; the unshared path taken with two references; RUN and SCHED of a yield changed
//! in two steps; a cell freed one reference early; a fresh handle that leaves JOIN behind; a
//! joiner's waker announced after the end; an abort that does not queue.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Count;

use loom::thread;

use super::state::{Duty, Pause, Start, State};
use crate::loom::{AtomicBool, Ordering, Place};

/// A cell with nothing in it but places that loom watches.
struct Task {
    state: State,
    /// Looked at by each use of the header, touched by whoever frees the cell: so loom sees a
    /// use after the free, and a free that is not ordered after every use.
    alive: Place,
    /// Touched by each poll, and by the drop of the future.
    future: Place,
    output: Place,
    /// The joiner's waker.
    joiner: Place,
    /// The run queue. It publishes what is pushed to whoever pops it, and nothing more.
    queued: AtomicBool,
    /// What the wakers have to say to the poll. Relaxed: only the state orders it.
    messages: [AtomicBool; 2],
    script: Script,
    seen: Notes,
}

/// What the future does when it is polled.
#[derive(Clone, Copy, PartialEq)]
enum Script {
    /// Waits for both messages, then ends.
    AwaitsBoth,
    /// Waits, whatever comes.
    Waits,
    /// Yields once, then waits.
    Yields,
    /// Ends at once.
    Ends,
}

/// What happened, for the model's own use: not part of what is modelled.
#[derive(Default)]
struct Notes {
    polls: Count,
    /// The messages that the last poll, or the drop of the future, has seen, one bit each.
    messages: Count,
    ends: Count,
    future_drops: Count,
    output_drops: Count,
    output_takes: Count,
    joiner_wakes: Count,
    frees: Count,
    losses: Count,
}

fn note(count: &Count) {
    count.fetch_add(1, Ordering::Relaxed);
}

fn read(count: &Count) -> usize {
    count.load(Ordering::Relaxed)
}

impl Task {
    /// A task in the queue, with its life and a join handle.
    fn new(script: Script) -> Arc<Task> {
        Arc::new(Task {
            state: State::new(),
            alive: Place::new(),
            future: Place::new(),
            output: Place::new(),
            joiner: Place::new(),
            queued: AtomicBool::new(true),
            messages: [AtomicBool::new(false), AtomicBool::new(false)],
            script,
            seen: Notes::default(),
        })
    }

    /// The same without a join handle.
    fn detached(script: Script) -> Arc<Task> {
        let task = Task::new(script);
        assert!(task.state.drop_join_fresh());
        task
    }

    /// The same after a first poll that has left `wakers` wakers.
    fn waiting(script: Script, wakers: usize) -> Arc<Task> {
        let task = Task::detached(script);
        for _ in 0..wakers {
            task.state.add_ref();
        }
        assert!(task.turn());
        task
    }

    /// The header: every use of it goes through here.
    #[track_caller]
    fn state(&self) -> &State {
        assert_eq!(read(&self.seen.frees), 0, "used after it was freed");
        self.alive.look();
        &self.state
    }

    fn push(&self) {
        let twice = self.queued.swap(true, Ordering::Release);
        assert!(!twice, "queued twice");
    }

    fn owe(&self, duty: Duty) {
        if duty == Duty::Enqueue {
            self.push();
        }
    }

    #[track_caller]
    fn free(&self) {
        self.alive.touch();
        // Whoever frees the cell drops the joiner's waker.
        self.joiner.touch();
        note(&self.seen.frees);
        assert_eq!(read(&self.seen.frees), 1, "freed twice");
    }

    #[track_caller]
    fn drop_ref(&self) {
        if self.state().drop_ref() {
            self.free();
        }
    }

    /// What a machine does with a task from the queue. `false`: the queue was empty.
    fn turn(&self) -> bool {
        // A look first: loom lets a swap that changes nothing hide a store beside it.
        let there = self.queued.load(Ordering::Relaxed);
        if !there || !self.queued.swap(false, Ordering::Acquire) {
            return false;
        }
        match self.state().start() {
            Start::Poll => self.poll(),
            Start::Cancel => {
                self.listen();
                self.end();
            }
        }
        true
    }

    /// Hears what has been said; which messages, one bit each.
    fn listen(&self) -> usize {
        let heard = |n: usize| usize::from(self.messages[n].load(Ordering::Relaxed)) << n;
        let seen = heard(0) | heard(1);
        self.seen.messages.store(seen, Ordering::Relaxed);
        seen
    }

    fn poll(&self) {
        self.future.touch();
        note(&self.seen.polls);
        let seen = self.listen();
        match self.script {
            Script::AwaitsBoth if seen == 3 => self.end(),
            Script::Ends => self.end(),
            Script::Yields if read(&self.seen.polls) == 1 => {
                self.state().pause_runnable();
                self.push();
            }
            _ => match self.state().pause() {
                Pause::Waiting => {}
                Pause::Lost => note(&self.seen.losses),
                Pause::Woken => self.push(),
            },
        }
    }

    /// The end of a task, as in `cell::end`.
    fn end(&self) {
        self.future.touch();
        note(&self.seen.future_drops);
        self.output.touch();
        note(&self.seen.ends);
        let finish = self.state().finish();
        if !finish.joined {
            self.drop_output();
        }
        if finish.wake_joiner {
            self.joiner.look();
            note(&self.seen.joiner_wakes);
        }
        if finish.last {
            self.free();
        } else {
            self.drop_ref();
        }
    }

    #[track_caller]
    fn drop_output(&self) {
        self.output.touch();
        note(&self.seen.output_drops);
    }

    /// Says the message, then wakes, keeping the waker.
    fn wake_by_ref(&self, message: usize) {
        self.messages[message].store(true, Ordering::Relaxed);
        self.owe(self.state().wake_by_ref());
    }

    /// Says the message, then wakes, giving the waker up.
    fn wake(&self, message: usize) {
        self.messages[message].store(true, Ordering::Relaxed);
        let (duty, last) = self.state().wake();
        match duty {
            Duty::Enqueue => self.push(),
            Duty::Nothing if last => self.free(),
            Duty::Nothing => {}
        }
    }

    /// Says the message, then aborts.
    fn abort(&self, message: usize) {
        self.messages[message].store(true, Ordering::Relaxed);
        self.owe(self.state().cancel());
    }

    /// A `JoinHandle` that has never been polled is dropped.
    fn drop_fresh_handle(&self) {
        if !self.state().drop_join_fresh() {
            self.drop_handle(false);
        }
    }

    /// A `JoinHandle` is dropped, as there.
    fn drop_handle(&self, polled: bool) {
        if polled && self.state().unset_join_waker() {
            self.joiner.touch();
        }
        if self.state().drop_join() {
            self.drop_output();
        }
        self.drop_ref();
    }

    /// A `JoinHandle` is polled with another waker than the last time, as there. `true`: it
    /// took the output.
    fn join(&self, polled_before: bool) -> bool {
        if !self.state().is_done() && self.leave_waker(polled_before) {
            return false;
        }
        self.output.touch();
        note(&self.seen.output_takes);
        true
    }

    fn leave_waker(&self, polled_before: bool) -> bool {
        if polled_before {
            self.joiner.look();
            if !self.state().unset_join_waker() && self.state().is_done() {
                return false;
            }
        }
        self.joiner.touch();
        self.state().set_join_waker()
    }

    /// All threads have ended: nothing that was said has been overheard, or the task is in
    /// the queue. Then runs it until it is not.
    fn settle(&self, said: usize) {
        if !self.queued.load(Ordering::Relaxed) && read(&self.seen.ends) == 0 {
            assert_eq!(read(&self.seen.messages), said, "a wake-up was lost");
        }
        while self.turn() {}
        if read(&self.seen.ends) == 0 {
            assert_eq!(read(&self.seen.messages), said, "a wake-up was lost");
        }
        assert!(read(&self.seen.ends) <= 1);
    }

    /// It has ended, and everything of it is gone, once.
    fn assert_gone(&self) {
        assert_eq!(read(&self.seen.future_drops), 1);
        assert_eq!(
            read(&self.seen.output_drops) + read(&self.seen.output_takes),
            1
        );
        assert_eq!(read(&self.seen.frees), 1);
    }
}

fn with<R: 'static>(
    task: &Arc<Task>,
    f: impl FnOnce(&Task) -> R + 'static,
) -> thread::JoinHandle<R> {
    let task = Arc::clone(task);
    thread::spawn(move || f(&task))
}

#[test]
fn the_poll_after_a_wake_sees_what_the_waker_wrote() {
    loom::model(|| {
        let task = Task::waiting(Script::Waits, 2);
        let wakers = [0, 1].map(|n| with(&task, move |task| task.wake_by_ref(n)));
        task.turn();
        task.turn();
        wakers.into_iter().for_each(|waker| waker.join().unwrap());
        task.settle(3);
    });
}

#[test]
fn wakers_that_are_used_up_are_not_overheard() {
    loom::model(|| {
        let task = Task::waiting(Script::Waits, 2);
        let wakers = [0, 1].map(|n| with(&task, move |task| task.wake(n)));
        task.turn();
        task.turn();
        wakers.into_iter().for_each(|waker| waker.join().unwrap());
        task.settle(3);
        assert_eq!(
            read(&task.seen.losses),
            1,
            "no waker is left, and the last poll knew it"
        );
    });
}

#[test]
fn a_wake_during_the_poll_leads_to_another_poll() {
    loom::model(|| {
        let task = Task::detached(Script::Waits);
        task.state.add_ref();
        let waker = with(&task, |task| task.wake(0));
        task.turn();
        task.turn();
        waker.join().unwrap();
        task.settle(1);
        assert_eq!(read(&task.seen.losses), 1);
    });
}

#[test]
fn two_machines_never_poll_at_once() {
    loom::model(|| {
        let task = Task::detached(Script::AwaitsBoth);
        task.state.add_ref();
        let other = with(&task, |task| task.turn());
        let waker = with(&task, |task| {
            task.wake_by_ref(0);
            task.wake(1);
        });
        task.turn();
        waker.join().unwrap();
        other.join().unwrap();
        task.settle(3);
        task.assert_gone();
    });
}

#[test]
fn a_goroutine_that_yields_is_queued_once_whoever_wakes_it() {
    for by_ref in [false, true] {
        loom::model(move || {
            let task = Task::detached(Script::Yields);
            task.state.add_ref();
            let waker = with(&task, move |task| {
                if by_ref {
                    task.wake_by_ref(0);
                } else {
                    task.wake(0);
                }
            });
            let other = with(&task, |task| task.turn());
            task.turn();
            waker.join().unwrap();
            other.join().unwrap();
            task.settle(1);
        });
    }
}

#[test]
fn the_last_reference_frees_once() {
    loom::model(|| {
        let task = Task::detached(Script::Ends);
        task.state.add_ref();
        task.state.add_ref();
        let dropper = with(&task, |task| task.drop_ref());
        let waker = with(&task, |task| task.wake(0));
        task.turn();
        dropper.join().unwrap();
        waker.join().unwrap();
        task.assert_gone();
    });
}

#[test]
fn a_waker_dropped_during_the_last_poll_is_freed_with_the_cell() {
    loom::model(|| {
        let task = Task::detached(Script::Ends);
        task.state.add_ref();
        let dropper = with(&task, |task| task.drop_ref());
        task.turn();
        dropper.join().unwrap();
        task.assert_gone();
    });
}

#[test]
fn a_clone_of_a_waker_keeps_the_cell() {
    loom::model(|| {
        let task = Task::detached(Script::Ends);
        task.state.add_ref();
        let cloner = with(&task, |task| {
            task.state().add_ref();
            task.drop_ref();
            task.wake(0);
        });
        task.turn();
        cloner.join().unwrap();
        task.assert_gone();
    });
}

#[test]
fn an_abort_drops_the_future_once_wherever_it_comes() {
    loom::model(|| {
        let task = Task::new(Script::Waits);
        task.state.add_ref();
        let aborter = with(&task, |task| {
            task.abort(0);
            task.drop_ref();
        });
        let handle = with(&task, |task| task.drop_fresh_handle());
        task.turn();
        task.turn();
        aborter.join().unwrap();
        handle.join().unwrap();
        while task.turn() {}
        assert_eq!(
            read(&task.seen.messages),
            1,
            "the drop sees what the aborter wrote"
        );
        task.assert_gone();
    });
}

#[test]
fn an_abort_and_a_wake_queue_the_task_once() {
    loom::model(|| {
        let task = Task::waiting(Script::Waits, 2);
        let aborter = with(&task, |task| {
            task.abort(0);
            task.drop_ref();
        });
        let waker = with(&task, |task| task.wake(1));
        task.turn();
        aborter.join().unwrap();
        waker.join().unwrap();
        while task.turn() {}
        task.assert_gone();
    });
}

#[test]
fn an_output_goes_to_the_joiner_or_is_dropped() {
    loom::model(|| {
        let task = Task::new(Script::Ends);
        let machine = with(&task, |task| task.turn());
        let mut taken = task.join(false);
        if !taken {
            taken = task.join(true);
        }
        if taken {
            // A handle that gave its output leaves the waker where it is.
            if task.state().drop_join() {
                task.seen.output_takes.fetch_add(0, Ordering::Relaxed);
            }
            task.drop_ref();
        } else {
            task.drop_handle(true);
        }
        machine.join().unwrap();
        task.assert_gone();
    });
}

#[test]
fn a_joiner_that_waits_is_woken() {
    loom::model(|| {
        let task = Task::new(Script::Ends);
        let machine = with(&task, |task| task.turn());
        let waits = !task.join(false);
        machine.join().unwrap();
        assert_eq!(read(&task.seen.joiner_wakes), usize::from(waits));
        if waits {
            assert!(task.join(true));
        }
        task.drop_ref();
        task.assert_gone();
    });
}

#[test]
fn a_handle_dropped_while_the_task_runs_leaves_the_output_to_one_of_them() {
    for polled in [false, true] {
        loom::model(move || {
            let task = Task::new(Script::Ends);
            if polled {
                assert!(!task.join(false));
            }
            let machine = with(&task, |task| task.turn());
            if polled {
                task.drop_handle(true);
            } else {
                task.drop_fresh_handle();
            }
            machine.join().unwrap();
            task.assert_gone();
        });
    }
}

#[test]
fn a_runtime_that_ends_drops_what_a_last_poll_has_left() {
    for script in [Script::Waits, Script::Yields] {
        for wakers in [0, 1, 2] {
            loom::model(move || {
                let task = Task::detached(script);
                for _ in 0..wakers {
                    task.state.add_ref();
                }
                let machine = with(&task, |task| task.turn());
                // The machine has begun its poll, and will begin no other.
                while read(&task.seen.polls) == 0 {
                    thread::yield_now();
                }
                if wakers == 2 {
                    // Nobody serves the queue any more.
                    _ = task.state().wake_by_ref();
                }
                if task.state().seize() {
                    task.end();
                }
                machine.join().unwrap();
                assert!(read(&task.seen.future_drops) <= 1);
            });
        }
    }
}
