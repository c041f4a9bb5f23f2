//! Files, processes, signals and standard streams.
//!
//! - [`signal`]: the operating system's signals as values of a channel, after Go's `os/signal`.

#![cfg_attr(not(unix), forbid(unsafe_code))]

#[cfg(unix)]
pub mod signal;
