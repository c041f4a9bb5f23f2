//! Events of all threads in one order, with times in nanoseconds.
//!
//! ```text
//!   reading      1            2            3
//!   ─────────────┼────────────┼────────────┼──────▶ time
//!   given out                 └ all before reading 1, in order
//!                                          └ all before reading 2
//! ```
//!
//! A thread may be interrupted between taking the time and writing the record. So an event is
//! given out one reading late, when all that happened before it has surely been read; one that
//! comes later still is moved up to where the others are.

use std::thread::Thread;

use marmot_scheduler::events::{Anchor, Event, Reader, Record};

/// An event with its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed {
    /// In nanoseconds of `marmot_wait::clock`.
    pub(crate) ns: u64,
    /// The ring it was written to: which thread.
    pub(crate) ring: u32,
    pub(crate) event: Event,
}

/// Reads, sorts and dates.
#[derive(Debug)]
pub(crate) struct Collector {
    reader: Reader,
    /// The two readings before, as looks at both clocks.
    knots: (Anchor, Anchor),
    pending: Vec<(u32, Event)>,
    last_ns: u64,
    lost: u64,
}

impl Collector {
    /// Begins to record.
    pub(crate) fn new() -> Collector {
        let reader = Reader::new();
        let now = Anchor::now();
        Collector {
            reader,
            knots: (now, now),
            pending: Vec::new(),
            last_ns: now.ns,
            lost: 0,
        }
    }

    /// Has this thread unparked when there is much to read.
    pub(crate) fn tell(&self, thread: Thread) {
        self.reader.tell(thread);
    }

    /// How many events were lost so far.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Reads, and gives what is old enough to `each`, in order.
    pub(crate) fn collect(&mut self, each: impl FnMut(Timed)) {
        let cut = self.read();
        self.give(cut.ticks, each);
    }

    /// Reads, and gives everything.
    pub(crate) fn collect_all(&mut self, each: impl FnMut(Timed)) {
        self.read();
        self.give(u64::MAX, each);
    }

    /// Reads everything there is. The reading before: what happened until then is complete.
    fn read(&mut self) -> Anchor {
        let before = self.knots.1;
        let now = Anchor::now();
        // Two readings at once give no rate: the older knot stays.
        if now.ns > before.ns + 100_000 || self.knots.0 == before {
            self.knots = (before, now);
        }
        let batch = self.reader.read();
        self.lost += batch.lost;
        for thread in batch.threads {
            let events = thread.records.iter().filter_map(Record::event);
            self.pending
                .extend(events.map(|event| (thread.ring, event)));
        }
        // A stable sort of runs that are in order already.
        self.pending.sort_by_key(|(_, event)| event.ticks);
        before
    }

    fn give(&mut self, until: u64, mut each: impl FnMut(Timed)) {
        let count = self
            .pending
            .partition_point(|(_, event)| event.ticks <= until);
        let rate = self.knots.0.rate(self.knots.1);
        for (ring, event) in self.pending.drain(..count) {
            let ns = rate.ns_at(event.ticks);
            self.last_ns = self.last_ns.max(ns);
            each(Timed {
                ns: self.last_ns,
                ring,
                event,
            });
        }
    }
}
