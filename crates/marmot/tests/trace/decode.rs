//! Reads a trace file as a viewer would, with nothing of the code that writes it, and checks
//! that it makes sense.

use std::collections::{BTreeMap, HashMap};

/// A field of a message: its number and its value.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, in order.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Value<'_>)> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let value = match key & 7 {
            0 => Value::Number(varint(&mut bytes)),
            1 => {
                let (number, rest) = bytes.split_at(8);
                bytes = rest;
                Value::Number(u64::from_le_bytes(number.try_into().expect("eight bytes")))
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)).expect("a length");
                let (inner, rest) = bytes.split_at(length);
                bytes = rest;
                Value::Bytes(inner)
            }
            kind => panic!("a field of kind {kind}"),
        };
        all.push((key >> 3, value));
    }
    all
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().expect("the number goes on");
        *bytes = rest;
        value |= u64::from(first & 0x7F) << shift;
        if first & 0x80 == 0 {
            return value;
        }
    }
    panic!("a number without an end")
}

/// The fields of one message by number.
struct Message<'a>(Vec<(u64, Value<'a>)>);

impl<'a> Message<'a> {
    fn of(bytes: &'a [u8]) -> Message<'a> {
        Message(fields(bytes))
    }

    fn numbers(&self, field: u64) -> impl Iterator<Item = u64> {
        self.0
            .iter()
            .filter_map(move |(number, value)| match value {
                Value::Number(value) if *number == field => Some(*value),
                _ => None,
            })
    }

    fn number(&self, field: u64) -> Option<u64> {
        self.numbers(field).next()
    }

    fn all(&self, field: u64) -> impl Iterator<Item = &'a [u8]> {
        self.0
            .iter()
            .filter_map(move |(number, value)| match value {
                Value::Bytes(bytes) if *number == field => Some(*bytes),
                _ => None,
            })
    }

    fn message(&self, field: u64) -> Option<Message<'a>> {
        self.all(field).next().map(Message::of)
    }

    fn text(&self, field: u64) -> Option<String> {
        let bytes = self.all(field).next()?;
        Some(String::from_utf8(bytes.to_vec()).expect("text"))
    }
}

/// A slice, closed.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    pub(crate) name: String,
    pub(crate) begin: u64,
    pub(crate) end: u64,
    /// How many slices it lies in.
    pub(crate) depth: usize,
    /// What is said of it: numbers as text.
    pub(crate) notes: HashMap<String, String>,
    /// It is the end of this arrow.
    pub(crate) from_flow: Option<u64>,
}

/// A moment.
#[derive(Clone, Debug)]
pub(crate) struct Instant {
    pub(crate) name: String,
    pub(crate) at: u64,
    pub(crate) notes: HashMap<String, String>,
    /// It is the beginning of this arrow.
    pub(crate) flow: Option<u64>,
}

/// One line of the viewer.
#[derive(Debug, Default)]
pub(crate) struct Track {
    pub(crate) name: String,
    pub(crate) group: Option<u64>,
    pub(crate) slices: Vec<Slice>,
    pub(crate) instants: Vec<Instant>,
    pub(crate) counts: Vec<(u64, i64)>,
    open: Vec<Slice>,
    last: u64,
}

/// A trace file.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) tracks: BTreeMap<u64, Track>,
    names: HashMap<u64, String>,
}

impl Trace {
    /// Reads it; panics where it does not keep to the format, where time runs backwards on a
    /// track, and where a slice is not closed.
    pub(crate) fn read(bytes: &[u8]) -> Trace {
        let mut trace = Trace::default();
        for (field, value) in fields(bytes) {
            let Value::Bytes(packet) = value else {
                panic!("a trace is packets")
            };
            assert_eq!(field, 1, "a trace is packets");
            trace.packet(&Message::of(packet));
        }
        for track in trace.tracks.values() {
            assert!(track.open.is_empty(), "open at the end: {:?}", track.open);
        }
        trace
    }

    fn packet(&mut self, packet: &Message<'_>) {
        assert_eq!(packet.number(10), Some(1), "one sequence");
        if let Some(descriptor) = packet.message(60) {
            let track = Track {
                name: descriptor.text(2).unwrap_or_default(),
                group: descriptor.number(5),
                ..Track::default()
            };
            if let Some(group) = track.group {
                assert!(
                    self.tracks.contains_key(&group),
                    "described after its group"
                );
            }
            let uuid = descriptor.number(1).expect("a track has a number");
            assert!(self.tracks.insert(uuid, track).is_none(), "described twice");
        }
        if let Some(interned) = packet.message(12) {
            for name in interned.all(2).map(Message::of) {
                let number = name.number(1).expect("a name has a number");
                self.names.insert(number, name.text(2).expect("a name"));
            }
        }
        if let Some(event) = packet.message(11) {
            self.event(packet.number(8).expect("an event has a time"), &event);
        }
    }

    fn event(&mut self, at: u64, event: &Message<'_>) {
        let uuid = event.number(11).expect("an event is on a track");
        let track = self
            .tracks
            .get_mut(&uuid)
            .expect("a track is described first");
        assert!(at >= track.last, "time goes on, on {}", track.name);
        track.last = at;
        let interned = event.number(10).map(|number| self.names[&number].clone());
        let name = interned.or_else(|| event.text(23)).unwrap_or_default();
        let notes: HashMap<_, _> = event
            .all(4)
            .map(Message::of)
            .map(|note| note_of(&note))
            .collect();
        match event.number(9) {
            Some(1) => track.open.push(Slice {
                name,
                begin: at,
                end: at,
                depth: track.open.len(),
                notes,
                from_flow: event.number(48),
            }),
            Some(2) => {
                let mut slice = track.open.pop().expect("what ends has begun");
                slice.end = at;
                slice.notes.extend(notes);
                track.slices.push(slice);
            }
            Some(3) => track.instants.push(Instant {
                name,
                at,
                notes,
                flow: event.number(47),
            }),
            Some(4) => {
                let value = event.number(30).expect("a count").cast_signed();
                track.counts.push((at, value));
            }
            kind => panic!("an event of kind {kind:?}"),
        }
    }

    /// The tracks whose group has a name that begins so.
    pub(crate) fn group(&self, name: &str) -> Vec<&Track> {
        let in_group = |track: &&Track| {
            let group = track.group.and_then(|group| self.tracks.get(&group));
            group.is_some_and(|group| group.name.starts_with(name))
        };
        self.tracks.values().filter(in_group).collect()
    }

    /// What the Ps ran.
    pub(crate) fn runs(&self) -> Vec<&Slice> {
        self.group("Ps")
            .into_iter()
            .flat_map(|p| &p.slices)
            .collect()
    }

    pub(crate) fn instants(&self) -> impl Iterator<Item = &Instant> {
        self.tracks.values().flat_map(|track| &track.instants)
    }

    /// No two runs at once on one P or thread, none of one goroutine in two places, and each
    /// arrow has a beginning before its end, at the goroutine that it leads to.
    pub(crate) fn check(&self) {
        let mut of_goroutine: HashMap<&str, Vec<(u64, u64)>> = HashMap::new();
        for track in self
            .group("Ps")
            .into_iter()
            .chain(self.group("Threads without"))
        {
            let mut before = 0;
            for slice in &track.slices {
                assert_eq!(slice.depth, 0, "one goroutine at a time on {}", track.name);
                assert!(slice.begin >= before, "two at once on {}", track.name);
                before = slice.end;
                let id = slice.notes["goroutine"].as_str();
                of_goroutine
                    .entry(id)
                    .or_default()
                    .push((slice.begin, slice.end));
            }
        }
        for (id, mut runs) in of_goroutine {
            runs.sort_unstable();
            for pair in runs.windows(2) {
                assert!(
                    pair[0].1 <= pair[1].0,
                    "goroutine {id} runs twice: {pair:?}"
                );
            }
        }
        self.check_flows();
    }

    fn check_flows(&self) {
        let mut begins = HashMap::new();
        for instant in self.instants() {
            if let Some(flow) = instant.flow {
                assert!(
                    begins.insert(flow, instant).is_none(),
                    "an arrow begins once"
                );
            }
        }
        let mut ends = HashMap::new();
        for slice in self.tracks.values().flat_map(|track| &track.slices) {
            if let Some(flow) = slice.from_flow {
                let wake = begins.get(&flow).expect("an arrow that ends has begun");
                assert!(wake.at <= slice.begin, "a wake-up comes before its run");
                assert_eq!(wake.notes["goroutine"], slice.notes["goroutine"]);
                assert!(ends.insert(flow, ()).is_none(), "an arrow ends once");
            }
        }
    }
}

fn note_of(note: &Message<'_>) -> (String, String) {
    let name = note.text(10).expect("a note has a name");
    let number = note.number(3).map(|number| number.to_string());
    (
        name,
        number.or_else(|| note.text(6)).expect("a note has a value"),
    )
}
