//! A plain thread that waits for a future: under `send_blocking`, `lock_blocking`, `block_on`.
//!
//! The thread sleeps in `std::thread::park`, which is a futex on Linux. Inside a goroutine
//! the P is handed off while it sleeps, so this is legal there too.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::runner::{BlockingKind, blocking};
use crate::{budget, note};

/// Neither asleep nor woken.
const AWAKE: u8 = 0;
/// Asleep, and counted as such.
const SLEEPS: u8 = 1;
/// Woken: the next sleep ends at once.
const WOKEN: u8 = 2;

struct Parker {
    thread: Thread,
    state: AtomicU8,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: Release publishes what the waker's caller wrote to the poll that
        // follows; pairs with the Acquire in `wait`.
        if self.state.swap(WOKEN, Ordering::AcqRel) == SLEEPS {
            self.thread.unpark();
        }
    }
}

impl Parker {
    fn wait(&self) {
        // If it is woken already, it stays so.
        // ORDERING: Acquire on failure pairs with the Release in `wake_by_ref`.
        let _woken =
            self.state
                .compare_exchange(AWAKE, SLEEPS, Ordering::AcqRel, Ordering::Acquire);
        // ORDERING: Acquire pairs with the Release in `wake_by_ref`.
        while self.state.load(Ordering::Acquire) != WOKEN {
            thread::park();
        }
        // ORDERING: AcqRel: a waker that came meanwhile wrote WOKEN over WOKEN; what it
        // published is taken here.
        self.state.swap(AWAKE, Ordering::AcqRel);
    }
}

thread_local! {
    /// This thread's parker, absent while a `block_on` uses it: a nested one takes a fresh
    /// parker, for it would swallow the outer one's wake-up.
    static SPARE: Cell<Option<Arc<Parker>>> = const { Cell::new(None) };
}

fn fresh() -> Arc<Parker> {
    Arc::new(Parker {
        thread: thread::current(),
        state: AtomicU8::new(AWAKE),
    })
}

/// Runs a future to its end on this thread, sleeping while it waits.
///
/// Legal anywhere, inside a goroutine too: there the P is handed to another thread for as
/// long as this one sleeps.
///
/// # Panics
///
/// If the future does.
///
/// # Examples
///
/// ```
/// assert_eq!(marmot_wait::park::block_on(async { 6 * 7 }), 42);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let parker = SPARE
        .try_with(Cell::take)
        .ok()
        .flatten()
        .unwrap_or_else(fresh);
    let waker = Waker::from(Arc::clone(&parker));
    let mut cx = Context::from_waker(&waker);
    loop {
        match poll_uncounted(future.as_mut(), &mut cx) {
            Poll::Ready(output) => {
                give_back(parker);
                return output;
            }
            Poll::Pending => blocking(BlockingKind::Park, note::take(), || parker.wait()),
        }
    }
}

/// Polls with the budget set aside: here nobody else is kept waiting by a long poll.
fn poll_uncounted<F: Future>(
    future: std::pin::Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    let _uncounted = Uncounted(budget::suspend());
    future.poll(cx)
}

/// Puts the budget back, while unwinding too.
struct Uncounted(u32);

impl Drop for Uncounted {
    fn drop(&mut self) {
        budget::restore(self.0);
    }
}

/// Keeps the parker for the next call. A late wake-up of this one at most makes the next
/// one poll once too often.
fn give_back(parker: Arc<Parker>) {
    // The thread is ending if it fails; then nobody needs the parker.
    let _ = SPARE.try_with(|spare| spare.set(Some(parker)));
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::{Arc, Mutex};
    use std::task::{Poll, Waker};
    use std::thread;

    use super::block_on;

    #[test]
    fn a_wake_from_another_thread_ends_the_wait() {
        let slot: Arc<Mutex<(bool, Option<Waker>)>> = Arc::default();
        let there = Arc::clone(&slot);
        let waker = thread::spawn(move || {
            loop {
                let mut slot = there.lock().expect("unpoisoned");
                if let Some(waker) = slot.1.take() {
                    slot.0 = true;
                    drop(slot);
                    return waker.wake();
                }
                drop(slot);
                thread::yield_now();
            }
        });
        block_on(poll_fn(|cx| {
            let mut slot = slot.lock().expect("unpoisoned");
            slot.1 = Some(cx.waker().clone());
            if slot.0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        waker.join().expect("the waker's thread ends well");
    }

    #[test]
    fn a_nested_wait_does_not_swallow_the_outer_wake_up() {
        let mut first = true;
        block_on(poll_fn(|cx| {
            if std::mem::take(&mut first) {
                cx.waker().wake_by_ref();
                assert_eq!(block_on(async { 1 }), 1);
                return Poll::Pending;
            }
            Poll::Ready(())
        }));
    }
}
