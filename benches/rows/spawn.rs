//! Starting tasks: bursts, one at a time, batches with handles, chains, tasks with work.

use std::hint::black_box;

use crate::countdown::Countdown;
use crate::peer::{Channel, Runtime};
use crate::rows::{For, Row};

/// One task starts a burst of tasks that do nothing but arrive.
#[derive(Debug)]
pub struct Burst<const TASKS: usize>;

async fn burst<R: Runtime>(done: &'static Countdown, tasks: usize) {
    done.expect(tasks);
    for _ in 0..tasks {
        R::go(async move { done.arrive() });
    }
    done.wait().await;
}

impl<const TASKS: usize> Burst<TASKS> {
    fn laps<R: Runtime>(rt: &R, laps: u64) {
        let done = Countdown::leak();
        rt.run(async move {
            for _ in 0..laps {
                burst::<R>(done, TASKS).await;
            }
        });
    }
}

impl Row for Burst<10_000> {
    const NAME: &'static str = "spawn_10k";
    const OP: &'static str = "a spawn, of 10,000 by one task";
    const LAPS: u64 = 40;
    const FOR: For = For::Runtimes;

    fn lap() -> u64 {
        10_000
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        Self::laps(rt, laps);
    }
}

impl Row for Burst<1_000_000> {
    const NAME: &'static str = "spawn_1m";
    const OP: &'static str = "a spawn, of a million by one task";
    const LAPS: u64 = 1;
    const FOR: For = For::Runtimes;

    fn lap() -> u64 {
        1_000_000
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        Self::laps(rt, laps);
    }
}

/// One task starts another and awaits it, again and again.
#[derive(Debug)]
pub struct SpawnJoin;

impl Row for SpawnJoin {
    const NAME: &'static str = "spawn_join";
    const OP: &'static str = "a spawn and the await of its handle, one after another";
    const LAPS: u64 = 200;
    const FOR: For = For::Runtimes;

    fn lap() -> u64 {
        1_000
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        let count = laps * Self::lap();
        let sum = rt.run(async move {
            let mut sum = 0;
            for i in 0..count {
                sum += R::join(R::spawn(async move { black_box(i) })).await;
            }
            sum
        });
        assert_eq!(sum, count * (count - 1) / 2);
    }
}

/// One task starts a thousand, keeps their handles and awaits them.
#[derive(Debug)]
pub struct SpawnJoinBatch;

impl Row for SpawnJoinBatch {
    const NAME: &'static str = "spawn_join_batch";
    const OP: &'static str = "a spawn and the await of its handle, 1000 handles at a time";
    const LAPS: u64 = 300;
    const FOR: For = For::Runtimes;

    fn lap() -> u64 {
        1_000
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        let sum = rt.run(async move {
            let mut handles = Vec::with_capacity(1_000);
            let mut sum = 0;
            for _ in 0..laps {
                handles.extend((0..1_000_u64).map(|i| R::spawn(async move { black_box(i) })));
                for handle in handles.drain(..) {
                    sum += R::join(handle).await;
                }
            }
            sum
        });
        assert_eq!(sum, laps * 499_500);
    }
}

/// Each task starts the next and ends.
#[derive(Debug)]
pub struct Chain;

fn link<R: Runtime>(done: &'static Countdown, left: u64) {
    if left == 0 {
        done.arrive();
    } else {
        R::go(async move { link::<R>(done, left - 1) });
    }
}

impl Row for Chain {
    const NAME: &'static str = "chained_spawn";
    const OP: &'static str = "a link: a task that starts the next and ends";
    const LAPS: u64 = 500;
    const FOR: For = For::Runtimes;

    fn lap() -> u64 {
        1_000
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        let done = Countdown::leak();
        rt.run(async move {
            for _ in 0..laps {
                done.expect(1);
                link::<R>(done, 1_000);
                done.wait().await;
            }
        });
    }
}

/// One task starts tasks that have about two microseconds of work each.
#[derive(Debug)]
pub struct Work;

/// Dependent multiplications, about a nanosecond each: they cannot be overlapped nor folded.
const STEPS: u64 = 1_700;

fn two_microseconds(seed: u64) -> u64 {
    (0..STEPS).fold(seed, |x, step| {
        black_box(x).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ step
    })
}

impl Row for Work {
    const NAME: &'static str = "cpu_2us";
    const OP: &'static str = "a task with some 2 us of work, of 10,000 spawned by one task";
    const LAPS: u64 = 5;
    const FOR: For = For::Runtimes;

    fn lap() -> u64 {
        10_000
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        let done = Countdown::leak();
        rt.run(async move {
            for _ in 0..laps {
                done.expect(10_000);
                for seed in 0..10_000 {
                    R::go(async move {
                        black_box(two_microseconds(black_box(seed)));
                        done.arrive();
                    });
                }
                done.wait().await;
            }
        });
    }
}
