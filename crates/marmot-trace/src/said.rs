//! What a program says about itself in a trace: regions, tasks and logs.
//!
//! Where nobody records, each costs a load and a branch.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};

use marmot_scheduler::events;
use marmot_wait::note;

use crate::texts;

/// A stretch of a goroutine's time, from [`region`] until this is dropped.
///
/// It may be held over an `.await`; it stays with the goroutine that began it.
#[derive(Debug)]
#[must_use = "a region ends when its guard is dropped"]
pub struct Region {
    name: &'static str,
    /// The goroutine, if the beginning was recorded.
    recorded: Option<u64>,
    _not_public: PhantomData<()>,
}

/// Begins a region: a slice on the goroutine's own track of a trace.
///
/// # Examples
///
/// ```
/// fn parse(text: &str) -> usize {
///     let _region = marmot_trace::region("parse");
///     text.split(' ').count()
/// }
/// assert_eq!(parse("a b c"), 3);
/// ```
pub fn region(name: &'static str) -> Region {
    let recorded = events::on().then(|| {
        let goroutine = note::goroutine();
        events::region_begins(goroutine, name);
        goroutine
    });
    Region {
        name,
        recorded,
        _not_public: PhantomData,
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Some(goroutine) = self.recorded {
            events::region_ends(goroutine, self.name);
        }
    }
}

/// Something that takes a while and that several goroutines may work at, from [`task`] until
/// this is dropped. `Send`: it may end elsewhere than it began.
#[derive(Debug)]
#[must_use = "a task ends when its guard is dropped"]
pub struct Task {
    number: u32,
    recorded: bool,
}

/// Numbers of tasks.
// ORDERING: Relaxed, a counter.
static TASKS: AtomicU32 = AtomicU32::new(1);

/// Begins a task: a slice on a track of its own.
///
/// # Examples
///
/// ```
/// let request = marmot_trace::task("request");
/// std::thread::spawn(move || drop(request)).join().unwrap();
/// ```
pub fn task(name: &'static str) -> Task {
    let number = TASKS.fetch_add(1, Ordering::Relaxed);
    let recorded = events::on();
    if recorded {
        events::task_begins(note::goroutine(), name, number);
    }
    Task { number, recorded }
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.recorded {
            events::task_ends(note::goroutine(), self.number);
        }
    }
}

/// Puts a text at this moment of the goroutine's track. The last 16,384 texts are kept, and
/// 4 KiB of each.
///
/// # Examples
///
/// ```
/// marmot_trace::log("the cache is warm");
/// ```
pub fn log(text: impl AsRef<str>) {
    if events::on() {
        events::log(note::goroutine(), texts::put(text.as_ref()));
    }
}

/// Whether somebody records: for what is costly to find out only to be logged.
#[must_use]
pub fn is_enabled() -> bool {
    events::on()
}
