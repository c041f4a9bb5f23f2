//! Sockets under our own scheduler when something goes wrong: peers that break off, stall or say
//! nothing, no descriptors, signals all the time, a crowd.
//!
//! What sockets promise under any executor is in `marmot-net`'s own tests.

#![cfg(unix)]

mod broken_pipe;
mod crowd;
mod exhausted;
mod listeners;
mod peers;
#[cfg(target_os = "linux")]
mod storm;
mod support;
