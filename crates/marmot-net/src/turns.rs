//! So many at a time: the others stand in line.
//!
//! ```text
//!   take ── one is free ──▶ Turn ── dropped ──▶ to the first in line who still waits,
//!      └── none: at the end of the line                or free
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;

pub(crate) struct Turns {
    /// Nobody is woken under this lock.
    state: Mutex<State>,
}

struct State {
    free: usize,
    /// Some may have gone: they are passed over.
    line: VecDeque<oneshot::Sender<Turn>>,
}

impl Turns {
    pub(crate) const fn new(at_once: usize) -> Turns {
        let state = State {
            free: at_once,
            line: VecDeque::new(),
        };
        Turns {
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under it, except when memory is out.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn. Who is dropped meanwhile leaves it to the next.
    pub(crate) async fn take(&'static self) -> Turn {
        match self.take_or_stand() {
            Ok(turn) => turn,
            Err(place) => place.await.expect("nobody in line is forgotten"),
        }
    }

    fn take_or_stand(&'static self) -> Result<Turn, oneshot::Receiver<Turn>> {
        let mut state = self.lock();
        if let Some(free) = state.free.checked_sub(1) {
            state.free = free;
            return Ok(Turn(self));
        }
        let (tell, told) = oneshot::channel();
        state.line.push_back(tell);
        Err(told)
    }
}

/// The right to be one of so many; dropping it passes it on.
pub(crate) struct Turn(&'static Turns);

impl Drop for Turn {
    fn drop(&mut self) {
        loop {
            let mut state = self.0.lock();
            let Some(next) = state.line.pop_front() else {
                state.free += 1;
                return;
            };
            drop(state);
            match next.send(Turn(self.0)) {
                Ok(()) => return,
                // Gone: the same turn is for the one behind.
                Err(turn) => std::mem::forget(turn),
            }
        }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

#[cfg(test)]
mod tests {
    use marmot_testing::ByHand;

    use super::Turns;

    #[test]
    fn turns_go_to_those_who_still_wait_in_the_order_in_which_they_came() {
        static TURNS: Turns = Turns::new(2);
        let take = || ByHand::new(TURNS.take());
        let (first, second) = (take().expect_ready(), take().expect_ready());
        let mut line = [take(), take(), take(), take()];
        line.iter_mut().for_each(ByHand::expect_pending);
        let [gone, mut third, also_gone, fourth] = line;
        drop((gone, also_gone));
        drop(first);
        assert_eq!((third.wakes(), fourth.wakes()), (1, 0));
        let third = third.expect_ready();
        drop(third);
        // Given, and not taken.
        assert_eq!(fourth.wakes(), 1);
        drop(fourth);
        let mut fifth = take();
        let fifth = fifth.expect_ready();
        take().expect_pending();
        drop((second, fifth));
        let _all = (take().expect_ready(), take().expect_ready());
        take().expect_pending();
    }
}
