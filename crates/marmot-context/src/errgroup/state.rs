//! How many members run, which wait for their turn, and what went wrong first.
//!
//! ```text
//!            admit: below the limit, nobody queued       finish
//!   future ────────────────────────────────────▶ running ──────▶ gone
//!      │ else                                      ▲        │
//!      └──▶ queue ─────────────────────────────────┘        └─▶ the next of the queue
//!                   finish of another, set_limit
//! ```
//!
//! It decides; who asks starts what it gives out and calls the wakers, with no lock held.

use std::any::Any;
use std::collections::VecDeque;

use marmot_wait::WakeList;

use crate::errgroup::line::Line;
use crate::errgroup::member::Job;
use crate::error::Cause;

/// What a group knows.
pub(super) struct State {
    running: usize,
    limit: usize,
    queue: VecDeque<Job>,
    error: Option<Cause>,
    panic: Option<Panic>,
    /// Those who wait for all members.
    pub(super) end: Line,
    /// Those who wait for room.
    pub(super) room: Line,
}

/// A member's panic.
pub(super) struct Panic {
    /// Absent once it has been resumed.
    pub(super) payload: Option<Box<dyn Any + Send>>,
    pub(super) text: String,
}

/// How it all ended.
pub(super) enum Outcome {
    Fine,
    Failed(Cause),
    /// The first panic, to be resumed.
    Panicked(Box<dyn Any + Send>),
    /// It was resumed before; this is what it said.
    PanickedBefore(String),
}

/// What the caller has to do once the lock is released.
#[must_use]
#[derive(Default)]
pub(super) struct Duty {
    pub(super) start: Vec<Job>,
    pub(super) wake: WakeList,
}

impl State {
    pub(super) fn new() -> State {
        State {
            running: 0,
            limit: usize::MAX,
            queue: VecDeque::new(),
            error: None,
            panic: None,
            end: Line::default(),
            room: Line::default(),
        }
    }

    /// Whether a new member would run at once.
    pub(super) fn has_room(&self) -> bool {
        self.running < self.limit && self.queue.is_empty()
    }

    /// Whether no member is left.
    pub(super) fn is_idle(&self) -> bool {
        self.running == 0 && self.queue.is_empty()
    }

    /// Takes a place for a new member, if there is room.
    pub(super) fn admit(&mut self) -> bool {
        let room = self.has_room();
        self.running += usize::from(room);
        room
    }

    /// A member for later.
    pub(super) fn enqueue(&mut self, job: Job) {
        self.queue.push_back(job);
    }

    /// A member has ended.
    pub(super) fn finish(&mut self) -> Duty {
        self.running -= 1;
        self.settle()
    }

    pub(super) fn set_limit(&mut self, limit: usize) -> Duty {
        self.limit = limit;
        self.settle()
    }

    /// Starts what now may run, and releases who waited for that.
    fn settle(&mut self) -> Duty {
        let mut duty = Duty::default();
        while self.running < self.limit
            && let Some(job) = self.queue.pop_front()
        {
            self.running += 1;
            duty.start.push(job);
        }
        if self.has_room() {
            self.room.release_all(&mut duty.wake);
        }
        if self.is_idle() {
            self.end.release_all(&mut duty.wake);
        }
        duty
    }

    /// Notes an error. Gives it back if it was not the first.
    pub(super) fn fail(&mut self, error: Cause) -> Option<Cause> {
        match self.error {
            Some(_) => Some(error),
            None => {
                self.error = Some(error);
                None
            }
        }
    }

    /// Notes a panic. Gives it back if it was not the first.
    pub(super) fn panicked(&mut self, panic: Panic) -> Option<Panic> {
        match self.panic {
            Some(_) => Some(panic),
            None => {
                self.panic = Some(panic);
                None
            }
        }
    }

    /// How it all ended. A panic goes before an error.
    pub(super) fn outcome(&mut self) -> Outcome {
        match (&mut self.panic, &self.error) {
            (Some(panic), _) => match panic.payload.take() {
                Some(payload) => Outcome::Panicked(payload),
                None => Outcome::PanickedBefore(panic.text.clone()),
            },
            (None, Some(error)) => Outcome::Failed(error.clone()),
            (None, None) => Outcome::Fine,
        }
    }

    /// Running, and queued.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.running, self.queue.len())
    }
}
