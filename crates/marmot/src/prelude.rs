//! What programs import: `use marmot::prelude::*;`.

pub use crate::chan::{self, Chan, Receiver, Select, Sender, chan};
pub use crate::context::{Cancel, Context};
pub use crate::runtime::{self, Runtime, gosched};
pub use crate::sync::{Mutex, Once, RwLock, Semaphore, WaitGroup};
pub use crate::time::{
    Duration, Instant, Ticker, Timer, after, after_func, ms, secs, sleep, timeout,
};
pub use crate::{JoinError, JoinHandle, go, select, spawn};
