//! The servers: one file for each peer. Each takes a listener, starts as many workers as it
//! is told, and comes back; what it has started goes on.

pub(crate) mod bare;
pub(crate) mod marmot;
pub(crate) mod smol;
pub(crate) mod tokio;

use std::net::TcpListener;

use crate::plan::{self, Kind};

/// Starts a peer's server.
pub(crate) fn start(peer: &str, kind: Kind, workers: usize, listener: TcpListener) {
    match peer {
        plan::OURS => marmot::start(kind, workers, listener),
        plan::BARE => bare::start(kind, listener),
        "tokio" => tokio::start(kind, workers, listener),
        "smol" => smol::start(kind, workers, listener),
        other => panic!("no peer {other}"),
    }
}
