//! Unix sockets.

mod datagram;
mod listener;
mod pause;
mod stream;

pub use datagram::UnixDatagram;
pub use listener::UnixListener;
pub use stream::UnixStream;
