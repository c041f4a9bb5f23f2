//! What a scope and its children share: how many run, and who panicked.

use std::future::poll_fn;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use marmot_wait::{WaitReason, note, park};

use crate::task::join::JoinError;

/// Shared by a scope, its children and their handles. It borrows nothing: it may outlive the
/// scope, in a handle that was forgotten.
pub(super) struct Data {
    /// No waker is called and nothing of the program is dropped under this lock.
    state: Mutex<State>,
}

struct State {
    /// Children whose futures have not been dropped.
    running: usize,
    /// Of the thread that waits for them.
    waker: Option<Waker>,
    /// The panics that nobody has joined, in the order in which they happened.
    panics: Vec<Panicked>,
    /// The number of the next.
    next: usize,
}

struct Panicked {
    number: usize,
    error: JoinError,
    /// Where the child was started, or the scope opened.
    place: &'static Location<'static>,
}

impl Data {
    pub(super) fn new() -> Data {
        Data {
            state: Mutex::new(State {
                running: 0,
                waker: None,
                panics: Vec::new(),
                next: 0,
            }),
        }
    }

    /// Counts a child in.
    pub(super) fn enter(self: &Arc<Self>) -> Running {
        self.lock().running += 1;
        Running(Arc::clone(self))
    }

    /// How many run at this moment.
    pub(super) fn running(&self) -> usize {
        self.lock().running
    }

    /// Notes a panic; gives its number.
    pub(super) fn panicked(&self, error: JoinError, place: &'static Location<'static>) -> usize {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.panics.push(Panicked {
            number,
            error,
            place,
        });
        number
    }

    /// Somebody joins the child with this panic: it is theirs.
    pub(super) fn take_panic(&self, number: usize) -> JoinError {
        let mut state = self.lock();
        let mut panics = state.panics.iter();
        let at = panics.position(|panicked| panicked.number == number);
        at.map_or_else(JoinError::cancelled, |at| state.panics.remove(at).error)
    }

    /// Waits on this thread until no child runs. The P of this thread goes elsewhere meanwhile.
    pub(super) fn wait(&self, place: &'static Location<'static>) {
        park::block_on(poll_fn(|cx| self.poll_wait(cx, place)));
    }

    fn poll_wait(&self, cx: &Context<'_>, place: &'static Location<'static>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut state = self.lock();
        if state.running == 0 {
            return Poll::Ready(());
        }
        let old = state.waker.replace(waker);
        drop(state);
        drop(old);
        let object = std::ptr::from_ref(self).addr();
        note::set(WaitReason::Join, object, place);
        Poll::Pending
    }

    /// Goes on with the first panic that nobody has joined, if there is one; tells the others.
    pub(super) fn resume_first_panic(&self) {
        let panics = std::mem::take(&mut self.lock().panics);
        let mut panics = panics.into_iter();
        let Some(first) = panics.next() else { return };
        for Panicked { error, place, .. } in panics {
            crate::task::panic::print(&format!("scope: {error}\n\tstarted at {place}\n"));
        }
        first.error.resume_panic();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under this lock but an allocation that fails.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that runs, until dropped: the right to count it out.
pub(crate) struct Running(Arc<Data>);

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.running -= 1;
        let waker = if state.running == 0 {
            state.waker.take()
        } else {
            None
        };
        drop(state);
        if let Some(waker) = waker {
            // That of a thread that parks: it runs no code of the program.
            waker.wake();
        }
    }
}
