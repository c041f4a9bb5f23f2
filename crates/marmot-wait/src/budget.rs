//! How many operations a goroutine may do in one poll before it must let others run.
//!
//! Channels, select, timers, locks and I/O that are always ready never return `Pending`, so
//! a goroutine that only talks to them would keep its P for ever. Each such operation calls
//! [`poll_proceed`] first; when the budget of the poll is spent it wakes its own goroutine
//! and waits once, which puts the goroutine at the back of the queue.
//!
//! The idea is tokio's cooperative budget; the number is in the scheduler.

use std::task::{Context, Poll};

use crate::local::LOCAL;
use crate::note::Note;
use crate::reason::WaitReason;

/// Nobody counts: outside a goroutine, and inside a `block_on`.
const UNLIMITED: u32 = 0;
/// Nothing is left.
const SPENT: u32 = 1;

/// Takes one operation from the budget; `Pending` (with a wake-up already on its way) if it
/// is spent.
///
/// # Cancel safety
///
/// Leaves nothing behind: an operation that was refused has not begun.
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
    LOCAL.with(|local| match local.budget.get() {
        UNLIMITED => Poll::Ready(()),
        SPENT => {
            local.note.set(Note {
                reason: WaitReason::Yield,
                object: 0,
                place: None,
            });
            refuse(cx)
        }
        left => {
            local.budget.set(left - 1);
            Poll::Ready(())
        }
    })
}

#[cold]
fn refuse(cx: &mut Context<'_>) -> Poll<()> {
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Gives back the operation that [`poll_proceed`] took, because it made no progress.
#[inline]
pub fn refund() {
    LOCAL.with(|local| match local.budget.get() {
        UNLIMITED => {}
        left => local.budget.set(left + 1),
    });
}

/// Whether the budget of this poll is spent.
#[inline]
#[must_use]
pub fn is_spent() -> bool {
    LOCAL.with(|local| local.budget.get() == SPENT)
}

/// Begins a poll that may do this many operations; gives what was left before, to be given
/// to [`restore`] after the poll.
#[inline]
pub fn begin(operations: u32) -> u32 {
    LOCAL.with(|local| local.budget.replace(operations + SPENT))
}

/// Begins a stretch in which nobody counts; gives what was left, for [`restore`].
#[inline]
pub fn suspend() -> u32 {
    LOCAL.with(|local| local.budget.replace(UNLIMITED))
}

/// Goes back to what [`begin`] or [`suspend`] gave.
#[inline]
pub fn restore(before: u32) {
    LOCAL.with(|local| local.budget.set(before));
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::{begin, poll_proceed, refund, restore};

    #[test]
    fn a_budget_of_two_allows_two_operations() {
        let mut cx = Context::from_waker(Waker::noop());
        let before = begin(2);
        assert!(poll_proceed(&mut cx).is_ready());
        assert!(poll_proceed(&mut cx).is_ready());
        assert!(poll_proceed(&mut cx).is_pending());
        refund();
        assert!(poll_proceed(&mut cx).is_ready());
        assert!(poll_proceed(&mut cx).is_pending());
        restore(before);
        assert!(
            poll_proceed(&mut cx).is_ready(),
            "nobody counts outside a goroutine"
        );
    }
}
