//! The standard streams, and reading line by line.
//!
//! - [`stdin`], [`stdout`], [`stderr`]: what the process was started with, without a buffer.
//! - [`BufReader`]: a buffer in front of any reader; lines, whole or one after another. None of
//!   its operations loses anything when it is dropped.
//!
//! # Examples
//!
//! ```no_run
//! use marmot_os::io;
//!
//! # async fn f() -> std::io::Result<()> {
//! let mut lines = io::stdin().lines();
//! while let Some(line) = lines.next_line().await? {
//!     io::stdout().write_all(format!("{line}!\n").as_bytes()).await?;
//! }
//! # Ok(()) }
//! ```

mod buf_reader;
mod standard;

/// The traits of readers and writers, which are futures' own.
pub use futures::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite,
    AsyncWriteExt,
};

pub use buf_reader::{BufReader, Lines, Split};
pub use standard::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
