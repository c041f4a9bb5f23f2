//! TCP.

mod listener;
mod stream;

pub(crate) use listener::no_address;
pub use listener::{ListenConfig, TcpListener};
pub use stream::TcpStream;
