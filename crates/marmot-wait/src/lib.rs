//! How a goroutine waits.
//!
//! Everything that can make a goroutine wait stands on this crate: channels, locks, timers,
//! sockets. It holds what they share and knows nothing of any of them, nor of tasks.
//!
//! - [`WaitQueue`]: a first-come, first-served line that one can leave from anywhere.
//! - [`WakeList`]: wakers gathered under a lock and called after it is released.
//! - [`Latch`]: a lock for a few dozen instructions.
//! - [`note`]: what the goroutine is about to wait for, on which object, from which line.
//! - [`held`]: who holds what others wait for.
//! - [`budget`]: how many operations a goroutine may do before it must let others run.
//! - [`Runner`]: the few things code inside a goroutine may say to whoever polls it.
//! - [`ambient`]: what goes from a goroutine to those it starts.
//! - [`park`]: a plain thread that waits, under every `*_blocking` twin.
//! - [`Goexit`]: what a goroutine that ends itself unwinds with.
//! - [`clock`]: the process's monotonic clock in nanoseconds.
//!
//! Under a foreign executor nobody listens: a note, a budget check or a lane question then
//! costs one thread-local read and changes nothing. What is ambient works under any.

pub mod ambient;
pub mod budget;
pub mod clock;
mod goexit;
pub mod held;
mod latch;
mod local;
pub mod note;
pub mod park;
mod prefetch;
mod queue;
mod reason;
mod runner;
mod wake_list;

pub use goexit::Goexit;
pub use latch::{Latch, LatchGuard, pause};
pub use note::Note;
pub use queue::{Key, WaitQueue};
pub use reason::WaitReason;
pub use runner::{
    BlockingKind, Runner, begin_poll, blocking, end_poll, lane, runner, set_lane, set_runner,
};
pub use wake_list::WakeList;
