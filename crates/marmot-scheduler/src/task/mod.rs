//! G: a goroutine. Its state, its cell, what a dump tells of it, and its join handle.

pub(crate) mod state;

#[cfg(all(test, marmot_loom))]
mod models;

#[cfg(not(marmot_loom))]
pub(crate) mod cell;
#[cfg(not(marmot_loom))]
mod claim;
#[cfg(not(marmot_loom))]
pub(crate) mod header;
#[cfg(not(marmot_loom))]
pub(crate) mod join;
#[cfg(not(marmot_loom))]
pub(crate) mod panic;
#[cfg(not(marmot_loom))]
pub(crate) mod slab;
#[cfg(not(marmot_loom))]
pub(crate) mod waker;
