//! The thread that serves timers which no runtime serves.
//!
//! Timers armed on a plain thread or under a foreign executor, and those that a runtime left
//! behind. It starts when it is first needed, sleeps on a condition until the next deadline,
//! and uses no CPU while there is none.

use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use marmot_wait::clock;

use crate::announce::EVER;
use crate::group::Group;
use crate::lanes::{self, Lane};

struct Background {
    group: Arc<Group>,
    lane: &'static Lane,
    id: u32,
}

static BACKGROUND: OnceLock<Background> = OnceLock::new();

/// Ends a sleep, also one that has not begun.
#[derive(Default)]
struct Bell {
    /// Whether it has rung.
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn ring(&self) {
        // Nothing panics under this lock.
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    fn wait(&self, until: u64) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while !std::mem::take(&mut *rung) {
            let now = clock::now_ns();
            if until <= now {
                return;
            }
            let left = Duration::from_nanos(until - now);
            rung = if until == EVER {
                self.changed
                    .wait(rung)
                    .unwrap_or_else(PoisonError::into_inner)
            } else {
                self.changed
                    .wait_timeout(rung, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            };
        }
    }
}

/// The lane for those who have none.
pub(crate) fn lane() -> &'static Lane {
    background().lane
}

/// The group whose sleeper is the background thread.
pub(crate) fn group() -> &'static Arc<Group> {
    &background().group
}

/// The number of its own lane, if it has started.
pub(crate) fn own_lane() -> Option<u32> {
    BACKGROUND.get().map(|background| background.id)
}

fn background() -> &'static Background {
    BACKGROUND.get_or_init(start)
}

#[cold]
fn start() -> Background {
    let bell = Arc::new(Bell::default());
    let ringing = Arc::clone(&bell);
    let group = Group::new(Box::new(move || ringing.ring()));
    let id = lanes::make(&group).expect("room for one lane more");
    let lane = lanes::lane_of(id).expect("just made");
    let sleeper = Arc::clone(&group);
    thread::Builder::new()
        .name("marmot-timers".to_owned())
        .spawn(move || serve(id, &sleeper, &bell))
        .expect("a thread to serve timers outside a runtime");
    Background { group, lane, id }
}

/// Fires what is due, sleeps until the next deadline, for ever.
fn serve(own: u32, group: &Group, bell: &Bell) {
    let mut served = Vec::new();
    loop {
        lanes::unserved(&mut served);
        served.push(own);
        let now = clock::now_ns();
        for &lane in &served {
            fire(lane, now);
        }
        let until = group.prepare_sleep(served.iter().copied());
        bell.wait(until);
        group.end_sleep();
    }
}

/// Fires, and outlives a waker that panics: it is foreign code, and has said so on stderr.
fn fire(lane: u32, now: u64) {
    drop(std::panic::catch_unwind(|| lanes::fire(lane, now)));
}
