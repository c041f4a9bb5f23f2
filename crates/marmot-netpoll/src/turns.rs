//! Whose turn it is to be in the kernel, where several runtimes want to.
//!
//! ```text
//!           take                        give back
//!   free ─────────▶ somebody is in it ─────────────▶ free; one in the queue is told
//!                      ▲ take
//!                      └─── queue up ─▶ it is free: take · the bell has rung: go · time is over: go
//! ```
//!
//! There is no order in the queue. The one that is told takes it, or goes because its bell has rung:
//! then whoever rang tells all, so that what is free is not lost on those who stay.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::loom::{Condvar, Mutex, MutexGuard, lock};
use crate::seat::{Bell, Sleep};

/// What one at a time may have, and those who wait for it.
#[derive(Debug)]
pub(crate) struct Turns<K> {
    turn: Mutex<Turn<K>>,
    /// It was given back, or the bell of one in the queue has rung.
    changed: Condvar,
}

#[derive(Debug)]
struct Turn<K> {
    /// Absent while somebody has it.
    free: Option<K>,
    queued: usize,
}

impl<K> Turns<K> {
    pub(crate) fn new(free: K) -> Turns<K> {
        Turns {
            turn: Mutex::new(Turn {
                free: Some(free),
                queued: 0,
            }),
            changed: Condvar::new(),
        }
    }

    /// Takes it if it is free.
    pub(crate) fn try_take(&self) -> Option<K> {
        lock(&self.turn).free.take()
    }

    /// Takes it as soon as it is free, with what is left of the timeout then; `None` if the time
    /// is over before, or the bell rings, which is then forgotten.
    pub(crate) fn take(
        &self,
        bell: &Bell,
        timeout: Option<Duration>,
    ) -> Option<(K, Option<Duration>)> {
        let mut turn = lock(&self.turn);
        if let Some(taken) = turn.free.take() {
            return Some((taken, timeout));
        }
        bell.lie_down(Sleep::Queued).ok()?;
        let end = timeout.and_then(|span| Instant::now().checked_add(span));
        let left = || end.map(|end| end.saturating_duration_since(Instant::now()));
        turn.queued += 1;
        while turn.free.is_none() && !bell.is_rung() && left() != Some(Duration::ZERO) {
            turn = self.sleep(turn, left());
        }
        turn.queued -= 1;
        if bell.get_up() {
            return None;
        }
        turn.free.take().map(|taken| (taken, left()))
    }

    fn sleep<'a>(
        &self,
        turn: MutexGuard<'a, Turn<K>>,
        left: Option<Duration>,
    ) -> MutexGuard<'a, Turn<K>> {
        match left {
            Some(left) => {
                let slept = self.changed.wait_timeout(turn, left);
                slept.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let slept = self.changed.wait(turn);
                slept.unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    pub(crate) fn give_back(&self, taken: K) {
        let mut turn = lock(&self.turn);
        turn.free = Some(taken);
        let wanted = turn.queued > 0;
        drop(turn);
        if wanted {
            self.changed.notify_one();
        }
    }

    /// The bell of one in the queue has rung.
    pub(crate) fn tell_queued(&self) {
        // Under the lock, so that it falls before the sleeper's look or into its sleep.
        drop(lock(&self.turn));
        self.changed.notify_all();
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::{Duration, Instant};

    use marmot_testing::{until, within};

    use super::Turns;
    use crate::loom::lock;
    use crate::seat::Bell;

    const LIMIT: Duration = Duration::from_secs(20);

    type Taken = Option<(&'static str, Option<Duration>)>;

    /// One who queues up, and has.
    fn queued(
        turns: &Arc<Turns<&'static str>>,
        bell: &Arc<Bell>,
        timeout: Option<Duration>,
    ) -> thread::JoinHandle<Taken> {
        let (there, its) = (Arc::clone(turns), Arc::clone(bell));
        let sleeper = thread::spawn(move || there.take(&its, timeout));
        until(LIMIT, "it is in the queue", || {
            lock(&turns.turn).queued == 1
        });
        sleeper
    }

    fn taken() -> (Arc<Turns<&'static str>>, Arc<Bell>) {
        let turns = Arc::new(Turns::new("it"));
        assert_eq!(turns.try_take(), Some("it"));
        assert_eq!(turns.try_take(), None);
        (turns, Arc::new(Bell::new()))
    }

    #[test]
    fn one_in_the_queue_gets_it_with_what_is_left_of_its_time() {
        within(LIMIT, || {
            let (turns, bell) = taken();
            let sleeper = queued(&turns, &bell, Some(LIMIT));
            turns.give_back("it");
            let (it, left) = sleeper.join().expect("no panic").expect("its turn");
            assert_eq!(it, "it");
            assert!(left.is_some_and(|left| left < LIMIT), "it has waited");
            assert_eq!(lock(&turns.turn).queued, 0);
        });
    }

    #[test]
    fn one_in_the_queue_goes_when_its_time_is_over_and_not_before() {
        within(LIMIT, || {
            let (turns, bell) = taken();
            let (start, span) = (Instant::now(), Duration::from_millis(5));
            assert_eq!(turns.take(&bell, Some(span)), None);
            assert!(start.elapsed() >= span);
            turns.give_back("it");
            assert_eq!(turns.take(&bell, None), Some(("it", None)));
        });
    }

    #[test]
    fn one_whose_bell_has_rung_goes_though_it_is_free() {
        within(LIMIT, || {
            let (turns, bell) = taken();
            let sleeper = queued(&turns, &bell, None);
            let mut turn = lock(&turns.turn);
            assert!(bell.ring().is_some(), "it sleeps");
            turn.free = Some("it");
            drop(turn);
            turns.tell_queued();
            assert_eq!(sleeper.join().expect("no panic"), None);
            assert_eq!(turns.try_take(), Some("it"), "for somebody else");
        });
    }
}
