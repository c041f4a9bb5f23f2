//! What Go's own suites ask of goroutines, as whole programs on the real scheduler. Each runs
//! with one P, with two, and with more than there may be CPUs.

mod blocking;
mod context;
mod forms;
mod memory;
mod messages;
mod patterns;
mod power_series;
mod primes;
mod run_time_select;
mod scheduling;
mod support;
mod sync;
mod time;
