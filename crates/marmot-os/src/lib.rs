//! Files, processes, signals and standard streams.
//!
//! - [`fs`]: files and directories, after std's.
//! - [`io`]: the standard streams; reading line by line.
//! - [`process`]: child processes, after std's.
//! - [`signal`]: the operating system's signals as values of a channel, after Go's `os/signal`.

#![cfg_attr(not(unix), forbid(unsafe_code))]

mod call;
pub mod fs;
pub mod io;
#[cfg(unix)]
pub mod process;
#[cfg(unix)]
pub mod signal;
#[cfg(feature = "tokio-io")]
mod tokio_io;
