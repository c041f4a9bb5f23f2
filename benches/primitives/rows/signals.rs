//! Once, wait group, notify and barrier.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{Job, TASKS, eight};
use crate::primitives::{Barrier, Counter, Crew, Notify, Once};
use benches::peer::Runtime;

/// Operations in a lap of those that take nanoseconds.
const MANY: u64 = 100_000;

/// Asks for what was made long ago.
#[derive(Debug)]
pub struct Made<L>(PhantomData<L>);

impl<L: Once> Job for Made<L> {
    const NAME: &'static str = "once_done";
    const OP: &'static str = "a call of a once whose work is done";
    const LAP: u64 = MANY;
    const LAPS: u64 = 200;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let count = laps * MANY;
        let sum = rt.run(async move {
            let once = std::hint::black_box(L::new());
            let mut sum = 0;
            for _ in 0..count {
                sum += *once.get().await;
            }
            sum
        });
        assert_eq!(sum, count);
    }
}

/// One task counts up and down and waits for nobody.
#[derive(Debug)]
pub struct CountAlone<L>(PhantomData<L>);

impl<L: Counter> Job for CountAlone<L> {
    const NAME: &'static str = "wait_group_1";
    const OP: &'static str = "one added, done, and waited for, by one task";
    const LAP: u64 = MANY;
    const LAPS: u64 = 50;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let count = laps * MANY;
        rt.run(async move {
            let group = L::new();
            for _ in 0..count {
                group.begin();
                group.end();
                group.wait().await;
            }
        });
    }
}

/// Eight tasks are started and waited for.
#[derive(Debug)]
pub struct CrewOfEight<L>(PhantomData<L>);

impl<L: Crew> Job for CrewOfEight<L> {
    const NAME: &'static str = "wait_group_8";
    const OP: &'static str = "8 tasks started and waited for";
    const LAP: u64 = 1_000;
    const LAPS: u64 = 50;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let count = laps * 1_000;
        rt.run(async move {
            for _ in 0..count {
                L::eight::<R>().await;
            }
        });
    }
}

/// One task tells itself.
#[derive(Debug)]
pub struct Remember<L>(PhantomData<L>);

impl<L: Notify> Job for Remember<L> {
    const NAME: &'static str = "notify_1";
    const OP: &'static str = "a notification given and taken by one task";
    const LAP: u64 = MANY;
    const LAPS: u64 = 50;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let count = laps * MANY;
        rt.run(async move {
            let notify = L::new();
            for _ in 0..count {
                notify.notify();
                notify.notified().await;
            }
        });
    }
}

/// Two tasks tell each other.
#[derive(Debug)]
pub struct BackAndForth<L>(PhantomData<L>);

impl<L: Notify> Job for BackAndForth<L> {
    const NAME: &'static str = "notify_2";
    const OP: &'static str = "a round trip: one tells the other, which answers";
    const LAP: u64 = 10_000;
    const LAPS: u64 = 20;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let count = laps * 10_000;
        rt.run(async move {
            let both = Arc::new([L::new(), L::new()]);
            let there = Arc::clone(&both);
            let other = R::spawn(async move {
                for _ in 0..count {
                    there[0].notified().await;
                    there[1].notify();
                }
            });
            for _ in 0..count {
                both[0].notify();
                both[1].notified().await;
            }
            R::join(other).await;
        });
    }
}

/// Eight tasks meet again and again.
#[derive(Debug)]
pub struct Meetings<L>(PhantomData<L>);

impl<L: Barrier> Job for Meetings<L> {
    const NAME: &'static str = "barrier_8";
    const OP: &'static str = "a meeting of 8 tasks";
    const LAP: u64 = 1_000;
    const LAPS: u64 = 30;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let count = laps * 1_000;
        rt.run(async move {
            let barrier = Arc::new(L::new(8));
            let meetings = eight::<R, _, _, _>(barrier, move |barrier, _| async move {
                for _ in 0..count {
                    barrier.wait().await;
                }
                count
            })
            .await;
            assert_eq!(meetings, count * TASKS);
        });
    }
}
