//! The lease in every interleaving of a machine and the monitor, in its fence form.
//!
//! `RUSTFLAGS="--cfg marmot_loom" LOOM_MAX_PREEMPTIONS=2 cargo test --release --lib -p marmot-scheduler lease`
//!
//! Planted bugs and the models that find them:
//!
//! - no light fence in `enter`, no heavy one, a revoke that does not look whether the machine
//!   is inside, `leave` with Relaxed, Relaxed in `revoke`:
//!   `a_region_and_a_revoke_never_overlap`;
//! - no light fence in `end_poll`, or no store; a failed revoke that keeps the P:
//!   `a_machine_that_ends_its_poll_has_the_p_or_knows_that_it_is_gone`;
//! - `begin_poll` with Relaxed, a revoke that does not ask for the tick:
//!   `only_the_poll_that_was_meant_loses_the_p`;
//! - `is_held_by` or `grant` with Relaxed: `a_p_handed_on_is_used_by_its_new_machine_alone`;
//! - `leave` that opens the region around it:
//!   `a_region_inside_another_leaves_the_outer_one_closed`.
//!
//! Two live. `Lease::glance` with Relaxed: there is nothing behind a model's pointer to look
//! at. `Side::glance` with Relaxed: what depends on it is a read-modify-write (`State::seize`),
//! and loom's always meet the newest store.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Count;

use loom::sync::Mutex;
use loom::thread;

use super::{Lease, Side, heavy};
use crate::loom::{AtomicBool, Ordering, Place};
use crate::task::state::{Start, State};

/// One P, two machines and the scheduler's lock. A machine is known by its side.
struct World {
    lease: Lease<Side>,
    sides: [Side; 2],
    /// The plain parts of the P.
    core: Place,
    /// Whether the P lies there for anybody to take.
    lock: Mutex<bool>,
    /// In which poll the machine found its P gone, for the model's own use.
    lost_in: Count,
}

impl World {
    /// The P is granted to machine 0, which is in its first poll.
    fn new() -> Arc<World> {
        let world = Arc::new(World {
            lease: Lease::new(),
            sides: [Side::new(), Side::new()],
            core: Place::new(),
            lock: Mutex::new(false),
            lost_in: Count::new(0),
        });
        world.lease.grant(&world.sides[0]);
        world.sides[0].begin_poll();
        world
    }

    fn holds(&self, machine: usize) -> bool {
        self.lease.is_held_by(&self.sides[machine])
    }

    /// What a wake or a spawn does inside a poll. `true`: it had the P.
    fn region(&self, machine: usize) -> bool {
        let side = &self.sides[machine];
        let before = side.enter();
        let held = self.holds(machine);
        if held {
            self.core.touch();
        }
        side.leave(before);
        held
    }

    /// The end of a poll, and what follows it; as `Machine::after_poll` and `lost_proc`.
    /// `true`: the P is still there.
    fn end_poll(&self, poll: usize) -> bool {
        self.sides[0].end_poll();
        if !self.holds(0) {
            let lock = self.lock.lock().unwrap();
            if !self.holds(0) {
                self.lost_in.store(poll, Ordering::Relaxed);
                return false;
            }
            drop(lock);
        }
        self.core.touch();
        true
    }

    /// The monitor takes the P from machine 0 in the poll `tick`, does `then` with it.
    fn revoke(&self, tick: u32, then: impl FnOnce()) -> bool {
        let lock = self.lock.lock().unwrap();
        let revoked = self.holds(0) && self.lease.revoke(&self.sides[0], &self.sides[0], tick);
        if revoked {
            self.core.touch();
            then();
        }
        drop(lock);
        revoked
    }
}

fn with<R: 'static>(
    world: &Arc<World>,
    f: impl FnOnce(&World) -> R + 'static,
) -> thread::JoinHandle<R> {
    let world = Arc::clone(world);
    thread::spawn(move || f(&world))
}

#[test]
fn a_region_and_a_revoke_never_overlap() {
    loom::model(|| {
        let world = World::new();
        let monitor = with(&world, |world| world.revoke(1, || ()));
        world.region(0);
        world.region(0);
        monitor.join().unwrap();
    });
}

#[test]
fn a_p_taken_for_a_moment_comes_back_with_what_was_done_to_it() {
    loom::model(|| {
        let world = World::new();
        let monitor = with(&world, |world| {
            world.revoke(1, || world.lease.grant(&world.sides[0]));
        });
        world.region(0);
        world.region(0);
        monitor.join().unwrap();
        assert!(world.holds(0));
    });
}

#[test]
fn a_p_handed_on_is_used_by_its_new_machine_alone() {
    loom::model(|| {
        let world = World::new();
        let monitor = with(&world, |world| {
            world.revoke(1, || world.lease.grant(&world.sides[1]))
        });
        let other = with(&world, |world| {
            // It was asleep: in the scheduler since it was made.
            if world.holds(1) {
                world.core.touch();
            }
        });
        world.region(0);
        world.region(0);
        assert_eq!(monitor.join().unwrap(), !world.holds(0));
        other.join().unwrap();
    });
}

#[test]
fn a_machine_that_ends_its_poll_has_the_p_or_knows_that_it_is_gone() {
    loom::model(|| {
        let world = World::new();
        let monitor = with(&world, |world| world.revoke(1, || ()));
        let kept = world.end_poll(1);
        assert_eq!(monitor.join().unwrap(), !kept);
        assert_eq!(world.holds(0), kept, "a revoke that failed gave it back");
    });
}

#[test]
fn only_the_poll_that_was_meant_loses_the_p() {
    loom::model(|| {
        let world = World::new();
        let monitor = with(&world, |world| world.revoke(1, || ()));
        let mut kept = world.end_poll(1);
        if kept {
            world.sides[0].begin_poll();
            world.region(0);
            kept = world.end_poll(2);
        }
        assert_eq!(monitor.join().unwrap(), !kept);
        if !kept {
            assert_eq!(
                world.lost_in.load(Ordering::Relaxed),
                1,
                "it was revoked in poll 1"
            );
        }
    });
}

#[test]
fn a_region_inside_another_leaves_the_outer_one_closed() {
    loom::model(|| {
        let world = World::new();
        let monitor = with(&world, |world| world.revoke(1, || ()));
        let side = &world.sides[0];
        let before = side.enter();
        let held = world.holds(0);
        world.region(0);
        if held {
            world.core.touch();
        }
        side.leave(before);
        monitor.join().unwrap();
    });
}

#[test]
fn a_p_given_up_goes_to_the_next_through_the_lock() {
    loom::model(|| {
        let world = World::new();
        let other = with(&world, |world| {
            let mut lock = world.lock.lock().unwrap();
            if std::mem::take(&mut *lock) {
                world.lease.grant(&world.sides[1]);
                world.core.touch();
            }
        });
        if world.end_poll(1) {
            let mut lock = world.lock.lock().unwrap();
            world.lease.give_up();
            *lock = true;
            drop(lock);
            assert!(!world.holds(0));
        }
        other.join().unwrap();
    });
}

#[test]
fn the_monitor_may_look_while_the_machine_moves() {
    loom::model(|| {
        let world = World::new();
        let monitor = with(&world, |world| {
            let (tick, polling) = world.sides[0].glance();
            polling && world.revoke(tick, || ())
        });
        let mut kept = world.end_poll(1);
        if kept {
            world.sides[0].begin_poll();
            kept = world.end_poll(2);
        }
        assert_eq!(monitor.join().unwrap(), !kept);
    });
}

/// As the end of a `Runtime` whose patience is over: a task is either taken by a machine, or
/// by the walk over the cells.
#[test]
fn a_runtime_that_ends_waits_for_machines_between_two_polls() {
    loom::model(|| {
        let world = World::new();
        let closing = Arc::new(AtomicBool::new(false));
        let tasks = Arc::new([Task::new(), Task::new()]);
        let machine = {
            let (world, closing, tasks) = (world.clone(), closing.clone(), tasks.clone());
            thread::spawn(move || {
                for task in &*tasks {
                    world.sides[0].end_poll();
                    if closing.load(Ordering::Relaxed) {
                        break;
                    }
                    assert_eq!(task.state.start(), Start::Poll);
                    world.sides[0].begin_poll();
                    task.future.touch();
                }
                // What a thread that has ended looks like.
                world.sides[0].leave(false);
            })
        };
        closing.store(true, Ordering::Relaxed);
        heavy();
        while !world.sides[0].glance().1 {
            thread::yield_now();
        }
        for task in &*tasks {
            if task.state.seize() {
                task.future.touch();
            }
        }
        machine.join().unwrap();
    });
}

/// A task in the queue that nothing refers to.
struct Task {
    state: State,
    future: Place,
}

impl Task {
    fn new() -> Task {
        let state = State::new();
        assert!(state.drop_join_fresh());
        Task {
            state,
            future: Place::new(),
        }
    }
}
