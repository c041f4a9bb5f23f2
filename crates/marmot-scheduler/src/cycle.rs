//! Goroutines that wait for each other, while the rest of the program goes on.
//!
//! ```text
//!   goroutine 7 ──waits for──▶ mutex A ──held by──▶ goroutine 9
//!        ▲                                               │ waits for
//!        └──────────held by────── mutex B ◀──────────────┘
//! ```
//!
//! An edge is drawn only where it is certain:
//!
//! - its goroutine waits for **one thing alone**: one leaf future said so in its last poll, with
//!   the goroutine's own waker, and no other waker of it exists. A goroutine that also waits for
//!   a timer, a channel or a foreign future has no edge, since that may let it go on;
//! - that thing is **held by one goroutine** that will give it back itself: a mutex, a lock to
//!   write, the turn of a once (`marmot_wait::held`), not taken with an owned guard; or permits
//!   that were given to a future of its own and not taken; or it is the end of another goroutine.
//!
//! So each goroutine has one edge at most, and whoever stands on a cycle can't go on. The
//! picture is not taken in one instant, so a cycle is told only if it is there again
//! [`AGAIN`] later, and none of its goroutines has moved meanwhile.
//!
//! A cycle of one is a **futurelock**: the goroutine waits for what it holds itself, or for what
//! was given to a future of its own that it does not poll. Nobody else takes part, so that is
//! certain, and told, at the moment when it goes to sleep.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::panic::Location;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use marmot_wait::held::{self, Holder};
use marmot_wait::{WaitReason, clock};

use crate::builder::Deadlock;
use crate::deadlock::warn;
use crate::machine::header;
use crate::shared::Shared;
use crate::snapshot::place;
use crate::task::header::{Header, TaskRef, millis};
use crate::task::panic::contained;
use crate::task::slab;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(500);
/// A look may take this share of the time: with very many goroutines it is taken less often.
const SHARE: u32 = 200;
/// A cycle that is still there after so long is told.
const AGAIN: Duration = Duration::from_millis(100);
/// With at most so many goroutines a look is worth it even if no lock is held and waited for:
/// there could be goroutines that join each other.
const FEW: u64 = 10_000;

/// A goroutine that waits for one thing alone, and who holds that.
#[derive(Clone, Debug)]
struct Edge {
    id: u64,
    name: Option<Arc<str>>,
    reason: WaitReason,
    object: usize,
    waits_at: Option<&'static Location<'static>>,
    since_ms: u32,
    born: Option<&'static Location<'static>>,
    parent: u64,
    holder: Holder,
}

/// What makes a cycle the same one: its goroutines, from the smallest number on, and since when
/// each has waited.
type Key = Vec<(u64, u32)>;

/// What the monitor remembers between its looks.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// The next look.
    next_ns: u64,
    /// Goroutines have run since the last look.
    stale: bool,
    /// Cycles seen at the last look for the first time.
    suspects: HashSet<Key>,
    told: HashSet<Key>,
}

impl Watch {
    /// Something runs.
    pub(crate) fn something_runs(&mut self) {
        self.stale = true;
    }

    /// Looks for cycles if it is time to; in how long it wants to look again, if anything is
    /// left to see even if nothing runs any more.
    pub(crate) fn look(&mut self, shared: &'static Shared) -> Option<Duration> {
        let nothing_new = !self.stale && self.suspects.is_empty();
        if shared.config.deadlock == Deadlock::Off || nothing_new {
            return None;
        }
        let now = clock::now_ns();
        if now < self.next_ns {
            return Some(Duration::from_nanos(self.next_ns - now));
        }
        self.stale = false;
        let found = self.find(shared);
        let took = Duration::from_nanos(clock::now_ns() - now);
        let pause = if found {
            AGAIN
        } else {
            EVERY.max(took * SHARE)
        };
        self.next_ns = clock::now_ns() + u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
        found.then_some(pause)
    }

    /// Tells the cycles that were there before; whether there are new ones.
    fn find(&mut self, shared: &'static Shared) -> bool {
        let held = holders(shared);
        let mut seen = HashSet::new();
        if !held.is_empty() || crate::snapshot::count(shared) <= FEW {
            let edges = edges(shared, &held);
            for cycle in cycles(&edges) {
                let key = key_of(&cycle);
                if self.told.contains(&key) {
                    continue;
                }
                if self.suspects.contains(&key) && !moves(&cycle) {
                    if cycle.len() > 1 || mark_told(shared, cycle[0].id) {
                        tell(shared, &words(&cycle));
                    }
                    self.told.insert(key);
                } else {
                    seen.insert(key);
                }
            }
        }
        self.suspects = seen;
        !self.suspects.is_empty()
    }
}

/// This goroutine has gone to sleep for something that it holds itself, if nothing else can wake
/// it. By its machine, right after the poll.
#[cold]
pub(crate) fn caught(shared: &'static Shared, id: u64) {
    if shared.config.deadlock == Deadlock::Off {
        return;
    }
    let edges = edges(shared, &holders(shared));
    let found = edges.get(&id).filter(|edge| edge.holder.goroutine == id);
    if let Some(edge) = found
        && mark_told(shared, id)
    {
        tell(shared, &words(std::slice::from_ref(edge)));
    }
}

/// Marks a goroutine that waits for itself as told; `false` if it was. Its machine and the
/// monitor may both find it.
fn mark_told(shared: &'static Shared, id: u64) -> bool {
    static TOLD: Mutex<Vec<(usize, u64)>> = Mutex::new(Vec::new());
    let whose = (std::ptr::from_ref(shared) as usize, id);
    // Nothing panics under this lock but an allocation that fails.
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let new = !told.contains(&whose);
    if new {
        told.push(whose);
    }
    new
}

/// Objects and who will certainly give them back: which goroutine of this runtime. One of another
/// runtime may have the same number there, and is on no cycle that is seen from here.
fn holders(shared: &Shared) -> HashMap<usize, Holder> {
    let all = held::all()
        .into_iter()
        .map(|held| (held.object, held.holder));
    all.filter(|(_, holder)| holder.certain() != 0 && is_of(shared, holder))
        .map(|(object, holder)| {
            let goroutine = held::goroutine_of(holder.goroutine);
            (
                object,
                Holder {
                    goroutine,
                    ..holder
                },
            )
        })
        .collect()
}

/// Whether this is a goroutine of that runtime.
fn is_of(shared: &Shared, holder: &Holder) -> bool {
    held::runtime_of(holder.goroutine) == held::runtime_of(shared.whose)
}

/// The certain edges that may be part of a cycle, by the goroutine that waits: of a million that
/// wait for one lock only those count that somebody waits for in turn.
fn edges(shared: &'static Shared, held: &HashMap<usize, Holder>) -> HashMap<u64, Edge> {
    let mut edges = HashMap::new();
    let mut cells = HashMap::new();
    let joined = joined();
    let holders: HashSet<u64> = held.values().map(|holder| holder.goroutine).collect();
    slab::walk(|cell| {
        let (g, address) = (header(TaskRef(cell)), cell.as_ptr() as usize);
        if !joined.contains(&address) && !holders.contains(&g.id.load(Ordering::Relaxed)) {
            return;
        }
        if let Some(edge) = read(g, shared) {
            cells.insert(address, edge.id);
            edges.insert(edge.id, edge);
        }
    });
    edges.retain(|_, edge| {
        edge.holder = if edge.reason == WaitReason::Join {
            let goroutine = cells.get(&edge.object).copied().unwrap_or(0);
            Holder {
                goroutine,
                ..Holder::NONE
            }
        } else {
            held.get(&edge.object).copied().unwrap_or(Holder::NONE)
        };
        edge.holder.goroutine != 0
    });
    edges
}

/// The cells of goroutines whose end somebody seems to wait for.
fn joined() -> HashSet<usize> {
    let mut joined = HashSet::new();
    slab::walk(|cell| {
        let g = header(TaskRef(cell));
        if g.waits_for_held() && g.wait_reason() == WaitReason::Join {
            joined.insert(g.object.load(Ordering::Relaxed));
        }
    });
    joined
}

/// A goroutine that waits for one thing alone; its holder is not known yet.
fn read(g: &Header, shared: &Shared) -> Option<Edge> {
    // ORDERING: Acquire, and the fence below, as in `snapshot::read`: the fields are those of
    // the goroutine with this number.
    let id = g.id.load(Ordering::Acquire);
    if id == 0 || !g.waits_for_held() || !std::ptr::eq(g.shared.load(Ordering::Relaxed), shared) {
        return None;
    }
    let edge = Edge {
        id,
        name: None,
        reason: g.wait_reason(),
        object: g.object.load(Ordering::Relaxed),
        waits_at: None,
        since_ms: g.since_ms.load(Ordering::Relaxed),
        born: None,
        parent: g.parent.load(Ordering::Relaxed),
        holder: Holder::NONE,
    };
    let waits_at = g.waits_at.load(Ordering::Relaxed);
    let born = g.birthplace.load(Ordering::Relaxed);
    let alone = g.state.waits_for_one() && g.waits_for_held();
    // ORDERING: Acquire, see above.
    fence(Ordering::Acquire);
    let same = g.id.load(Ordering::Relaxed) == id;
    (same && alone).then(|| Edge {
        name: crate::names::of(g),
        waits_at: place(waits_at),
        born: place(born),
        ..edge
    })
}

/// The cycles of a graph in which each node has one edge at most, each from its smallest number.
fn cycles(edges: &HashMap<u64, Edge>) -> Vec<Vec<Edge>> {
    let mut done = HashSet::new();
    let mut cycles = Vec::new();
    for start in edges.keys() {
        let mut path = Vec::new();
        let mut at = *start;
        while let Some(edge) = edges.get(&at) {
            if !done.insert(at) {
                break;
            }
            path.push(edge.clone());
            at = edge.holder.goroutine;
        }
        // Where the path has come back to itself, a cycle begins; else it has met an older path.
        if let Some(from) = path.iter().position(|edge| edge.id == at) {
            let mut cycle = path.split_off(from);
            let first = (0..cycle.len()).min_by_key(|&n| cycle[n].id).unwrap_or(0);
            cycle.rotate_left(first);
            cycles.push(cycle);
        }
    }
    cycles.sort_by_key(|cycle| cycle[0].id);
    cycles
}

fn key_of(cycle: &[Edge]) -> Key {
    cycle.iter().map(|edge| (edge.id, edge.since_ms)).collect()
}

/// Whether one of them has waited for less than half of what passes between two looks: it may
/// have gone on, and waited again within the tick of the clock.
fn moves(cycle: &[Edge]) -> bool {
    let now = millis(clock::now_ns());
    let least = u32::try_from(AGAIN.as_millis() / 2).unwrap_or(u32::MAX);
    cycle
        .iter()
        .any(|edge| now.wrapping_sub(edge.since_ms) < least)
}

/// The report: who waits for what and from where, who holds that and where it was taken.
fn words(cycle: &[Edge]) -> String {
    let mut text = match cycle {
        [one] => format!(
            "futurelock: goroutine {} waits for what {}",
            one.id,
            if one.holder.granted {
                "was given to a future of its own that it does not poll"
            } else {
                "it holds itself"
            }
        ),
        _ => format!("{} goroutines wait for each other - deadlock!", cycle.len()),
    };
    text.push_str("\n\n");
    for edge in cycle {
        edge.describe(&mut text);
    }
    text
}

impl Edge {
    fn describe(&self, text: &mut String) {
        let _ = writeln!(text, "goroutine {} [{}]:", self.id, self.reason);
        if let Some(name) = &self.name {
            let _ = writeln!(text, "\tnamed {name}");
        }
        if let Some(place) = self.waits_at {
            let _ = writeln!(text, "\tat {place}");
        }
        let whom = self.holder.goroutine;
        let _ = match (self.reason, self.holder.place) {
            (WaitReason::Join, _) => writeln!(text, "\twaits for the end of goroutine {whom}"),
            (_, Some(place)) if self.holder.granted => writeln!(
                text,
                "\twaits for {:#x}, given to goroutine {whom}, which waited for it at {place}",
                self.object
            ),
            (_, Some(place)) => writeln!(
                text,
                "\twaits for {:#x}, held by goroutine {whom}, which took it at {place}",
                self.object
            ),
            (_, None) => writeln!(
                text,
                "\twaits for {:#x}, held by goroutine {whom}",
                self.object
            ),
        };
        let _ = match (self.born, self.parent) {
            (Some(place), 0) => writeln!(text, "created by {place}"),
            (Some(place), parent) => writeln!(text, "created by {place} in goroutine {parent}"),
            (None, _) => Ok(()),
        };
    }
}

/// To the program's hook, or to stderr. The rest of the program runs on.
fn tell(shared: &'static Shared, text: &str) {
    contained(&shared.config, || crate::tell::circle(text));
    match &shared.config.on_deadlock {
        Some(hook) => contained(&shared.config, || hook(text)),
        None => warn(text),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Edge, Holder, WaitReason, cycles};

    fn graph(edges: &[(u64, u64)]) -> HashMap<u64, Edge> {
        let edge = |&(id, goroutine): &(u64, u64)| Edge {
            id,
            name: None,
            reason: WaitReason::MutexLock,
            object: 8,
            waits_at: None,
            since_ms: 0,
            born: None,
            parent: 0,
            holder: Holder {
                goroutine,
                ..Holder::NONE
            },
        };
        edges.iter().map(|pair| (pair.0, edge(pair))).collect()
    }

    fn found(edges: &[(u64, u64)]) -> Vec<Vec<u64>> {
        let cycles = cycles(&graph(edges));
        let ids = |cycle: &Vec<Edge>| cycle.iter().map(|edge| edge.id).collect();
        cycles.iter().map(ids).collect()
    }

    #[test]
    fn a_chain_that_ends_is_no_cycle() {
        assert!(found(&[(1, 2), (2, 3), (5, 2)]).is_empty());
    }

    #[test]
    fn a_cycle_is_found_once_with_all_that_lead_into_it() {
        assert_eq!(
            found(&[(4, 2), (2, 3), (3, 2), (9, 4), (8, 3)]),
            [vec![2, 3]]
        );
    }

    #[test]
    fn each_of_several_cycles_is_found() {
        assert_eq!(
            found(&[(1, 1), (2, 3), (3, 4), (4, 2), (6, 7)]),
            [vec![1], vec![2, 3, 4]]
        );
    }
}
