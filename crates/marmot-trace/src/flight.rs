//! The last seconds, kept in memory for when something has gone wrong.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{self, Write};
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use marmot_scheduler::OurThread;
use marmot_scheduler::events::{Anchor, Kind, Reader, Record};
use marmot_wait::clock;

use crate::collect::Timed;
use crate::perfetto::Perfetto;
use crate::story::{Begin, Counter, End, Instant, Name, Story, Teller, Track};

/// Keeps what has happened lately, until it is asked for: Go's `trace.FlightRecorder`.
///
/// It records from [`start`](FlightRecorder::start) until it is dropped. What is older than
/// [`max_age`](FlightBuilder::max_age), or does not fit into
/// [`max_bytes`](FlightBuilder::max_bytes), is forgotten. A thread that fills its ring of 2 MiB
/// faster than it can be read loses the oldest, which
/// [`Snapshot::lost`] counts.
///
/// # Examples
///
/// ```
/// use marmot_trace::FlightRecorder;
///
/// let recorder = FlightRecorder::start()?;
/// // ... and when a request has taken too long:
/// let mut file = Vec::new();
/// recorder.snapshot().write_to(&mut file)?;
/// assert!(!file.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct FlightRecorder {
    state: Arc<Mutex<State>>,
    thread: thread::Thread,
}

/// Bounds of a [`FlightRecorder`].
#[derive(Clone, Debug)]
pub struct FlightBuilder {
    max_age: Duration,
    max_bytes: usize,
}

#[derive(Debug)]
struct State {
    reader: Reader,
    /// A look at both clocks when recording began.
    began: Anchor,
    /// What was read, as it lay in the rings; the oldest first.
    kept: VecDeque<Kept>,
    bounds: FlightBuilder,
    lost: u64,
    ended: bool,
}

/// What one reading brought from one thread.
#[derive(Debug)]
struct Kept {
    /// When it was read, in nanoseconds: it is older than that.
    at: u64,
    ring: u32,
    records: Vec<Record>,
}

impl FlightRecorder {
    /// Begins to record, keeping 10 seconds and 16 MiB.
    ///
    /// # Errors
    ///
    /// If the thread that reads can't be created.
    pub fn start() -> io::Result<FlightRecorder> {
        FlightRecorder::builder().start()
    }

    /// Bounds first.
    #[must_use]
    pub fn builder() -> FlightBuilder {
        FlightBuilder {
            max_age: Duration::from_secs(10),
            max_bytes: 16 << 20,
        }
    }

    /// What is kept now; recording goes on.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut state = lock(&self.state);
        state.read();
        Snapshot {
            events: state.events(),
            taken_ns: clock::now_ns(),
            lost: state.lost,
        }
    }

    /// Writes what is kept now, for <https://ui.perfetto.dev>.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn write_to(&self, out: impl Write) -> io::Result<u64> {
        self.snapshot().write_to(out)
    }
}

impl Drop for FlightRecorder {
    fn drop(&mut self) {
        lock(&self.state).ended = true;
        self.thread.unpark();
    }
}

impl FlightBuilder {
    /// How old an event may become.
    #[must_use]
    pub fn max_age(self, age: Duration) -> FlightBuilder {
        FlightBuilder {
            max_age: age,
            ..self
        }
    }

    /// How much memory the kept events may take; the rings that threads record into come on
    /// top of it.
    #[must_use]
    pub fn max_bytes(self, bytes: usize) -> FlightBuilder {
        FlightBuilder {
            max_bytes: bytes,
            ..self
        }
    }

    /// Begins to record.
    ///
    /// # Errors
    ///
    /// If the thread that reads can't be created.
    pub fn start(self) -> io::Result<FlightRecorder> {
        let state = Arc::new(Mutex::new(State {
            reader: Reader::new(),
            began: Anchor::now(),
            kept: VecDeque::new(),
            bounds: self,
            lost: 0,
            ended: false,
        }));
        let reads = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name("marmot-flight".to_owned())
            .spawn(move || {
                let _ours = OurThread::new();
                keep(&reads);
            })?;
        lock(&state).reader.tell(thread.thread().clone());
        Ok(FlightRecorder {
            state,
            thread: thread.thread().clone(),
        })
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nothing under the lock can leave it half changed.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The recorder's thread. It sleeps until a ring fills; until then the ring itself is what is
/// kept.
fn keep(state: &Mutex<State>) {
    loop {
        thread::park();
        let mut state = lock(state);
        if state.ended {
            return;
        }
        state.read();
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        size_of_val(&*self.records)
    }
}

impl FlightBuilder {
    fn oldest(&self, now_ns: u64) -> u64 {
        let age = u64::try_from(self.max_age.as_nanos()).unwrap_or(u64::MAX);
        now_ns.saturating_sub(age)
    }
}

impl State {
    /// Copies what is new, and forgets what is too much. Understands nothing yet: most of it
    /// will never be asked for.
    fn read(&mut self) {
        let batch = self.reader.read();
        self.lost += batch.lost;
        let at = clock::now_ns();
        for thread in batch.threads {
            let (ring, records) = (thread.ring, thread.records);
            self.kept.push_back(Kept { at, ring, records });
        }
        let oldest = self.bounds.oldest(at);
        let mut bytes: usize = self.kept.iter().map(Kept::bytes).sum();
        while let Some(first) = self.kept.front_mut() {
            let excess = bytes.saturating_sub(self.bounds.max_bytes);
            if excess < first.bytes() && first.at >= oldest {
                first.records.drain(..excess.div_ceil(size_of::<Record>()));
                break;
            }
            bytes -= first.bytes();
            self.kept.pop_front();
        }
    }

    /// What is kept, in order and dated.
    fn events(&self) -> Vec<Timed> {
        let now = Anchor::now();
        let (rate, oldest) = (self.began.rate(now), self.bounds.oldest(now.ns));
        let mut events = Vec::new();
        for kept in &self.kept {
            let dated = kept.records.iter().filter_map(|record| {
                let (ns, event) = (rate.ns_at(record.ticks()), record.event()?);
                let ring = kept.ring;
                (ns >= oldest).then_some(Timed { ns, ring, event })
            });
            events.extend(dated);
        }
        // Stable: what one thread did at one time stays in order.
        events.sort_by_key(|timed| timed.ns);
        events
    }
}

/// A stretch of a program's past.
#[derive(Clone, Debug)]
pub struct Snapshot {
    events: Vec<Timed>,
    taken_ns: u64,
    lost: u64,
}

/// A run of a goroutine: from when it began to be polled until that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    /// The number of the runtime in the process, from 1.
    pub runtime: u8,
    /// The number of the goroutine.
    pub goroutine: u64,
    /// Where the goroutine was started.
    pub birthplace: Option<&'static Location<'static>>,
    /// The number of the P it ran on; `None` while it ran without one, because it blocked or
    /// was taken for a hog.
    pub proc: Option<u32>,
    /// The number of the thread among those of its runtime.
    pub thread: u32,
    /// When it began, from the beginning of the snapshot.
    pub begin: Duration,
    /// When it ended.
    pub end: Duration,
}

impl Snapshot {
    /// How many events it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing has happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How many events came too fast to be kept, since recording began.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// What ran where, in the order in which it ended.
    #[must_use]
    pub fn runs(&self) -> Vec<Run> {
        let mut gather = Gather {
            origin: self.events.first().map_or(0, |first| first.ns),
            ..Gather::default()
        };
        self.tell(&mut gather);
        gather.runs
    }

    /// Writes it for <https://ui.perfetto.dev>; how many bytes.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn write_to(&self, out: impl Write) -> io::Result<u64> {
        let mut file = Perfetto::new(io::BufWriter::new(out));
        self.tell(&mut file);
        file.finish().map(|(_, bytes)| bytes)
    }

    fn tell(&self, to: &mut impl Teller) {
        let mut story = Story::default();
        for (runtime, count) in self.goroutines_before() {
            story.begin_with(runtime, count);
        }
        for timed in &self.events {
            story.tell(timed, to);
        }
        story.finish(self.taken_ns, to);
    }

    /// At least so many goroutines there were of each runtime before the first event, so that
    /// their number never falls below zero.
    fn goroutines_before(&self) -> BTreeMap<u8, i64> {
        let mut now: HashMap<u8, i64> = HashMap::new();
        let mut before = BTreeMap::new();
        for timed in &self.events {
            let change = match timed.event.kind {
                Kind::Created { .. } => 1,
                Kind::Stopped {
                    why: marmot_scheduler::events::Stopped::Ended,
                    ..
                } => -1,
                _ => continue,
            };
            let runtime = timed.event.runtime;
            let count = now.entry(runtime).or_default();
            *count += change;
            let least = before.entry(runtime).or_insert(0);
            *least = (*least).max(-*count);
        }
        before
    }
}

/// Gathers runs out of the story.
#[derive(Default)]
struct Gather {
    origin: u64,
    open: HashMap<Track, (u64, Begin)>,
    runs: Vec<Run>,
}

impl Teller for Gather {
    fn begin(&mut self, ns: u64, track: Track, slice: Begin) {
        if slice.who.is_some() {
            self.open.insert(track, (ns, slice));
        }
    }

    fn end(&mut self, ns: u64, track: Track, _end: End) {
        let Some((begin, slice)) = self.open.remove(&track) else {
            return;
        };
        let (Some(who), Name::Run(birthplace)) = (slice.who, slice.name) else {
            return;
        };
        self.runs.push(Run {
            runtime: who.runtime,
            goroutine: who.goroutine,
            birthplace,
            proc: match track {
                Track::Proc(proc) => Some(proc.number),
                _ => None,
            },
            thread: slice.machine.unwrap_or(0),
            begin: Duration::from_nanos(begin - self.origin),
            end: Duration::from_nanos(ns - self.origin),
        });
    }

    fn instant(&mut self, _ns: u64, _track: Track, _what: Instant) {}

    fn count(&mut self, _ns: u64, _counter: Counter, _value: i64) {}
}
