#![doc = include_str!("README.md")]

mod arm;
mod cases;
mod dynamic;
mod engine;
mod list;
mod operand;
mod rng;
pub(crate) mod selection;

pub use cases::{AsReceiver, AsSender};
pub use dynamic::{Chosen, Index, Select, Wait};
pub use rng::seed;

/// What `select!` expands to needs these names; they are no part of the interface.
#[doc(hidden)]
pub mod private {
    use std::panic::Location;

    pub use std::future::poll_fn;
    pub use std::pin::pin;
    pub use std::task::Poll;
    pub use std::{panic, unreachable};

    pub use marmot_macros::select_impl;

    pub use super::arm::Arm;
    pub use super::engine::{Chosen, Engine, Order, Patience};
    pub use super::operand::{
        Probe, ViaCase, ViaFuture, ViaOptionCase, ViaOptionFuture, arrow_recv, arrow_send,
    };

    /// `select! {}`: waits for ever, and says so in a dump.
    #[track_caller]
    pub fn forever<T>() -> impl Future<Output = T> {
        let place = Location::caller();
        poll_fn(move |_| {
            marmot_wait::note::set(marmot_wait::WaitReason::SelectNoCases, 0, place);
            Poll::Pending
        })
    }
}
