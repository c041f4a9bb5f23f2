//! What all servers agree on, so that only what runs them differs.

use std::net::{SocketAddr, TcpListener};

use crate::plan::Kind;
use crate::work;

/// What a request that is no web server's is long.
pub(crate) const ECHO_BYTES: usize = 64;

/// What a web server says.
pub(crate) const GREETING: &str = "Hello, World!";

/// The most that an echo server reads at once: more than comes, so that a short read tells
/// those who mind that there is no more.
pub(crate) const BUFFER_BYTES: usize = 1024;

/// Makes the answer of a request, in its place.
pub(crate) fn answer(kind: Kind, request: &mut [u8]) {
    if kind == Kind::Work {
        work::answer(request);
    }
}

/// A listener on a port that the system chooses, with room for all who come at once.
pub(crate) fn listen() -> TcpListener {
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    TcpListener::bind(any).expect("a port")
}
