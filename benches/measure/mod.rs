//! Clocks, limits, memory, the line between the cores, medians.

pub mod cost;
pub mod heap;
pub mod limits;
pub mod line;
pub mod machine;
pub mod process;
pub mod stats;
pub mod watchdog;
