//! What the goroutine is about to wait for: the words of every dump and deadlock report.
//!
//! A leaf future calls [`set`] right before it returns `Pending`. Whoever polls calls
//! [`clear`] before a poll and [`take`] after it, and copies the note into the goroutine's
//! header. Several leaves in one poll: the last one to wait is the one that is told.

use std::panic::Location;

use crate::local::LOCAL;
use crate::reason::WaitReason;

/// What is waited for, on which object, from which line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// What kind of thing is waited for.
    pub reason: WaitReason,
    /// The address of the object, or another number that tells it from its kind; 0 for none.
    pub object: usize,
    /// The line of the program that waits, if known.
    pub place: Option<&'static Location<'static>>,
}

impl Note {
    /// No leaf of ours has spoken: the goroutine waits for a future we do not know.
    pub const NONE: Note = Note {
        reason: WaitReason::Foreign,
        object: 0,
        place: None,
    };
}

/// Says what the future that is about to return `Pending` waits for.
///
/// # Examples
///
/// ```
/// use marmot_wait::{WaitReason, note};
///
/// let channel = 7_u32;
/// let address = std::ptr::from_ref(&channel) as usize;
/// note::set(WaitReason::ChanReceive, address, std::panic::Location::caller());
/// assert_eq!(note::take().reason, WaitReason::ChanReceive);
/// assert_eq!(note::take().reason, WaitReason::Foreign);
/// ```
#[inline]
pub fn set(reason: WaitReason, object: usize, place: &'static Location<'static>) {
    LOCAL.with(|local| {
        local.note.set(Note {
            reason,
            object,
            place: Some(place),
        })
    });
}

/// Forgets what an earlier poll said.
#[inline]
pub fn clear() {
    LOCAL.with(|local| local.note.set(Note::NONE));
}

/// What the poll that has just ended said, leaving nothing.
#[inline]
#[must_use]
pub fn take() -> Note {
    LOCAL.with(|local| local.note.replace(Note::NONE))
}

/// The number of the goroutine that this thread polls, or 0.
///
/// Locks keep it as their holder, so that a dump can name who holds what.
#[inline]
#[must_use]
pub fn goroutine() -> u64 {
    LOCAL.with(|local| local.goroutine.get())
}

/// Tells which goroutine this thread polls from now on; 0 for none. Gives the one before.
#[inline]
pub fn set_goroutine(id: u64) -> u64 {
    LOCAL.with(|local| local.goroutine.replace(id))
}
