//! `copy`, `copy_bidirectional`, `pipe`; `stdin`, `stdout`, `stderr`; `BufReader` and its lines.

pub use marmot_net::io::*;
pub use marmot_os::io::*;
