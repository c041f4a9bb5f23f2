//! "All goroutines are asleep": nothing runs, nothing is queued, no timer is set, nobody
//! waits for the world, and goroutines are left. How sure we are, and what is done.
//!
//! *Certain*: every thread of the process is ours and has nothing to do, or is asleep until
//! another thread wakes it (`foreign.rs`). *Suspected*: there are foreign threads that could
//! still wake somebody.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::builder::Deadlock;
use crate::foreign;
use crate::registry;
use crate::shared::Shared;
use crate::shared_with;
use crate::snapshot;
use crate::task::panic::{contained, die, print};

/// The first look again at a suspected deadlock; doubled each time.
const FIRST_AGAIN: Duration = Duration::from_millis(2);
/// The first look again at goroutines that wait for the world or a timer; doubled each time, up
/// to the other. Others than this runtime's may end that wait (a receiver of signals that a plain
/// thread drops), and nobody tells the monitor.
const FIRST_RECHECK: Duration = Duration::from_secs(1);
const LAST_RECHECK: Duration = Duration::from_secs(64);
/// A suspicion that has lasted this long is told, unless the runtime was made otherwise.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// The text with which Go ends such a program.
pub(crate) const ALL_ASLEEP: &str = "all goroutines are asleep - deadlock!";
/// The same, when main has called `goexit`.
const NO_GOROUTINES: &str = "no goroutines (main called runtime.Goexit) - deadlock!";

/// What the monitor remembers of a suspicion.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    waited: Duration,
    /// Until the next look at goroutines that wait for the world.
    recheck: Duration,
    /// It looked certain at the last look too.
    twice: bool,
    /// Goroutines started so far when it was told, as suspected and as certain: told again only
    /// if more were.
    suspected_at: Option<u64>,
    certain_at: Option<u64>,
}

/// How sure we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// There are no goroutines.
    Nobody,
    /// Somebody may go on.
    None,
    Suspected,
    Certain,
}

impl Watch {
    /// Something runs.
    pub(crate) fn nothing_suspicious(&mut self) {
        self.waited = Duration::ZERO;
        self.recheck = Duration::ZERO;
        self.twice = false;
    }

    /// Looks whether a quiet runtime is dead; when to look again, if that is not settled.
    pub(crate) fn look(&mut self, shared: &'static Shared) -> Option<Duration> {
        if shared.config.deadlock == Deadlock::Off {
            return None;
        }
        let (verdict, started) = verdict(shared);
        match verdict {
            Verdict::Nobody => {
                self.nothing_suspicious();
                None
            }
            Verdict::None => Some(self.wait_for_the_world()),
            Verdict::Suspected => Some(self.suspect(shared, started)),
            Verdict::Certain if self.certain_at == Some(started) => None,
            Verdict::Certain if !std::mem::replace(&mut self.twice, true) => Some(FIRST_AGAIN),
            Verdict::Certain => {
                self.certain_at = Some(started);
                tell(shared, verdict);
                None
            }
        }
    }

    fn wait_for_the_world(&mut self) -> Duration {
        let again = (self.recheck * 2).clamp(FIRST_RECHECK, LAST_RECHECK);
        self.nothing_suspicious();
        self.recheck = again;
        again
    }

    /// Tells of it if it has lasted, and who made the runtime wants to know. The foreign threads
    /// may end, and make it certain: so it is looked at again, ever more seldom.
    fn suspect(&mut self, shared: &'static Shared, started: u64) -> Duration {
        self.twice = false;
        let lasted = self.waited >= shared.config.grace;
        // Else the program may just do something else: nothing to trouble anybody with.
        let wanted = shared.config.deadlock == Deadlock::Fatal;
        if lasted && wanted && self.suspected_at != Some(started) {
            self.suspected_at = Some(started);
            tell(shared, Verdict::Suspected);
        }
        let again = FIRST_AGAIN.max(self.waited);
        self.waited += again;
        again
    }
}

fn verdict(shared: &'static Shared) -> (Verdict, u64) {
    let started = shared.started_so_far(&shared.lock());
    let anybody = || shared.main_has_left() || snapshot::count(shared) > 0;
    if !anybody() {
        return (Verdict::Nobody, started);
    }
    if stillness(shared).is_none() {
        return (Verdict::None, started);
    }
    // In a test the process's first thread is the harness's, and the other tests' runtimes have
    // nothing to do with this one, unless it waits for what they share.
    let isolated = shared.config.isolated;
    let all_count = !isolated || shared_with::with_others(shared);
    let mut runtimes = registry::all();
    runtimes.retain(|r| all_count || !r.config.isolated || std::ptr::eq(*r, shared));
    let all = || -> Option<Vec<u64>> { runtimes.iter().map(|r| stillness(r)).collect() };
    let before = all();
    if before.is_none() {
        // Another runtime goes on, and may let this one go on.
        return (Verdict::None, started);
    }
    let asleep = foreign::asleep(foreign::main_thread().filter(|_| isolated));
    // No goroutine was polled meanwhile, so none of ours has woken one of those either.
    let certain = asleep && all() == before;
    let verdict = match certain {
        true => Verdict::Certain,
        false => Verdict::Suspected,
    };
    (verdict, started)
}

/// How many turns were taken so far by a runtime in which nothing runs, nothing is queued, and
/// nothing will wake anybody by itself; `None` if there is something to do.
fn stillness(shared: &'static Shared) -> Option<u64> {
    let sched = shared.lock();
    let still = sched.is_quiet(shared)
        && shared.global.is_empty()
        && shared.hogs.is_empty()
        && !shared.has_timers()
        && !shared.driver.has_waiters();
    let turns = shared.procs.iter().map(|p| p.turns.load(Ordering::Relaxed));
    let turns = turns.sum();
    drop(sched);
    still.then_some(turns)
}

fn tell(shared: &'static Shared, verdict: Verdict) {
    let text = if shared.main_has_left() && snapshot::count(shared) == 0 {
        NO_GOROUTINES
    } else {
        ALL_ASLEEP
    };
    let dump = snapshot::stack(shared);
    contained(&shared.config, || {
        crate::tell::deadlock(verdict == Verdict::Certain, &dump);
    });
    if let Some(hook) = &shared.config.on_deadlock {
        return hook(&format!("{text}\n\n{dump}"));
    }
    match (shared.config.deadlock, verdict) {
        (Deadlock::Fatal, Verdict::Certain) => die(&format!("fatal error: {text}\n\n{dump}")),
        (Deadlock::Fatal, _) => warn(&format!(
            "{text}\nunless a thread that is not the runtime's wakes somebody\n\n{dump}"
        )),
        _ => warn(&format!("{text}\n\n{dump}")),
    }
}

pub(crate) fn warn(text: &str) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let guard = ONE_AT_A_TIME.lock();
    print(&format!("marmot: {text}"));
    drop(guard);
}
