//! The peers. Each target brings them in with `mod peers`, so that none of them is a
//! dependency of the library.

#![allow(dead_code, unused_imports, reason = "each target uses its own part")]
#![allow(unreachable_pub, reason = "the root here is a target")]

pub mod async_channel;
pub mod crossbeam;
pub mod flume;
pub mod kanal;
pub mod marmot;
pub mod smol;
pub mod tokio;

use benches::peer::{Kind, Peers, Visit};

/// All of them, ours first.
#[derive(Debug)]
pub struct All;

impl Peers for All {
    fn each(v: &mut impl Visit) {
        v.peer::<marmot::Marmot, marmot::Chan>("marmot", Kind::Runtime);
        v.peer::<tokio::Tokio, marmot::Chan>("marmot on tokio", Kind::Channel);
        v.peer::<tokio::Tokio, tokio::Mpsc>("tokio", Kind::Runtime);
        v.peer::<tokio::Tokio, tokio::UnboundedMpsc>("tokio", Kind::Channel);
        v.peer::<smol::Smol, async_channel::AsyncChannel>("smol", Kind::Runtime);
        v.peer::<tokio::Tokio, async_channel::AsyncChannel>("async-channel", Kind::Channel);
        v.peer::<tokio::Tokio, flume::Flume>("flume", Kind::Channel);
        v.peer::<tokio::Tokio, kanal::Kanal>("kanal", Kind::Channel);
        v.peer::<crossbeam::Threads, crossbeam::Crossbeam>("crossbeam", Kind::Threads);
    }
}
