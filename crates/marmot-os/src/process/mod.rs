//! Child processes, after std's.
//!
//! [`Command`] starts one, [`Child`] is one. Its pipes do not block and its end is waited for
//! without a thread: on Linux (5.3) through a descriptor of the process that the netpoller
//! watches, elsewhere through `SIGCHLD`.
//!
//! A child whose [`Child`] is dropped goes on, unless it was started with
//! [`kill_on_drop`](Command::kill_on_drop), and leaves no zombie when it ends.
//!
//! # Examples
//!
//! ```
//! use marmot_os::process::Command;
//!
//! # marmot_wait::park::block_on(async {
//! let output = Command::new("echo").arg("hello").output().await?;
//! assert!(output.status.success());
//! assert_eq!(output.stdout, b"hello\n");
//! # Ok::<(), std::io::Error>(()) })?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod child;
mod command;
mod orphans;
mod pipe;
mod watch;

pub use child::Child;
pub use command::Command;
pub use pipe::{ChildStderr, ChildStdin, ChildStdout};
pub use std::process::{ExitCode, ExitStatus, Output, Stdio};
