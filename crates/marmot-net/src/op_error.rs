//! Errors that name what was tried: "listen tcp 127.0.0.1:80: permission denied". Go: `net.OpError`.

use std::error::Error;
use std::fmt;
use std::io;

/// What was tried, and what came of it.
#[derive(Debug)]
struct OpError {
    what: String,
    error: io::Error,
}

/// The error of this operation on this address, of the same kind.
pub(crate) fn named(operation: &str, addr: impl fmt::Display, error: io::Error) -> io::Error {
    let what = format!("{operation} {addr}");
    io::Error::new(error.kind(), OpError { what, error })
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.error)
    }
}

impl Error for OpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
