//! What the benchmarks share: what a peer must offer, the rows, and how they are measured.
//!
//! ```text
//!   peers/*        one file per peer, each a Runtime or a Channel      (in the targets)
//!      │
//!   peer.rs        the traits Runtime and Channel, and the visitor over all peers
//!      │
//!   rows/*         one type per row, generic over the two              what is done
//!      │
//!   contest.rs     a row, and everybody who can take part in it
//!      │
//!   interleaved/*   interleaved rounds, ratios, tables                  how it is measured
//!      │
//!   measure/*      clocks, limits, memory, the line between the cores, medians
//! ```
//!
//! No peer is a dependency of this library: the targets bring them, as dev-dependencies.

pub mod args;
pub mod contest;
pub mod countdown;
pub mod go;
pub mod interleaved;
pub mod measure;
pub mod peer;
pub mod rows;
pub mod table;
