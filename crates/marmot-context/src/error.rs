//! Why a context has ended: Go's two errors, and the cause that somebody may have given.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// What somebody gave as the reason, to be asked for by everybody below.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why a context has ended.
///
/// # Examples
///
/// ```
/// use marmot_context::{Context, ContextError};
///
/// let (ctx, cancel) = Context::background().with_cancel();
/// cancel.cancel();
/// assert_eq!(ctx.err(), Some(ContextError::Canceled));
/// assert_eq!(ctx.err().unwrap().to_string(), "context canceled");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ContextError {
    /// Somebody cancelled it, or a context above it.
    Canceled = 1,
    /// Its deadline has passed, or that of a context above it.
    DeadlineExceeded = 2,
}

impl ContextError {
    /// Whether time ran out, rather than somebody's patience. Go: `Timeout()`.
    #[must_use]
    pub const fn is_timeout(self) -> bool {
        matches!(self, ContextError::DeadlineExceeded)
    }

    /// Whether another try, with more time, may do better. Go: `Temporary()`.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        self.is_timeout()
    }

    /// The error with this number.
    pub(crate) const fn from_u8(number: u8) -> Option<ContextError> {
        match number {
            1 => Some(ContextError::Canceled),
            2 => Some(ContextError::DeadlineExceeded),
            _ => None,
        }
    }
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ContextError::Canceled => "context canceled",
            ContextError::DeadlineExceeded => "context deadline exceeded",
        })
    }
}

impl Error for ContextError {}

impl From<ContextError> for io::Error {
    /// A deadline becomes [`io::ErrorKind::TimedOut`]. A cancellation does not become
    /// `Interrupted`, which much code takes as a reason to try again.
    fn from(error: ContextError) -> io::Error {
        let kind = match error {
            ContextError::Canceled => io::ErrorKind::Other,
            ContextError::DeadlineExceeded => io::ErrorKind::TimedOut,
        };
        io::Error::new(kind, error)
    }
}

/// Takes a cause from whatever can be an error; one that is a cause already stays itself, so
/// that passing another context's cause on wraps nothing.
pub(crate) fn cause_of(error: impl Into<Box<dyn Error + Send + Sync>>) -> Cause {
    match error.into().downcast::<Cause>() {
        Ok(cause) => *cause,
        Err(other) => Arc::from(other),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::{Cause, ContextError, cause_of};

    #[test]
    fn a_deadline_says_that_it_is_a_timeout_and_temporary() {
        assert!(ContextError::DeadlineExceeded.is_timeout());
        assert!(ContextError::DeadlineExceeded.is_temporary());
        assert!(!ContextError::Canceled.is_timeout());
        let error = io::Error::from(ContextError::DeadlineExceeded);
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "context deadline exceeded");
        let error = io::Error::from(ContextError::Canceled);
        assert_ne!(error.kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn an_error_survives_the_trip_through_its_number() {
        for error in [ContextError::Canceled, ContextError::DeadlineExceeded] {
            assert_eq!(ContextError::from_u8(error as u8), Some(error));
        }
        assert_eq!(ContextError::from_u8(0), None);
    }

    #[test]
    fn a_cause_that_is_passed_on_is_not_wrapped() {
        let first: Cause = cause_of("out of beer");
        let second = cause_of(Arc::clone(&first));
        assert!(Arc::ptr_eq(&first, &second));
        let typed = cause_of(io::Error::other("disk"));
        assert!(typed.downcast_ref::<io::Error>().is_some());
    }
}
