//! The story as a file that Perfetto's viewer opens (<https://ui.perfetto.dev>).
//!
//! ```text
//!   process
//!   ├─ Ps                       ── P 0, P 1, …        slices: runs of goroutines
//!   ├─ Threads without a P      ── thread 3, …        slices: what blocks or burns
//!   ├─ Outside                  ── runtime 1, …       instants: timers, sockets, other threads
//!   ├─ Regions                  ── goroutine 12, …    slices: regions; instants: logs
//!   ├─ Tasks                    ── task 1, …
//!   └─ counters                 goroutines, queued on P 0, …
//! ```
//!
//! The format is a sequence of `TracePacket` messages
//! (<https://perfetto.dev/docs/reference/synthetic-track-event>); numbers of fields are those
//! of `perfetto_trace.proto`. Tracks and names are described when they first occur, so the
//! file can be written while the program runs and is whole as far as it goes.

use std::collections::HashMap;
use std::io::{self, Write};

use marmot_scheduler::events::{ProcId, Stopped};

use crate::proto::Message;
use crate::story::{Begin, Counter, End, Instant, Name, Place, Teller, Track, Who};
use crate::texts;

/// Fields of `Trace`.
const PACKET: u32 = 1;

/// Fields of `TracePacket`.
mod packet {
    pub(super) const TIMESTAMP: u32 = 8;
    pub(super) const SEQUENCE: u32 = 10;
    pub(super) const EVENT: u32 = 11;
    pub(super) const INTERNED: u32 = 12;
    pub(super) const FLAGS: u32 = 13;
    pub(super) const DESCRIPTOR: u32 = 60;
}

/// Fields of `TrackEvent`, and its kinds.
mod event {
    pub(super) const ANNOTATION: u32 = 4;
    pub(super) const KIND: u32 = 9;
    pub(super) const NAME_IID: u32 = 10;
    pub(super) const TRACK: u32 = 11;
    pub(super) const NAME: u32 = 23;
    pub(super) const COUNTER: u32 = 30;
    pub(super) const FLOW: u32 = 47;
    pub(super) const FLOW_END: u32 = 48;

    pub(super) const BEGIN: u64 = 1;
    pub(super) const END: u64 = 2;
    pub(super) const INSTANT: u64 = 3;
    pub(super) const COUNT: u64 = 4;
}

/// Fields of `TrackDescriptor`.
mod track {
    pub(super) const UUID: u32 = 1;
    pub(super) const NAME: u32 = 2;
    pub(super) const PROCESS: u32 = 3;
    pub(super) const PARENT: u32 = 5;
    pub(super) const COUNTER: u32 = 8;
    pub(super) const CHILD_ORDER: u32 = 11;
    pub(super) const RANK: u32 = 12;

    /// `child_ordering`: by the rank that each child names.
    pub(super) const EXPLICIT: u64 = 3;
}

/// The process's own track.
const PROCESS: u64 = 1;

/// One sequence of packets, as one writer writes them all.
const SEQUENCE: u64 = 1;
/// What came before on the sequence is forgotten.
const CLEARED: u64 = 1;
/// The packet refers to names that came before.
const NEEDS_STATE: u64 = 2;

/// What tracks are gathered under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Group {
    Procs,
    Adrift,
    World,
    Regions,
    Tasks,
}

impl Group {
    fn of(track: Track) -> Group {
        match track {
            Track::Proc(_) => Group::Procs,
            Track::Adrift { .. } => Group::Adrift,
            Track::World { .. } => Group::World,
            Track::Goroutine(_) | Track::Thread(_) => Group::Regions,
            Track::Task(_) => Group::Tasks,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Group::Procs => "Ps (what runs)",
            Group::Adrift => "Threads without a P (what blocks or burns)",
            Group::World => "Outside (timers, sockets, other threads)",
            Group::Regions => "Regions of the program",
            Group::Tasks => "Tasks of the program",
        }
    }
}

/// Everything that has a number of its own in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Known {
    Group(Group),
    Track(Track),
    Counter(Counter),
}

/// Writes the story. The first error is kept for [`finish`](Perfetto::finish), and nothing is
/// written after it.
#[derive(Debug)]
pub(crate) struct Perfetto<W> {
    out: W,
    error: Option<io::Error>,
    known: HashMap<Known, u64>,
    names: HashMap<Name, u64>,
    bytes: u64,
}

impl<W: Write> Perfetto<W> {
    /// Begins the file.
    pub(crate) fn new(out: W) -> Perfetto<W> {
        let mut file = Perfetto {
            out,
            error: None,
            known: HashMap::new(),
            names: HashMap::new(),
            bytes: 0,
        };
        let program = std::env::args_os().next().unwrap_or_default();
        let program = std::path::Path::new(&program).file_name();
        let name = program.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let mut packet = Message::new();
        packet.uint(packet::FLAGS, CLEARED);
        packet.inner(packet::DESCRIPTOR, |descriptor| {
            descriptor.uint(track::UUID, PROCESS);
            descriptor.uint(track::CHILD_ORDER, track::EXPLICIT);
            descriptor.inner(track::PROCESS, |process| {
                process
                    .uint(1, u64::from(std::process::id()))
                    .text(6, &name);
            });
        });
        file.packet(packet);
        file
    }

    /// Writes what is still in a buffer; how many bytes it was in all.
    pub(crate) fn finish(mut self) -> io::Result<(W, u64)> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.out.flush().map(|()| (self.out, self.bytes)),
        }
    }

    fn packet(&mut self, mut packet: Message) {
        packet.uint(packet::SEQUENCE, SEQUENCE);
        let mut framed = Message::new();
        framed.inner(PACKET, |whole| *whole = packet);
        if self.error.is_none() {
            self.bytes += framed.as_bytes().len() as u64;
            self.error = self.out.write_all(framed.as_bytes()).err();
        }
    }

    /// The number of a track, described if it is new.
    fn track(&mut self, track: Track) -> u64 {
        if let Some(uuid) = self.known.get(&Known::Track(track)) {
            return *uuid;
        }
        let group = Group::of(track);
        let parent = match self.known.get(&Known::Group(group)) {
            Some(uuid) => *uuid,
            None => {
                let rank = group as u64;
                self.describe(Known::Group(group), group.name(), PROCESS, rank)
            }
        };
        let (name, rank) = track_name(track);
        self.describe(Known::Track(track), &name, parent, rank)
    }

    fn counter(&mut self, counter: Counter) -> u64 {
        if let Some(uuid) = self.known.get(&Known::Counter(counter)) {
            return *uuid;
        }
        let (name, rank) = match counter {
            Counter::Goroutines { runtime } => (of_runtime("goroutines", runtime), 10),
            Counter::Queued(p) => (
                of_runtime(&format!("queued on P {}", p.number), p.runtime),
                11,
            ),
        };
        self.describe(Known::Counter(counter), &name, PROCESS, rank)
    }

    fn describe(&mut self, what: Known, name: &str, parent: u64, rank: u64) -> u64 {
        let uuid = PROCESS + 1 + self.known.len() as u64;
        self.known.insert(what, uuid);
        let mut packet = Message::new();
        packet.inner(packet::DESCRIPTOR, |descriptor| {
            descriptor.uint(track::UUID, uuid).text(track::NAME, name);
            descriptor
                .uint(track::PARENT, parent)
                .uint(track::RANK, rank);
            match what {
                Known::Group(_) => _ = descriptor.uint(track::CHILD_ORDER, track::EXPLICIT),
                Known::Counter(_) => _ = descriptor.inner(track::COUNTER, |_| ()),
                Known::Track(_) => {}
            }
        });
        self.packet(packet);
        uuid
    }

    /// Writes an event on a track.
    fn event(&mut self, ns: u64, uuid: u64, kind: u64, fill: impl FnOnce(&mut Message)) {
        let mut packet = Message::new();
        packet.uint(packet::TIMESTAMP, ns);
        packet.uint(packet::FLAGS, NEEDS_STATE);
        packet.inner(packet::EVENT, |event| {
            event.uint(event::KIND, kind).uint(event::TRACK, uuid);
            fill(event);
        });
        self.packet(packet);
    }

    /// The number of a name, written down if it is new.
    fn name(&mut self, name: Name) -> u64 {
        if let Some(iid) = self.names.get(&name) {
            return *iid;
        }
        let iid = self.names.len() as u64 + 1;
        self.names.insert(name, iid);
        let text = match name {
            Name::Run(place) => short(place),
            Name::Said(name) => name.to_owned(),
        };
        let mut packet = Message::new();
        packet.uint(packet::FLAGS, NEEDS_STATE);
        packet.inner(packet::INTERNED, |interned| {
            interned.inner(2, |entry| _ = entry.uint(1, iid).text(2, &text));
        });
        self.packet(packet);
        iid
    }
}

impl<W: Write> Teller for Perfetto<W> {
    fn begin(&mut self, ns: u64, track: Track, slice: Begin) {
        let (uuid, name) = (self.track(track), self.name(slice.name));
        self.event(ns, uuid, event::BEGIN, |event| {
            event.uint(event::NAME_IID, name);
            if let Some(flow) = slice.flow {
                event.fixed64(event::FLOW_END, flow);
            }
            if let Some(who) = slice.who {
                note_number(event, "goroutine", who.goroutine);
            }
            if let Some(machine) = slice.machine {
                note_number(event, "thread", u64::from(machine));
            }
            if let Name::Run(Some(place)) = slice.name {
                note_text(event, "created by", &place.to_string());
            }
        });
    }

    fn end(&mut self, ns: u64, track: Track, end: End) {
        let uuid = self.track(track);
        self.event(ns, uuid, event::END, |event| {
            let (why, place) = match end {
                End::Stopped(Stopped::Ended, _) => ("ended", None),
                End::Stopped(Stopped::Yielded, place) => ("yielded", place),
                End::Stopped(Stopped::Waits(reason), place) => (reason.as_str(), place),
                End::Stopped(..) => ("stopped", None),
                End::LostProc => ("goes on without a P: it was taken", None),
                End::Blocks => ("goes on without a P: it blocks", None),
                End::FoundProc => ("goes on with a P", None),
                End::Unknown => ("its end was not recorded", None),
                End::Over => return,
            };
            note_text(event, "stopped because", why);
            if let Some(place) = place {
                note_text(event, "at", &place.to_string());
            }
        });
    }

    fn instant(&mut self, ns: u64, track: Track, what: Instant) {
        let uuid = self.track(track);
        self.event(ns, uuid, event::INSTANT, |event| describe(event, what));
    }

    fn count(&mut self, ns: u64, counter: Counter, value: i64) {
        let uuid = self.counter(counter);
        self.event(ns, uuid, event::COUNT, |event| {
            event.uint(event::COUNTER, value.cast_unsigned());
        });
    }
}

/// The name of an instant, and what else is to be said of it.
fn describe(event: &mut Message, what: Instant) {
    match what {
        Instant::Wakes { whom, flow } => {
            event.text(event::NAME, "wakes").fixed64(event::FLOW, flow);
            note_number(event, "goroutine", whom.goroutine);
        }
        Instant::Stole { victim } => {
            event.text(event::NAME, &format!("stole from P {}", victim.number));
        }
        Instant::ProcStarted { machine } => {
            event.text(event::NAME, &format!("P taken up by thread {machine}"));
        }
        Instant::ProcStopped { machine } => {
            event.text(event::NAME, &format!("P laid down by thread {machine}"));
        }
        Instant::ProcTaken { blocked: true } => {
            event.text(event::NAME, "P taken from a goroutine that blocks");
        }
        Instant::ProcTaken { blocked: false } => {
            event.text(event::NAME, "P taken from a goroutine that burns CPU");
        }
        Instant::Netpolled { woken } => {
            event.text(event::NAME, "sockets ready");
            note_number(event, "wake-ups", woken);
        }
        Instant::TimersFired { count } => {
            event.text(event::NAME, "timers fired");
            note_number(event, "timers", count);
        }
        Instant::LongPoll { who, ns } => {
            event.text(event::NAME, "long poll");
            note_number(event, "goroutine", who.goroutine);
            note_number(event, "running for ns", ns);
        }
        Instant::Logged { text } => {
            event.text(event::NAME, &texts::get(text));
        }
    }
}

/// Adds a `DebugAnnotation`.
fn note_number(event: &mut Message, name: &str, value: u64) {
    event.inner(event::ANNOTATION, |note| {
        _ = note.text(10, name).uint(3, value)
    });
}

/// Adds a `DebugAnnotation`.
fn note_text(event: &mut Message, name: &str, value: &str) {
    event.inner(event::ANNOTATION, |note| {
        _ = note.text(10, name).text(6, value)
    });
}

/// What a track is called, and its place among the others of its group.
fn track_name(track: Track) -> (String, u64) {
    match track {
        Track::Proc(ProcId { runtime, number }) => (
            of_runtime(&format!("P {number}"), runtime),
            u64::from(number),
        ),
        Track::Adrift { runtime, machine } => (
            of_runtime(&format!("thread {machine}"), runtime),
            u64::from(machine),
        ),
        Track::World { runtime } => (of_runtime("wake-ups from outside", runtime), 0),
        Track::Goroutine(Who { runtime, goroutine }) => (
            of_runtime(&format!("goroutine {goroutine}"), runtime),
            goroutine,
        ),
        Track::Thread(ring) => (
            format!("a thread that is no machine ({ring})"),
            u64::from(ring),
        ),
        Track::Task(task) => (format!("task {task}"), u64::from(task)),
    }
}

/// Most programs have one runtime, of which nothing need be said.
fn of_runtime(name: &str, runtime: u8) -> String {
    match runtime {
        0 | 1 => name.to_owned(),
        _ => format!("{name} (runtime {runtime})"),
    }
}

/// The file and the line of a place, without the folders.
pub(crate) fn short(place: Place) -> String {
    let Some(place) = place else {
        return "a goroutine".to_owned();
    };
    let file = place.file().rsplit(['/', '\\']).next().unwrap_or_default();
    format!("{file}:{}", place.line())
}
