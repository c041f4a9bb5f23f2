//! Servers of all peers, each in a process of its own, and one client for all of them.
//!
//! `cargo bench -p benches --bench net -- [words] [--rounds 9] [--workers 1,2]
//! [--peers marmot,tokio,smol,Go,bare] [--scale 1]`
//!
//! ```text
//!   this process ─┬─▶ server: one peer, so many workers       echo, work, or HTTP
//!                 │        ▲ one request at a time on each connection
//!                 └─▶ client: one thread and one epoll        requests, latencies, and the
//!                                                             server's processor time
//! ```
//!
//! Rounds are interleaved: in each one every peer is started anew, warmed up and measured.
//! `bare` is the floor: one thread, one epoll, no runtime, whatever the number of workers.

mod client;
mod conns;
mod plan;
mod report;
mod rig;
mod servers;
mod work;

use benches::args::Args;
use benches::args::usage::Target;
use benches::measure::watchdog;

use plan::ROWS;

fn main() {
    let args = Args::of_process(&Target::new("net", ROWS.iter().map(|row| row.name)));
    if let Some(task) = &args.child {
        return rig::be_child(task);
    }
    if args.bench {
        watchdog::start();
        report::all(&args);
    }
}
