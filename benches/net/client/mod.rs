//! The client: one thread, one epoll, one request at a time on each connection.
//!
//! It is the same for all servers, and cheap: for a request one read, one write, one look at
//! the clock, and a share of an `epoll_wait`. A connection asks again at once, or at moments
//! that were fixed before; then its latencies count from that moment, so that a server that is
//! late with one answer does not get out of the next.

mod alarm;
mod conn;
mod traffic;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use benches::measure::cost::cpu_time_of;
use benches::measure::limits;
use benches::measure::stats::{quantile, sorted};

use crate::plan::Row;
use traffic::Traffic;

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) row: &'static Row,
    pub(crate) server: SocketAddr,
    pub(crate) pid: u32,
    pub(crate) turns_per_us: f64,
    pub(crate) warm_up: Duration,
    pub(crate) time: Duration,
}

/// What it has shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Requests in a second.
    pub(crate) rate: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    /// Processor time of the server for a request.
    pub(crate) cpu_us: f64,
}

impl Figures {
    pub(crate) fn to_line(self) -> String {
        format!(
            "{} {} {} {} {}",
            self.rate, self.p50_us, self.p99_us, self.p999_us, self.cpu_us
        )
    }

    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let mut numbers = line.split_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self {
            rate: next()?,
            p50_us: next()?,
            p99_us: next()?,
            p999_us: next()?,
            cpu_us: next()?,
        })
    }
}

/// Measures, after a warm-up.
pub(crate) fn run(load: Load) -> io::Result<Figures> {
    let _enough = limits::raise_descriptors();
    let mut traffic = Traffic::start(&load)?;
    let mut late = Vec::new();
    traffic.go_on(load.warm_up, &mut late)?;
    late.clear();
    let cpu = cpu_time_of(load.pid);
    let time = traffic.go_on(load.time, &mut late)?;
    let cpu = cpu_time_of(load.pid)
        .zip(cpu)
        .map_or(Duration::ZERO, |(after, before)| after - before);
    let count = late.len() as f64;
    let late = sorted(&late);
    Ok(Figures {
        rate: count / time.as_secs_f64(),
        p50_us: quantile(&late, 0.5),
        p99_us: quantile(&late, 0.99),
        p999_us: quantile(&late, 0.999),
        cpu_us: cpu.as_secs_f64() * 1e6 / count.max(1.0),
    })
}
