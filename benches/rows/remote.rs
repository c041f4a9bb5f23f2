//! From a thread that is no worker: spawns, and round trips.

use std::hint::black_box;

use crate::countdown::Countdown;
use crate::peer::{Channel, Runtime};
use crate::rows::{For, Row};

/// A foreign thread starts tasks.
#[derive(Debug)]
pub struct RemoteSpawn;

impl Row for RemoteSpawn {
    const NAME: &'static str = "remote_spawn";
    const OP: &'static str = "a spawn, of 10,000 by a thread that is no worker";
    const LAPS: u64 = 20;
    const FOR: For = For::Runtimes;

    fn lap() -> u64 {
        10_000
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        let done = Countdown::leak();
        for _ in 0..laps {
            done.expect(10_000);
            for _ in 0..10_000 {
                rt.go_from_outside(async move { done.arrive() });
            }
            rt.run(done.wait());
        }
    }
}

/// A foreign thread starts a task and waits for its output.
#[derive(Debug)]
pub struct RemoteRoundTrip;

impl Row for RemoteRoundTrip {
    const NAME: &'static str = "remote_round_trip";
    const OP: &'static str = "a spawn by a thread that is no worker, and its wait for the output";
    const LAPS: u64 = 20;
    const FOR: For = For::Runtimes;

    fn lap() -> u64 {
        200
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        let count = laps * Self::lap();
        let sum: u64 = (0..count)
            .map(|i| rt.run(async move { black_box(i) }))
            .sum();
        assert_eq!(sum, count * (count - 1) / 2);
    }
}
