//! The scheduler's rows under criterion: `scheduler/<row>/<peer>-w<workers>`.
//!
//! `cargo bench -p benches -- scheduler/`. One iteration is a lap of the row; the throughput
//! is in its operations. Criterion measures one peer after the other, which is good for
//! comparing ours with ours of yesterday (`--save-baseline`); for comparing peers use
//! `--bench versus`, which interleaves them.

mod peers;

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use benches::contest::{self, Contest};
use criterion::{Criterion, Throughput};

fn row(criterion: &mut Criterion, contest: &Contest) {
    let mut group = criterion.benchmark_group(format!("scheduler/{}", contest.name));
    group.throughput(Throughput::Elements(contest.lap));
    for entrant in &contest.entrants {
        for workers in [1, 2] {
            let started = OnceCell::new();
            group.bench_function(format!("{}-w{workers}", entrant.name), |bencher| {
                let started = started.get_or_init(|| (entrant.start)(workers));
                bencher.iter_custom(|laps| {
                    let start = Instant::now();
                    started.run(laps);
                    start.elapsed()
                });
            });
        }
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for contest in contest::scheduler::<peers::All>() {
        row(&mut criterion, &contest);
    }
    criterion.final_summary();
}
