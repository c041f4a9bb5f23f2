//! How a goroutine ends itself from deep inside: by unwinding with this.

/// The payload with which a goroutine unwinds to end itself: Go's `Goexit`.
///
/// It is not a panic. Whoever catches panics inside a goroutine, to hand them to somebody
/// else, lets this one pass with [`resume_unwind`](std::panic::resume_unwind).
///
/// # Examples
///
/// ```
/// use marmot_wait::Goexit;
/// use std::panic::{catch_unwind, resume_unwind};
///
/// let ended = catch_unwind(|| resume_unwind(Box::new(Goexit)));
/// assert!(ended.unwrap_err().is::<Goexit>());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goexit;
