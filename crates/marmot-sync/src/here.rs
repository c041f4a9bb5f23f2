//! Which of several copies of something is this thread's to use, so that threads seldom meet.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

/// How many threads can run at a time; asked once, since the answer takes microseconds.
pub(crate) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, usize::from))
}

/// The number of this P, or of this thread where there is none. Two threads may have the same:
/// so it says what is worth trying, and not what one owns.
#[inline]
pub(crate) fn here() -> usize {
    marmot_wait::lane().map_or_else(thread_number, |lane| lane as usize)
}

/// A small number for each thread.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        // ORDERING: Relaxed, only the numbers have to differ.
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // A thread that is ending may use any copy.
    NUMBER.try_with(|number| *number).unwrap_or(0)
}

/// A thread that has not asked for a number of its own.
const UNASKED: usize = usize::MAX;
/// A thread that is ending, and has given its number back.
const ENDING: usize = usize::MAX - 1;

thread_local! {
    /// Without a destructor, so that a look at it is a plain load.
    static OWN: Cell<usize> = const { Cell::new(UNASKED) };
    /// Gives it back.
    static GUARD: Guard = const { Guard };
}

/// A small number that no other living thread has, or a very large one if there is none. Who gets it
/// after this thread has ended has seen all that this thread did.
#[inline]
pub(crate) fn own_number() -> usize {
    match OWN.get() {
        UNASKED => ask(),
        number => number,
    }
}

/// The numbers of threads that have ended, and the next that nobody has had.
struct Numbers {
    free: BinaryHeap<Reverse<usize>>,
    next: usize,
}

static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers {
    free: BinaryHeap::new(),
    next: 0,
});

fn numbers() -> std::sync::MutexGuard<'static, Numbers> {
    // A panic inside, for want of memory, leaves them as they were.
    NUMBERS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cold]
fn ask() -> usize {
    // A thread that is past its guard's end would not give a number back.
    let number = match GUARD.try_with(|_| ()) {
        Ok(()) => {
            let mut numbers = numbers();
            let free = numbers.free.pop().map(|Reverse(number)| number);
            free.unwrap_or_else(|| {
                numbers.next += 1;
                numbers.next - 1
            })
        }
        Err(_) => ENDING,
    };
    OWN.set(number);
    number
}

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        let number = OWN.replace(ENDING);
        if number < ENDING {
            numbers().free.push(Reverse(number));
        }
    }
}
