//! The idle protocol in every interleaving of who makes work and who runs out of it.
//!
//! `RUSTFLAGS="--cfg marmot_loom" LOOM_MAX_PREEMPTIONS=2 cargo test --release --lib -p marmot-scheduler idle`
//!
//! Work that lies beside a sleeping machine shows as a deadlock, which loom reports.
//!
//! Planted bugs and the models that find them:
//!
//! - no fence in `wants_searcher`, or none in `announce`:
//!   `work_is_not_left_beside_a_machine_that_goes_to_sleep` and two more;
//! - no fence in `end_search` (a bug that was there), or nobody is ever the last:
//!   `a_searcher_that_finds_work_wakes_the_next_one`;
//! - more than one searcher: `one_event_wakes_one_searcher`;
//! - `announce` keeps the claim of a searcher:
//!   `work_is_not_left_beside_a_machine_that_goes_to_sleep`.
//!
//! One lives: a `wants_searcher` that does not ask whether somebody searches. It is only the
//! shorter way, since `try_begin_search` asks again. All orderings but the fences' are Relaxed.

use std::sync::Arc;

use loom::sync::{Mutex, Notify};
use loom::thread;

use super::IdleWord;
use crate::loom::{AtomicBool, AtomicUsize, Ordering};

/// As many machines as Ps, and queues without anything that would order their looks: only
/// how many tasks are in each.
struct World {
    idle: IdleWord,
    queues: [AtomicUsize; 2],
    sched: Mutex<Sched>,
    machines: [Machine; 2],
    done: AtomicUsize,
}

#[derive(Default)]
struct Sched {
    idle_procs: usize,
    asleep: Vec<usize>,
    closing: bool,
}

struct Machine {
    bell: Notify,
    /// A P was handed to it; with the claim to be searching.
    handed: AtomicBool,
}

impl World {
    fn new() -> World {
        World {
            idle: IdleWord::new(),
            queues: [AtomicUsize::new(0), AtomicUsize::new(0)],
            sched: Mutex::new(Sched::default()),
            machines: [(); 2].map(|()| Machine {
                bell: Notify::new(),
                handed: AtomicBool::new(false),
            }),
            done: AtomicUsize::new(0),
        }
    }

    /// These machines sleep.
    fn asleep(machines: &[usize]) -> Arc<World> {
        let world = World::new();
        let mut sched = world.sched.lock().unwrap();
        for machine in machines {
            sched.idle_procs += 1;
            sched.asleep.push(*machine);
            world.idle.add();
        }
        drop(sched);
        Arc::new(world)
    }

    fn push(&self, queue: usize) {
        // ORDERING: Relaxed, so that nothing but the protocol orders the looks; what a real
        // queue publishes beside that is the task.
        self.queues[queue].fetch_add(1, Ordering::Relaxed);
    }

    fn pop(&self) -> bool {
        self.queues.iter().any(|queue| {
            let less = |len: usize| len.checked_sub(1);
            queue
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
                .is_ok()
        })
    }

    fn has_work(&self) -> bool {
        self.queues
            .iter()
            .any(|queue| queue.load(Ordering::Relaxed) > 0)
    }

    /// As `Shared::notify`.
    fn notify(&self) {
        if self.idle.wants_searcher() {
            self.wake_one();
        }
    }

    /// As `Shared::wake_one` and `Sched::hand_over`.
    fn wake_one(&self) {
        if !self.idle.try_begin_search() {
            return;
        }
        let mut sched = self.sched.lock().unwrap();
        if sched.idle_procs == 0 {
            self.idle.end_search();
            return;
        }
        sched.idle_procs -= 1;
        self.idle.take();
        let machine = sched.asleep.pop().expect("as many machines as Ps");
        self.machines[machine].handed.store(true, Ordering::Release);
        drop(sched);
        self.machines[machine].bell.notify();
    }

    /// A machine with a P that finds one task, and sleeps until there is one. `false`: the
    /// world ends.
    fn find(&self, me: usize, searching: &mut bool) -> bool {
        while !self.pop() {
            if !self.rest(me, searching) {
                return false;
            }
        }
        if std::mem::take(searching) && self.idle.end_search() && self.has_work() {
            self.notify();
        }
        true
    }

    /// As `Machine::rest`: back with a P, or `false`.
    fn rest(&self, me: usize, searching: &mut bool) -> bool {
        let mut sched = self.sched.lock().unwrap();
        if sched.closing {
            return false;
        }
        sched.idle_procs += 1;
        self.idle.announce(std::mem::take(searching));
        sched.asleep.push(me);
        drop(sched);
        if self.has_work() && self.come_back(me) {
            *searching = true;
            return true;
        }
        self.sleep(me, searching)
    }

    /// As `Machine::come_back`. `false`: it was handed a P meanwhile.
    fn come_back(&self, me: usize) -> bool {
        let mut sched = self.sched.lock().unwrap();
        let Some(at) = sched.asleep.iter().position(|asleep| *asleep == me) else {
            return false;
        };
        sched.asleep.remove(at);
        sched.idle_procs -= 1;
        self.idle.take();
        self.idle.begin_search();
        true
    }

    /// As `Machine::wait_alone`.
    fn sleep(&self, me: usize, searching: &mut bool) -> bool {
        loop {
            // A look first: loom lets a swap that changes nothing hide a store beside it.
            let handed = &self.machines[me].handed;
            if handed.load(Ordering::Acquire) && handed.swap(false, Ordering::Acquire) {
                *searching = true;
                return true;
            }
            if self.sched.lock().unwrap().closing {
                return false;
            }
            self.machines[me].bell.wait();
        }
    }

    /// A machine that runs tasks until all are done.
    fn serve(&self, me: usize, mut searching: bool, asleep: bool, total: usize) {
        if asleep && !self.sleep(me, &mut searching) {
            return;
        }
        while self.find(me, &mut searching) {
            if self.done.fetch_add(1, Ordering::Relaxed) + 1 == total {
                self.close();
                return;
            }
        }
    }

    fn close(&self) {
        self.sched.lock().unwrap().closing = true;
        self.machines
            .iter()
            .for_each(|machine| machine.bell.notify());
    }

    /// A machine whose task waits until another one has begun: it runs one only.
    fn serve_one(&self, me: usize) {
        let mut searching = false;
        assert!(self.sleep(me, &mut searching) && self.find(me, &mut searching));
    }
}

fn with(world: &Arc<World>, f: impl FnOnce(&World) + 'static) -> thread::JoinHandle<()> {
    let world = Arc::clone(world);
    thread::spawn(move || f(&world))
}

#[test]
fn work_is_not_left_beside_a_machine_that_goes_to_sleep() {
    for searches in [false, true] {
        loom::model(move || {
            let world = Arc::new(World::new());
            if searches {
                world.idle.begin_search();
            }
            let machine = with(&world, move |world| world.serve(0, searches, false, 1));
            world.push(0);
            world.notify();
            machine.join().unwrap();
            assert_eq!(world.done.load(Ordering::Relaxed), 1);
        });
    }
}

#[test]
fn a_machine_that_sleeps_is_woken_for_work() {
    loom::model(|| {
        let world = World::asleep(&[0]);
        let machine = with(&world, |world| world.serve(0, false, true, 2));
        world.push(0);
        world.notify();
        world.push(0);
        world.notify();
        machine.join().unwrap();
        assert_eq!(world.done.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn a_searcher_that_finds_work_wakes_the_next_one() {
    for queue in [0, 1] {
        loom::model(move || {
            let world = World::asleep(&[0, 1]);
            let machines = [0, 1].map(|me| with(&world, move |world| world.serve_one(me)));
            world.push(0);
            world.notify();
            world.push(queue);
            world.notify();
            machines
                .into_iter()
                .for_each(|machine| machine.join().unwrap());
            assert_eq!(world.idle.glance(), (0, 0));
        });
    }
}

#[test]
fn one_goes_to_sleep_while_the_other_is_woken() {
    loom::model(|| {
        let world = World::asleep(&[1]);
        let machines = [
            with(&world, |world| world.serve(0, false, false, 2)),
            with(&world, |world| world.serve(1, false, true, 2)),
        ];
        world.push(0);
        world.notify();
        world.push(1);
        world.notify();
        machines
            .into_iter()
            .for_each(|machine| machine.join().unwrap());
        assert_eq!(world.done.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn one_event_wakes_one_searcher() {
    loom::model(|| {
        let world = World::asleep(&[0, 1]);
        let other = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.idle.try_begin_search())
        };
        let mine = world.idle.try_begin_search();
        assert!(mine != other.join().unwrap());
        assert_eq!(world.idle.glance(), (2, 1));
        assert!(world.idle.end_search(), "it was the only one");
    });
}

#[test]
fn two_searchers_that_end_have_one_last_among_them() {
    loom::model(|| {
        let world = World::asleep(&[]);
        world.idle.begin_search();
        world.idle.begin_search();
        let other = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.idle.end_search())
        };
        let mine = world.idle.end_search();
        assert!(mine != other.join().unwrap());
    });
}
