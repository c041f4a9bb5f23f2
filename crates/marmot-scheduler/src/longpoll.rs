//! Polls that take long: what the monitor knows of them anyway, counted and told.
//!
//! ```text
//!   something done about it, or
//!   as long as the threshold ──▶ watched ──▶ its end: told, if it was long
//!                                   │
//!                                   └ still there after a second, two, four: told
//! ```
//!
//! The monitor sees a poll when it looks at the P, and goes on watching the machine when the P
//! has gone to another. So times are to the millisecond, and an ordinary poll costs nothing.

use std::panic::Location;
use std::sync::atomic::Ordering;
use std::time::Duration;

use marmot_wait::WaitReason;

use crate::machine::{Machine, detached};
use crate::shared::Shared;
use crate::snapshot;
use crate::task::header::{Header, temper};
use crate::task::panic::{contained, print};
use crate::threads::{Inspector, sys};

/// A poll that goes on for so long is told before its end, and again after twice that.
const STILL: Duration = Duration::from_secs(1);

/// What kept the others from being held up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Survived {
    /// Nothing had to.
    AsItWas,
    /// The goroutine to run next was taken from behind it.
    Flushed,
    /// The P went to another thread.
    HandedOff,
}

/// A poll that has taken long, for whoever is told of it.
#[derive(Debug)]
pub(crate) struct LongPoll {
    pub(crate) goroutine: u64,
    pub(crate) birthplace: Option<&'static Location<'static>>,
    pub(crate) machine: u32,
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    /// The system call that its thread slept in when it was last looked at.
    pub(crate) call: Option<&'static str>,
    pub(crate) survived: Survived,
    /// The goroutine is queued apart until it has a short poll again.
    pub(crate) hog: bool,
    pub(crate) over: bool,
}

/// A poll that the monitor has seen at two looks: which, and since when.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) m: &'static Machine,
    pub(crate) tick: u32,
    pub(crate) since_ns: u64,
    /// The CPU time that its thread had used then.
    pub(crate) cpu_ns: u64,
}

/// A poll that is being watched.
struct Watched {
    seen: Seen,
    poll: LongPoll,
    /// It has taken as long as the threshold, and is counted.
    long: bool,
    tell_at: Duration,
}

/// The polls that are being watched.
#[derive(Default)]
pub(crate) struct LongPolls {
    watched: Vec<Watched>,
}

impl LongPolls {
    /// Watches a poll that has become long, or about which something was done.
    pub(crate) fn watch(&mut self, seen: Seen, how: Survived) {
        let same = |w: &&mut Watched| std::ptr::eq(w.seen.m, seen.m) && w.seen.tick == seen.tick;
        if let Some(watched) = self.watched.iter_mut().find(same) {
            watched.poll.survived = watched.poll.survived.max(how);
            return;
        }
        let Some(g) = snapshot::polled(seen.m) else {
            return;
        };
        let goroutine = g.id.load(Ordering::Relaxed);
        let birthplace = snapshot::place(g.birthplace.load(Ordering::Relaxed));
        if seen.m.side.glance().0 != seen.tick || goroutine == 0 {
            // Over while we looked, so what we read may be another's.
            return;
        }
        self.watched.push(Watched {
            seen,
            long: false,
            tell_at: STILL,
            poll: LongPoll {
                goroutine,
                birthplace,
                machine: seen.m.id,
                wall: Duration::ZERO,
                cpu: Duration::ZERO,
                call: None,
                survived: how,
                hog: false,
                over: false,
            },
        });
    }

    /// Looks at those that are watched, and tells of those that are over.
    pub(crate) fn look(&mut self, shared: &Shared, kernel: &mut Inspector, now_ns: u64) {
        self.watched.retain_mut(|w| {
            w.poll.over = w.is_over();
            w.poll.wall = Duration::from_nanos(now_ns.saturating_sub(w.seen.since_ns));
            if !w.poll.over {
                w.look_again(shared, kernel);
            }
            if w.long && (w.poll.over || w.poll.wall >= w.tell_at) {
                w.tell(shared);
            }
            !w.poll.over
        });
    }
}

impl Watched {
    /// Its machine has gone on, or the goroutine has said that it waits.
    fn is_over(&self) -> bool {
        let m = self.seen.m;
        let parked = m.detached.load(Ordering::Relaxed) == detached::PARKED;
        let g = snapshot::polled(m);
        let waits = g.is_none_or(|g| g.wait_reason() != WaitReason::Foreign);
        m.side.glance().0 != self.seen.tick || waits || parked
    }

    fn look_again(&mut self, shared: &Shared, kernel: &mut Inspector) {
        let m = self.seen.m;
        let tid = m.tid.load(Ordering::Relaxed);
        let cpu = sys::cpu_ns(tid).saturating_sub(self.seen.cpu_ns);
        self.poll.cpu = Duration::from_nanos(cpu);
        let hog = |g: &Header| g.temper.load(Ordering::Relaxed) == temper::HOG;
        self.poll.hog = snapshot::polled(m).is_some_and(hog);
        let becomes_long = !self.long && self.poll.wall >= shared.config.long_poll;
        if becomes_long || self.poll.wall >= self.tell_at {
            self.poll.call = kernel.system_call(tid);
        }
        if becomes_long {
            self.long = true;
            let counter = match self.poll.call {
                Some(_) => &shared.counters.long_blocked,
                None => &shared.counters.long_burning,
            };
            // ORDERING: Relaxed, a count.
            counter.fetch_add(1, Ordering::Relaxed);
            crate::events::long_poll(m, as_ns(self.poll.wall));
        }
    }

    fn tell(&mut self, shared: &Shared) {
        self.tell_at *= 2;
        if self.poll.over {
            shared
                .counters
                .long_polls
                .record_shared(as_ns(self.poll.wall));
        }
        contained(&shared.config, || crate::tell::long_poll(&self.poll));
        if shared.config.debug.longpoll.is_some() {
            print(&self.poll.to_string());
        }
    }
}

fn as_ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl std::fmt::Display for LongPoll {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verb = if self.over { "took" } else { "has taken" };
        write!(
            f,
            "LONGPOLL goroutine {} {verb} {:.0?}, {:.0?} of it CPU time, ",
            self.goroutine, self.wall, self.cpu
        )?;
        match self.call {
            Some(call) => write!(f, "blocked in {call}")?,
            None => f.write_str("burning")?,
        }
        write!(f, ", on M{}; ", self.machine)?;
        f.write_str(match self.survived {
            Survived::AsItWas => "nobody waited behind it",
            Survived::Flushed => "what waited behind it was moved to others",
            Survived::HandedOff => "its P was handed off",
        })?;
        if self.hog {
            f.write_str("; it is queued apart until a poll is short")?;
        }
        match self.birthplace {
            Some(place) => writeln!(f, "; created by {place}"),
            None => writeln!(f, "; the main goroutine"),
        }
    }
}
