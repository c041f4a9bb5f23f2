//! A row, and everybody who can take part in it.

use std::fmt;
use std::marker::PhantomData;

use crate::peer::{Channel, Kind, Peers, Runtime, Visit};
use crate::rows::Row;
use crate::rows::channels::{Flow, NO_LIMIT, Uncontended, ZERO};
use crate::rows::ping_pong::{Oneshots, Pairs};
use crate::rows::remote::{RemoteRoundTrip, RemoteSpawn};
use crate::rows::select::SelectOver;
use crate::rows::sieve::Sieve;
use crate::rows::skynet::Skynet;
use crate::rows::spawn::{Burst, Chain, SpawnJoin, SpawnJoinBatch, Work};
use crate::rows::yields::{YieldBesideQueue, Yields};

/// A row whose types are gone, with all who take part.
#[derive(Debug)]
pub struct Contest {
    /// The row's name.
    pub name: &'static str,
    /// What one operation is.
    pub op: &'static str,
    /// Operations in a lap.
    pub lap: u64,
    /// Laps in a round.
    pub laps: u64,
    /// Who takes part, ours first.
    pub entrants: Vec<Entrant>,
}

/// One who takes part.
#[derive(Clone, Copy)]
pub struct Entrant {
    /// The peer's name.
    pub name: &'static str,
    /// What kind of peer it is.
    pub kind: Kind,
    /// Starts its runtime with so many workers.
    pub start: fn(usize) -> Box<dyn Laps>,
}

impl fmt::Debug for Entrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrant")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Entrant {
    /// Whether a number of workers means anything to it. Threads have none: they are
    /// measured where all cores work.
    #[must_use]
    pub fn runs_with(&self, workers: usize) -> bool {
        self.kind != Kind::Threads || workers > 1
    }

    /// Its laps where a task's are `laps`. The kernel's switch of threads takes fifty times
    /// as long as a switch of tasks; a twentieth of the work is enough to see it.
    #[must_use]
    pub fn laps(&self, laps: u64) -> u64 {
        if self.kind == Kind::Threads {
            laps.div_ceil(20)
        } else {
            laps
        }
    }
}

/// A started runtime with a row to run.
pub trait Laps {
    /// Runs so many laps.
    fn run(&self, laps: u64);
}

struct Started<W, R, C> {
    rt: R,
    row: PhantomData<fn() -> (W, C)>,
}

impl<W: Row, R: Runtime, C: Channel> Laps for Started<W, R, C> {
    fn run(&self, laps: u64) {
        W::run::<R, C>(&self.rt, laps);
    }
}

struct Gather<W> {
    entrants: Vec<Entrant>,
    row: PhantomData<fn() -> W>,
}

impl<W: Row> Visit for Gather<W> {
    fn peer<R: Runtime, C: Channel>(&mut self, name: &'static str, kind: Kind) {
        if W::admits(kind, &C::CAN) {
            self.entrants.push(Entrant {
                name,
                kind,
                start: |workers| {
                    Box::new(Started::<W, R, C> {
                        rt: R::start(workers),
                        row: PhantomData,
                    })
                },
            });
        }
    }
}

fn contest<W: Row, P: Peers>() -> Contest {
    let mut gather = Gather::<W> {
        entrants: Vec::new(),
        row: PhantomData,
    };
    P::each(&mut gather);
    Contest {
        name: W::NAME,
        op: W::OP,
        lap: W::lap(),
        laps: W::LAPS,
        entrants: gather.entrants,
    }
}

/// The rows of the scheduler.
#[must_use]
pub fn scheduler<P: Peers>() -> Vec<Contest> {
    vec![
        contest::<Burst<10_000>, P>(),
        contest::<Burst<1_000_000>, P>(),
        contest::<SpawnJoin, P>(),
        contest::<SpawnJoinBatch, P>(),
        contest::<Chain, P>(),
        contest::<Yields<200, 1_000>, P>(),
        contest::<Yields<10_000, 20>, P>(),
        contest::<YieldBesideQueue, P>(),
        contest::<Pairs<1_000, true>, P>(),
        contest::<Oneshots, P>(),
        contest::<Pairs<1, true>, P>(),
        contest::<Pairs<1, false>, P>(),
        contest::<RemoteSpawn, P>(),
        contest::<RemoteRoundTrip, P>(),
        contest::<Skynet, P>(),
        contest::<Work, P>(),
    ]
}

/// The rows of channels.
#[must_use]
pub fn channels<P: Peers>() -> Vec<Contest> {
    vec![
        contest::<Uncontended, P>(),
        contest::<Flow<1, 1, ZERO>, P>(),
        contest::<Flow<1, 1, 1>, P>(),
        contest::<Flow<1, 1, 128>, P>(),
        contest::<Flow<1, 1, NO_LIMIT>, P>(),
        contest::<Flow<8, 1, ZERO>, P>(),
        contest::<Flow<8, 1, 1>, P>(),
        contest::<Flow<8, 1, 128>, P>(),
        contest::<Flow<8, 1, NO_LIMIT>, P>(),
        contest::<Flow<8, 8, ZERO>, P>(),
        contest::<Flow<8, 8, 1>, P>(),
        contest::<Flow<8, 8, 128>, P>(),
        contest::<Flow<8, 8, NO_LIMIT>, P>(),
        contest::<Pairs<1, true>, P>(),
        contest::<Pairs<1, false>, P>(),
        contest::<Pairs<1_000, true>, P>(),
        contest::<SelectOver<2, ZERO>, P>(),
        contest::<SelectOver<2, 128>, P>(),
        contest::<SelectOver<8, ZERO>, P>(),
        contest::<SelectOver<8, 128>, P>(),
        contest::<Sieve, P>(),
    ]
}
