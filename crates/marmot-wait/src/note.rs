//! What the goroutine is about to wait for: the words of every dump and deadlock report.
//!
//! A leaf future calls [`set`] right before it returns `Pending`. Whoever polls calls
//! [`clear`] before a poll and [`take`] after it, and copies the note into the goroutine's
//! header. Several leaves in one poll: the last one to wait is the one that is told.

use std::panic::Location;
use std::task::Waker;

use crate::held;
use crate::local::LOCAL;
use crate::reason::WaitReason;
use crate::runner::runner;

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

/// What the leaves that returned `Pending` in one poll have said, all together.
///
/// A goroutine may wait for several things at once, in a select or a join; then the holder of
/// one of them does not keep it from going on. What follows from a wait for a lock follows
/// only if that was all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Waits {
    /// No leaf of ours has said anything.
    Nothing,
    /// One has, and it may be anything.
    Something,
    /// Several have.
    ForSeveral,
    /// One has: with the goroutine's own waker it waits for something that can be held.
    ForHeld = Waits::ALONE,
    /// The same, and the goroutine itself holds it.
    ForItself = Waits::ALONE | 1,
}

impl Waits {
    /// The bit that [`ForHeld`](Waits::ForHeld) and [`ForItself`](Waits::ForItself) have, and
    /// no number of a [`WaitReason`].
    pub const ALONE: u8 = 1 << 7;
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
    put(reason, object, place, Waits::Something);
}

#[inline]
fn put(reason: WaitReason, object: usize, place: &'static Location<'static>, one: Waits) {
    LOCAL.with(|local| {
        local.note.set(Note {
            reason,
            object,
            place: Some(place),
        });
        local.waits.set(match local.waits.get() {
            Waits::Nothing => one,
            _ => Waits::ForSeveral,
        });
    });
}

/// As [`set`], for a wait for something that can be held: a lock, a turn, another goroutine.
///
/// `waker` is the one that will end the wait, and `holder` the number among all runtimes
/// ([`held::number`]) of the goroutine that holds the thing, 0 if that is not known.
pub fn set_held(
    reason: WaitReason,
    object: usize,
    place: &'static Location<'static>,
    waker: &Waker,
    holder: u64,
) {
    let owns = runner().is_some_and(|runner| runner.owns(waker));
    set_held_by(reason, object, place, owns, holder);
}

/// As [`set_held`], by one who knows whether the waker `owns`: whether it is the goroutine's own.
#[inline]
pub fn set_held_by(
    reason: WaitReason,
    object: usize,
    place: &'static Location<'static>,
    owns: bool,
    holder: u64,
) {
    let one = match owns {
        true if holder != 0 && holder == whose() => Waits::ForItself,
        true => Waits::ForHeld,
        false => Waits::Something,
    };
    put(reason, object, place, one);
}

/// What the leaves of this poll, or of the one that has just ended, have said.
#[inline]
#[must_use]
pub fn waits() -> Waits {
    LOCAL.with(|local| local.waits.get())
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

/// The number of the goroutine that this thread polls, in its runtime, or 0.
#[inline]
#[must_use]
pub fn goroutine() -> u64 {
    held::goroutine_of(whose())
}

/// The number among all runtimes ([`held::number`]) of the goroutine that this thread polls, or 0.
///
/// Locks keep it as their holder, so that a dump can name who holds what.
#[inline]
#[must_use]
pub fn whose() -> u64 {
    LOCAL.with(|local| local.goroutine.get())
}

/// Tells which goroutine this thread polls from now on, by its number among all runtimes; 0 for
/// none. Gives the one before.
#[inline]
pub fn set_goroutine(id: u64) -> u64 {
    LOCAL.with(|local| local.goroutine.replace(id))
}
