//! A node's timer: what ends it when its time is over.
//!
//! The timer owns a weak reference to the node and the node owns the timer, so neither keeps
//! the other, and an invisible context's timer goes with it. No goroutine waits for it: its
//! waker does the cancelling.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use marmot_time::sleep_until;
use marmot_wait::{budget, clock, note};

use crate::error::ContextError;
use crate::tree::{End, Node};

/// The instant this far from now; `None` if there is no such instant.
pub(crate) fn from_now(duration: Duration) -> Option<Instant> {
    now().checked_add(duration)
}

/// Now, by the clock that the timers go by.
pub(crate) fn now() -> Instant {
    clock::instant_of(clock::now_ns()).unwrap_or_else(Instant::now)
}

/// Ends the node at this instant; at once if it has passed.
pub(crate) fn end_at(node: &Arc<Node>, at: Instant) {
    let waker = Waker::from(Arc::new(Bell(Arc::downgrade(node))));
    let mut timer = sleep_until(at);
    // The budget and the note belong to the goroutine that makes the context, and this is
    // none of its waits.
    let (left, said) = (budget::suspend(), note::take());
    let over = Pin::new(&mut timer).poll(&mut Context::from_waker(&waker));
    budget::restore(left);
    match said.place {
        Some(place) => note::set(said.reason, said.object, place),
        None => note::clear(),
    }
    if over.is_ready() {
        return ring(node);
    }
    node.keep_timer(timer);
}

/// The node's time is over.
fn ring(node: &Arc<Node>) {
    node.end(&End {
        error: ContextError::DeadlineExceeded,
        cause: node.late(),
    });
}

/// What the timer calls.
struct Bell(Weak<Node>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(node) = self.0.upgrade() {
            ring(&node);
        }
    }
}
