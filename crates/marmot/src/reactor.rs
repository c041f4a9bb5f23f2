//! Timers and sockets as one [`Driver`]: the whole joint between them and the scheduler.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use marmot_netpoll::{Poller, Seat};
use marmot_scheduler::{Driver, Lane, until};
use marmot_time::{Group, lanes};
use marmot_wait::clock;

/// The timers of one runtime, and its seat at the process's poller.
pub(crate) struct Reactor {
    timers: Arc<Group>,
    /// Empty once the runtime is over: a seat says that its runtime looks at the poller.
    seat: Arc<RwLock<Option<Seat>>>,
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Reactor> {
        let seat = Arc::new(RwLock::new(Some(Seat::new(Poller::global()?))));
        let bell = Arc::clone(&seat);
        let timers = Group::new(Box::new(move || with(&bell, Seat::interrupt)));
        Ok(Reactor { timers, seat })
    }
}

/// Waits that runtimes have ended at the poller so far; whose they were it does not know.
// ORDERING: Relaxed, a count.
static WAKEUPS: AtomicU64 = AtomicU64::new(0);

fn count(woken: usize) -> usize {
    if woken > 0 {
        WAKEUPS.fetch_add(woken as u64, Ordering::Relaxed);
    }
    woken
}

/// Does something with the seat, if there still is one. The lock is held for reading only, and
/// written once, at the end.
fn with<R: Default>(seat: &RwLock<Option<Seat>>, f: impl FnOnce(&Seat) -> R) -> R {
    let seat = seat.read().unwrap_or_else(PoisonError::into_inner);
    seat.as_ref().map_or_else(R::default, f)
}

impl Driver for Reactor {
    fn open_lane(&self) -> Lane {
        let id = self.timers.open_lane();
        Lane {
            id,
            deadline: lanes::deadline_cell(id),
        }
    }

    fn close_lane(&self, lane: u32) {
        self.timers.close_lane(lane);
    }

    fn fire(&self, lane: u32, now_ns: u64) -> usize {
        lanes::fire(lane, now_ns)
    }

    fn fire_one(&self, lane: u32, now_ns: u64) -> usize {
        lanes::fire_one(lane, now_ns)
    }

    fn has_waiters(&self) -> bool {
        with(&self.seat, |seat| seat.poller().waiting_count() > 0)
    }

    fn waiters(&self) -> usize {
        with(&self.seat, |seat| seat.poller().waiting_count())
    }

    fn wakeups(&self) -> u64 {
        WAKEUPS.load(Ordering::Relaxed)
    }

    fn timers(&self, lane: u32) -> usize {
        lanes::live(lane)
    }

    fn poll(&self) -> usize {
        // The poller fails only for want of memory; whoever waits in it is told.
        let woken = with(&self.seat, |seat| {
            seat.poll(Some(Duration::ZERO)).unwrap_or(0)
        });
        count(woken)
    }

    fn wait(&self, lanes: &[u32], before_wake: &mut dyn FnMut()) {
        let earliest = self.timers.prepare_sleep(lanes.iter().copied());
        let timeout = until(earliest, clock::now_ns());
        let mut over = false;
        let waited = with(&self.seat, |seat| {
            let waited = seat.poll_with(timeout, || {
                over = true;
                self.timers.end_sleep();
                before_wake();
            });
            Some(waited.map(count).is_ok())
        });
        if !over {
            self.timers.end_sleep();
            before_wake();
        }
        if waited != Some(true) {
            // Nothing to wait with: at least leave the CPU to others.
            std::thread::yield_now();
        }
    }

    fn close(&self) {
        drop(
            self.seat
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }

    fn interrupt(&self) {
        with(&self.seat, Seat::interrupt);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex, PoisonError};
    use std::thread;
    use std::time::{Duration, Instant};

    use marmot_net::UnixStream;
    use marmot_scheduler::Driver;
    use marmot_testing::{ByHand, until, within};
    use marmot_time::{Sleep, ms, secs, sleep};
    use marmot_wait::{clock, set_lane};

    use super::Reactor;

    const LIMIT: Duration = Duration::from_secs(20);

    /// Runs a test by itself: there is one poller, and whoever waits at it is woken by what the
    /// others do. (Runtimes of other files may still end a wait early.)
    fn alone(test: impl FnOnce(&Arc<Reactor>) + Send + 'static) {
        static ALONE: Mutex<()> = Mutex::new(());
        within(LIMIT, || {
            let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
            test(&Arc::new(Reactor::new().expect("a poller")));
        });
    }

    /// Waits once; what comes before waking comes once.
    fn wait(reactor: &Reactor, lanes: &[u32]) {
        let mut calls = 0;
        reactor.wait(lanes, &mut || calls += 1);
        assert_eq!(calls, 1);
    }

    /// A sleep in this queue, polled once.
    fn armed(lane: u32, long: Duration) -> ByHand<Sleep> {
        let before = set_lane(Some(lane));
        let mut nap = ByHand::new(sleep(long));
        nap.expect_pending();
        set_lane(before);
        nap
    }

    #[test]
    fn a_wait_ends_at_the_first_deadline_of_its_queues_and_fires_nothing() {
        alone(|reactor| {
            let lanes = [reactor.open_lane(), reactor.open_lane()];
            let [late, soon] = lanes.map(|lane| lane.id);
            let naps = [
                armed(late, secs(3600)),
                armed(soon, ms(5)),
                armed(soon, ms(5)),
            ];
            let due = clock::now_ns() + 5_000_000;
            while clock::now_ns() < due {
                wait(reactor, &[late, soon]);
            }
            assert!(naps.iter().all(|nap| nap.wakes() == 0));
            assert_eq!([late, soon].map(|lane| reactor.timers(lane)), [1, 2]);
            assert_eq!(reactor.fire_one(soon, clock::now_ns()), 1);
            assert_eq!(reactor.fire(soon, clock::now_ns()), 1);
            assert_eq!(reactor.fire(late, u64::MAX), 1);
            assert!(naps.iter().all(|nap| nap.wakes() == 1));
            for lane in [late, soon] {
                reactor.close_lane(lane);
                let _other = armed(lane, secs(3600));
                assert_eq!(reactor.timers(lane), 0, "it takes no more");
            }
        });
    }

    #[test]
    fn an_earlier_timer_and_an_interrupt_end_a_wait() {
        alone(|reactor| {
            let lane = reactor.open_lane().id;
            for round in 0..20 {
                let there = Arc::clone(reactor);
                let waiter = thread::spawn(move || wait(&there, &[lane]));
                // Before it waits in the first rounds, then, as a rule, while it does.
                thread::sleep(Duration::from_micros(round * 100));
                let nap = if round % 2 == 0 {
                    reactor.interrupt();
                    None
                } else {
                    Some(armed(lane, ms(1)))
                };
                waiter.join().expect("no panic");
                drop(nap);
            }
            reactor.close_lane(lane);
        });
    }

    #[test]
    fn nobody_is_interrupted_by_timers_while_nobody_waits() {
        alone(|reactor| {
            let lane = reactor.open_lane().id;
            let undisturbed = (0..100).any(|_| {
                reactor.interrupt();
                wait(reactor, &[lane]);
                let _nap = armed(lane, ms(30));
                let start = Instant::now();
                wait(reactor, &[lane]);
                start.elapsed() >= ms(20)
            });
            assert!(undisturbed, "the wait before was over");
            reactor.close_lane(lane);
        });
    }

    #[test]
    fn those_who_wait_for_a_socket_are_counted_and_woken_by_a_look() {
        alone(|reactor| {
            let (near, far) = UnixStream::pair().expect("a pair");
            let mut far = far.into_std().expect("a socket");
            let mut buf = [0];
            let mut read = ByHand::new(near.read(&mut buf));
            read.expect_pending();
            assert!(reactor.has_waiters() && reactor.waiters() >= 1);
            let before = reactor.wakeups();
            far.write_all(b"!").expect("room");
            until(LIMIT, "somebody looks", || {
                reactor.poll();
                read.wakes() == 1
            });
            until(LIMIT, "it is counted", || reactor.wakeups() > before);
            assert_eq!(read.expect_ready().expect("a byte"), 1);
        });
    }

    #[test]
    fn after_its_end_a_wait_is_over_at_once() {
        alone(|reactor| {
            reactor.close();
            reactor.interrupt();
            for _ in 0..3 {
                wait(reactor, &[]);
            }
            assert_eq!((reactor.poll(), reactor.waiters()), (0, 0));
            assert!(!reactor.has_waiters());
        });
    }
}
