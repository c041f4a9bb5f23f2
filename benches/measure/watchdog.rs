//! Ends the program when a measurement does not end.

use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long one measurement may take. The longest of ours take about a second.
const PATIENCE: Duration = Duration::from_secs(120);

static STEP: Mutex<Option<(String, Instant)>> = Mutex::new(None);

/// Starts to watch.
pub fn start() {
    thread::spawn(|| {
        loop {
            thread::sleep(Duration::from_secs(1));
            look();
        }
    });
}

/// Says what is being done now, and that it is still going on.
pub fn step(what: &str) {
    *lock() = Some((what.to_owned(), Instant::now()));
}

fn look() {
    let stuck = lock()
        .as_ref()
        .filter(|(_, since)| since.elapsed() > PATIENCE)
        .map(|(what, _)| what.clone());
    if let Some(what) = stuck {
        eprintln!("{what}: no end after {} s", PATIENCE.as_secs());
        process::exit(3);
    }
}

fn lock() -> MutexGuard<'static, Option<(String, Instant)>> {
    // Nothing under this lock can panic, and if it did the text would still be whole.
    STEP.lock().unwrap_or_else(PoisonError::into_inner)
}
