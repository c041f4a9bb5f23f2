//! Yielding: among few tasks, among many, and beside many that wait for their turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::countdown::Countdown;
use crate::peer::{Channel, Runtime};
use crate::rows::{For, Row};

/// So many tasks that yield so often.
#[derive(Debug)]
pub struct Yields<const TASKS: usize, const TIMES: usize>;

impl<const TASKS: usize, const TIMES: usize> Yields<TASKS, TIMES> {
    fn laps<R: Runtime>(rt: &R, laps: u64) {
        let done = Countdown::leak();
        rt.run(async move {
            for _ in 0..laps {
                done.expect(TASKS);
                for _ in 0..TASKS {
                    R::go(async move {
                        for _ in 0..TIMES {
                            R::yield_now().await;
                        }
                        done.arrive();
                    });
                }
                done.wait().await;
            }
        });
    }
}

impl Row for Yields<200, 1_000> {
    const NAME: &'static str = "yield_many";
    const OP: &'static str = "a yield; 200 tasks of 1000 yields";
    const LAPS: u64 = 10;
    const FOR: For = For::Runtimes;

    fn lap() -> u64 {
        200_000
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        Self::laps(rt, laps);
    }
}

impl Row for Yields<10_000, 20> {
    const NAME: &'static str = "yield_10k";
    const OP: &'static str = "a yield; 10,000 tasks of 20 yields, so that 10,000 are queued";
    const LAPS: u64 = 5;
    const FOR: For = For::Runtimes;

    fn lap() -> u64 {
        200_000
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        Self::laps(rt, laps);
    }
}

/// Two tasks yield for ever while 10,000 others wait for their first turn. A scheduler that
/// prefers those who yield starves the rest.
#[derive(Debug)]
pub struct YieldBesideQueue;

impl Row for YieldBesideQueue {
    const NAME: &'static str = "yield_beside_10k";
    const OP: &'static str = "one of 10,000 spawned tasks served, while two others only yield";
    const LAPS: u64 = 20;
    const FOR: For = For::Runtimes;

    fn lap() -> u64 {
        10_000
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        let done = Countdown::leak();
        rt.run(async move {
            let over = Arc::new(AtomicBool::new(false));
            let yielders = [(); 2].map(|()| R::spawn(yield_until::<R>(Arc::clone(&over))));
            for _ in 0..laps {
                done.expect(10_000);
                for _ in 0..10_000 {
                    R::go(async move { done.arrive() });
                }
                done.wait().await;
            }
            // ORDERING: Relaxed: a request to end, which publishes nothing.
            over.store(true, Ordering::Relaxed);
            for yielder in yielders {
                R::join(yielder).await;
            }
        });
    }
}

async fn yield_until<R: Runtime>(over: Arc<AtomicBool>) {
    // ORDERING: Relaxed, as above.
    while !over.load(Ordering::Relaxed) {
        R::yield_now().await;
    }
}
