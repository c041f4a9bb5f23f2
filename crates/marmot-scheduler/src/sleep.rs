//! How a machine that found nothing goes to sleep, and how it comes back with a P.
//!
//! Give the P up and enlist as a sleeper in one step under the lock; announce; look again
//! (`idle/`); then sleep: one machine in the driver, where the world can wake it, the others
//! on their own.

use std::ptr::null_mut;
use std::sync::atomic::Ordering;

use marmot_wait::clock;

use crate::driver::is_due;
use crate::events;
use crate::leftovers;
use crate::machine::Machine;
use crate::metrics::add;
use crate::processor::{Held, Processor};
use crate::shared::Sched;
use crate::task::panic::contained;

impl Machine {
    /// Nothing found: gives the P up and sleeps until there is one with work.
    pub(crate) fn rest(&'static self) {
        let shared = self.shared;
        if let Some(p) = self.held() {
            add(&p.counts.misses, 1);
        }
        {
            let mut sched = shared.lock();
            if !shared.global.is_empty() || shared.is_closing() {
                return;
            }
            if let Some(p) = self.held() {
                add(&p.counts.parks, 1);
            }
            self.put_down(&mut sched);
            sched.enlist(shared, self);
        }
        if shared.has_work(clock::now_ns()) {
            self.come_back();
        } else {
            self.sleep_enlisted();
        }
    }

    /// Gives the P up, and the claim to be searching.
    fn put_down(&self, sched: &mut Sched) {
        let p = self
            .believed()
            .expect("a machine that gives its P up believes to have it");
        events::proc_stopped(self, p);
        p.lease.give_up();
        self.set_proc(None);
        let searched = self.searching.replace(false);
        if sched.lay_down(p) {
            self.shared.idle.announce(searched);
        } else if searched {
            self.shared.idle.end_search();
        }
    }

    /// There are fewer Ps now: leaves this one's tasks to the others, and gives it up.
    #[cold]
    pub(crate) fn retire(&'static self, p: Held<'static>) {
        p.drain(|task| self.shared.global.push(task));
        self.put_down(&mut self.shared.lock());
        self.shared.notify();
    }

    /// The P is gone after a poll, or the monitor is about to decide so.
    #[cold]
    pub(crate) fn lost_proc(&self) {
        let shared = self.shared;
        let mut sched = shared.lock();
        if self.held().is_some() {
            return;
        }
        sched.attach(self);
        self.set_proc(None);
        self.take_any(&mut sched);
        drop(sched);
        if !shared.hogs.is_empty() {
            shared.notify();
        }
    }

    /// Takes an idle P, as a searcher. `false`: there is none.
    pub(crate) fn take_any(&self, sched: &mut Sched) -> bool {
        let Some(p) = sched.take_idle(self.shared) else {
            return false;
        };
        p.lease.grant(self);
        self.set_proc(Some(p));
        events::proc_started(self, p);
        self.fresh.set(true);
        self.shared.idle.begin_search();
        self.searching.set(true);
        true
    }

    /// Work turned up while going to sleep: off the list, and to a P if there is one.
    fn come_back(&'static self) {
        let mut sched = self.shared.lock();
        if !sched.unlist(self.shared, self) {
            drop(sched);
            self.adopt();
            return;
        }
        if !self.take_any(&mut sched) {
            sched.enlist(self.shared, self);
            drop(sched);
            self.sleep_enlisted();
        }
    }

    /// Sleeps without a P until one is handed over. `false`: the runtime closes.
    pub(crate) fn sleep(&'static self) -> bool {
        let mut sched = self.shared.lock();
        if self.shared.is_closing() {
            return false;
        }
        // The P looked gone while the monitor tried to take it, and failed: under its lock
        // that is settled, and the P is here.
        if self.held().is_some() {
            return true;
        }
        // A P may lie idle beside work, if no thread could be started for it.
        if self.shared.has_work(clock::now_ns()) && self.take_any(&mut sched) {
            return true;
        }
        sched.enlist(self.shared, self);
        drop(sched);
        self.cache().give_back();
        self.sleep_enlisted();
        !self.shared.is_closing()
    }

    fn sleep_enlisted(&'static self) {
        // Also if it was handed a P meanwhile: the interrupt that goes with it is on its way.
        if self.drives.get() {
            self.wait_in_driver();
        } else {
            self.wait_alone();
        }
    }

    fn wait_alone(&self) {
        while !self.adopt() && !self.shared.is_closing() {
            std::thread::park();
        }
    }

    /// Waits where the world can wake it; comes back with a P if one is idle.
    fn wait_in_driver(&'static self) {
        let shared = self.shared;
        let lanes: Vec<u32> = shared.procs.iter().map(|p| p.lane).collect();
        shared.polled_driver();
        self.stamping(|| {
            contained(&shared.config, || {
                shared.driver.wait(&lanes, &mut || self.leave_driver());
            });
            shared.polled_driver();
            self.fire_after_wait();
        });
    }

    /// Fires what is due in all lanes, but that of its own P if it has a queue: `find` lets these
    /// timers ahead of it.
    fn fire_after_wait(&self) {
        let now = clock::now_ns();
        let with_queue = self.held().filter(|p| !p.is_empty()).map(|p| p.lane);
        let due = |p: &&Processor| is_due(p.deadline, now) && Some(p.lane) != with_queue;
        for p in self.shared.procs.iter().filter(due) {
            self.shared.fire(p.lane, now);
        }
    }

    /// The wait is over: takes the P that was handed over, or an idle one, so that what the
    /// driver is about to wake has a place to go.
    fn leave_driver(&'static self) {
        let mut sched = self.shared.lock();
        let here = sched.unlist(self.shared, self) && self.take_any(&mut sched);
        drop(sched);
        if here || self.adopt() {
            self.begin_batch();
        }
    }

    /// Takes the P that was handed over, if any.
    pub(crate) fn adopt(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `hand_over`.
        let handed = self.handed.swap(null_mut(), Ordering::Acquire);
        let Some(p) = handed_over(handed) else {
            return false;
        };
        self.note_late_wake();
        self.set_proc(Some(p));
        events::proc_started(self, p);
        self.fresh.set(true);
        self.searching
            .set(self.woken_to_search.swap(false, Ordering::Relaxed));
        true
    }

    /// How long it took from the wake until here says whether a CPU was free.
    fn note_late_wake(&self) {
        let woken_at = self.woken_at.load(Ordering::Relaxed);
        if self.shared.scarcity.runs(woken_at, clock::now_ns()) {
            let counters = &self.shared.counters;
            counters.late_wakes.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[expect(unsafe_code, reason = "Ps live for ever")]
fn handed_over(p: *mut Processor) -> Option<&'static Processor> {
    // SAFETY: null, or from a `&'static Processor` in `hand_over`.
    unsafe { p.as_ref() }
}

impl Machine {
    /// The runtime closes: leaves the P and the lists, and gives the cells back.
    pub(crate) fn quit(&'static self) {
        let shared = self.shared;
        {
            let mut sched = shared.lock();
            sched.unlist(shared, self);
            if self.held().is_some() {
                self.put_down(&mut sched);
            }
        }
        if shared.is_closed() {
            // The walk over the cells did not wait for the poll that went on here, which may
            // have left its goroutine behind since.
            while leftovers::drop_all(shared) {}
        }
        self.cache().give_back();
        let mut sched = shared.lock();
        sched.threads -= 1;
        self.alive.store(false, Ordering::Relaxed);
        drop(sched);
        shared.thread_ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use crate::builder::Config;
    use crate::driver::NoDriver;
    use crate::machine::Machine;
    use crate::processor::Processor;
    use crate::shared::Shared;

    #[test]
    fn a_machine_whose_processor_was_taken_in_vain_does_not_sleep_on_it() {
        let (done, ended) = mpsc::channel();
        // On a thread of its own: a machine that goes to sleep here is never woken.
        std::thread::spawn(move || {
            let shared = Shared::leak(Box::new(NoDriver::default()), Config::of_a_test());
            let p = shared
                .procs
                .add(Processor::new(0, shared.driver.open_lane()));
            let m: &'static Machine = Box::leak(Box::new(Machine::new(shared, 0)));
            m.set_proc(Some(p));
            // The monitor's attempt is over, and the P is the machine's again.
            p.lease.grant(m);
            let goes_on = m.sleep();
            let nobody_sleeps = shared.lock().nobody_sleeps();
            done.send((goes_on, nobody_sleeps)).expect("the test waits");
        });
        let outcome = ended.recv_timeout(Duration::from_secs(10));
        assert_eq!(outcome, Ok((true, true)), "it keeps its P and goes on");
    }
}
