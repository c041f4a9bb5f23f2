//! What is told to a subscriber of the `tracing` crate, with the feature of that name; without
//! it these functions are empty.
//!
//! Target `marmot`; a goroutine's start is at level trace, a long poll at warn, a panic and a
//! deadlock at error.

#![cfg_attr(
    not(feature = "tracing"),
    expect(unused_variables, reason = "told to nobody")
)]

use std::panic::Location;

use crate::longpoll::LongPoll;

/// A place, or nothing.
#[cfg(feature = "tracing")]
fn shown(
    place: Option<&'static Location<'static>>,
) -> Option<tracing::field::DisplayValue<&'static Location<'static>>> {
    place.map(tracing::field::display)
}

/// A goroutine was started.
#[inline]
pub(crate) fn spawned(id: u64, parent: u64, birthplace: Option<&'static Location<'static>>) {
    #[cfg(feature = "tracing")]
    tracing::trace!(
        target: "marmot",
        goroutine = id,
        parent,
        birthplace = shown(birthplace),
        "goroutine started"
    );
}

/// A goroutine panicked, and nobody can observe it.
pub(crate) fn panicked(id: u64, birthplace: Option<&'static Location<'static>>, text: &str) {
    #[cfg(feature = "tracing")]
    tracing::error!(
        target: "marmot",
        goroutine = id,
        birthplace = shown(birthplace),
        panic = text,
        "goroutine panicked"
    );
}

/// A poll took long, or has been going on for long.
pub(crate) fn long_poll(poll: &LongPoll) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: "marmot",
        goroutine = poll.goroutine,
        birthplace = shown(poll.birthplace),
        wall = ?poll.wall,
        cpu = ?poll.cpu,
        blocked_in = poll.call,
        over = poll.over,
        "long poll"
    );
}

/// Some goroutines wait for each other, or one for itself.
pub(crate) fn circle(report: &str) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: "marmot", report, "goroutines wait for each other");
}

/// No goroutine can go on.
pub(crate) fn deadlock(certain: bool, dump: &str) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: "marmot", certain, goroutines = dump, "all goroutines are asleep");
}
