//! TCP, UDP and Unix sockets.
//!
//! - [`TcpListener`], [`TcpStream`], [`UdpSocket`], and on Unix `UnixListener`, `UnixStream`,
//!   `UnixDatagram`: std's sockets under std's names, except that what would block the thread
//!   makes the goroutine wait.
//! - [`Dialer`], [`ListenConfig`]: the same with options; `connect("host:port")` is Happy
//!   Eyeballs (RFC 8305).
//! - [`lookup_host`], [`ToSocketAddrs`]: names.
//! - [`io`]: copying, and pipes in memory.
//!
//! What holds everywhere here:
//!
//! - All operations take `&self`, so that one task may read and another write, and any number
//!   accept. Streams implement futures' `AsyncRead` and `AsyncWrite`, their references too.
//! - A deadline ([`TcpStream::set_deadline`]) acts on calls that already wait, as in Go.
//! - Dropping the future of a single `read`, `write`, `accept`, `recv` or `send` loses
//!   nothing.
//! - It works under any executor and on plain threads.
//!
//! Features: `tokio-io` adds tokio's `AsyncRead` and `AsyncWrite` to the streams, their owned
//! halves and pipes in memory; `hyper` adds hyper's `Read` and `Write`, and a module with an executor and a
//! timer for it.
//!
//! # Examples
//!
//! ```
//! use marmot_net::{TcpListener, TcpStream};
//!
//! marmot_wait::park::block_on(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let client = TcpStream::connect(listener.local_addr()?).await?;
//!     let (server, _) = listener.accept().await?;
//!     client.write_all(b"hello").await?;
//!     let mut buf = [0; 5];
//!     server.read_exact(&mut buf).await?;
//!     assert_eq!(&buf, b"hello");
//!     Ok::<(), std::io::Error>(())
//! })?;
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

mod addrs;
mod deadline;
mod dial;
#[cfg(feature = "hyper")]
pub mod hyper;
pub mod io;
mod listener;
mod op_error;
mod options;
mod resolve;
mod socket;
mod split;
mod stream;
mod tcp;
#[cfg(feature = "tokio-io")]
mod tokio_io;
mod turns;
mod udp;
#[cfg(unix)]
mod unix;

pub use addrs::{Target, ToSocketAddrs};
pub use dial::{DialError, Dialer};
pub use listener::Incoming;
pub use resolve::lookup_host;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use tcp::{ListenConfig, TcpListener, TcpStream};
pub use udp::UdpSocket;
#[cfg(unix)]
pub use unix::{UnixDatagram, UnixListener, UnixStream};
