//! "All goroutines are asleep": nothing runs, nothing is queued, no timer is set, nobody
//! waits for the world, and goroutines are left. How sure we are, and what is done.
//!
//! *Certain*: every thread of the process is ours and sleeps. *Suspected*: there are foreign
//! threads, one of which could still wake somebody.

use std::sync::Mutex;
use std::time::Duration;

use marmot_wait::park;

use crate::builder::Deadlock;
use crate::registry;
use crate::shared::Shared;
use crate::snapshot;
use crate::task::panic::{die, print};
use crate::threads::process_threads;

/// The first look again at a suspected deadlock; doubled each time.
const FIRST_AGAIN: Duration = Duration::from_millis(2);
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
    /// It looked certain at the last look too.
    twice: bool,
    /// Goroutines started so far when it was told: tell again only if more were.
    told_at: Option<u64>,
}

/// How sure we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Somebody may go on.
    None,
    Suspected,
    Certain,
}

impl Watch {
    /// Something runs.
    pub(crate) fn nothing_suspicious(&mut self) {
        self.waited = Duration::ZERO;
        self.twice = false;
    }

    /// Looks whether a quiet runtime is dead; when to look again, if that is not settled.
    pub(crate) fn look(&mut self, shared: &'static Shared) -> Option<Duration> {
        let started = match shared.config.deadlock {
            Deadlock::Off => return None,
            _ => verdict(shared),
        };
        let (verdict, started) = started;
        if verdict == Verdict::None || self.told_at == Some(started) {
            self.nothing_suspicious();
            return None;
        }
        if verdict == Verdict::Certain && !std::mem::replace(&mut self.twice, true) {
            return Some(FIRST_AGAIN);
        }
        if verdict == Verdict::Suspected && self.waited < shared.config.grace {
            let again = FIRST_AGAIN.max(self.waited);
            self.waited += again;
            return Some(again);
        }
        self.nothing_suspicious();
        self.told_at = Some(started);
        tell(shared, verdict);
        None
    }
}

fn verdict(shared: &'static Shared) -> (Verdict, u64) {
    let sched = shared.lock();
    let started = shared.started_so_far(&sched);
    let live = shared.live(&sched);
    let dead = sched.is_quiet(shared)
        && (live > 0 || shared.main_has_left())
        && shared.global.is_empty()
        && shared.hogs.is_empty()
        && !shared.has_timers()
        && !shared.driver.has_waiters();
    let parked = sched.parked;
    drop(sched);
    if !dead {
        return (Verdict::None, started);
    }
    let foreign = foreign_threads(parked);
    (
        if foreign == Some(0) && registry::runtimes() == 1 {
            Verdict::Certain
        } else {
            Verdict::Suspected
        },
        started,
    )
}

/// Threads that could wake somebody: those that are neither a runtime's nor asleep in one of
/// our own waits.
fn foreign_threads(parked_machines: usize) -> Option<usize> {
    // The threads first: one that is woken meanwhile is counted as awake.
    let all = process_threads()?;
    let waiting = park::threads_asleep().saturating_sub(parked_machines);
    Some(all.saturating_sub(registry::threads() + waiting))
}

fn tell(shared: &'static Shared, verdict: Verdict) {
    let text = if shared.main_has_left() && snapshot::count(shared) == 0 {
        NO_GOROUTINES
    } else {
        ALL_ASLEEP
    };
    let dump = snapshot::stack(shared);
    if let Some(hook) = &shared.config.on_deadlock {
        return hook(&format!("{text}\n\n{dump}"));
    }
    match (&shared.config.deadlock, verdict) {
        (Deadlock::Fatal, Verdict::Certain) => die(&format!("fatal error: {text}\n\n{dump}")),
        (Deadlock::Fatal, _) => warn(&format!(
            "{text}\nunless a thread that is not the runtime's wakes somebody\n\n{dump}"
        )),
        (_, Verdict::Certain) => warn(&format!("{text}\n\n{dump}")),
        _ => {}
    }
}

fn warn(text: &str) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let guard = ONE_AT_A_TIME.lock();
    print(&format!("marmot: {text}"));
    drop(guard);
}
