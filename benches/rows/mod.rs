//! The rows: what is done, written once, for every peer.

pub mod channels;
pub mod ping_pong;
pub mod remote;
pub mod select;
pub mod sieve;
pub mod skynet;
pub mod spawn;
pub mod yields;

use crate::peer::{Abilities, Channel, Kind, Runtime};

/// One row of a table: a piece of work whose operations can be counted.
///
/// It is done in laps, the least that makes sense (a burst of 10,000 spawns, say), and every
/// lap asserts that all of its work was done.
pub trait Row: 'static {
    /// Its name: a word for `versus`, and a part of criterion's.
    const NAME: &'static str;
    /// What one operation is.
    const OP: &'static str;
    /// Laps in a round.
    const LAPS: u64;
    /// Who takes part.
    const FOR: For;

    /// Operations in a lap.
    fn lap() -> u64;

    /// Whether a channel is good enough; asked only where the row uses one. Unless a row says
    /// otherwise it needs a channel with a limit.
    #[must_use]
    fn suits(can: &Abilities) -> bool {
        can.bounded
    }

    /// Runs so many laps.
    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64);

    /// Whether a peer of this kind, with such a channel, takes part.
    #[must_use]
    fn admits(kind: Kind, can: &Abilities) -> bool {
        let kind_fits = match kind {
            Kind::Runtime => true,
            Kind::Channel => Self::FOR != For::Runtimes,
            Kind::Threads => Self::FOR == For::Threads,
        };
        kind_fits && (Self::FOR == For::Runtimes || Self::suits(can))
    }
}

/// Who takes part in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Runtimes; channels are not used.
    Runtimes,
    /// Every channel between tasks.
    Channels,
    /// Channels between threads too: there are few tasks in it.
    Threads,
}
