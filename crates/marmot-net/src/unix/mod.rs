//! Unix sockets.

mod datagram;
mod listener;
mod stream;

use std::time::Duration;

pub use datagram::UnixDatagram;
pub use listener::UnixListener;
pub use stream::UnixStream;

/// So long at most until one looks again whether another socket's queue has room: no event tells.
const LONGEST_PAUSE: Duration = Duration::from_millis(10);
