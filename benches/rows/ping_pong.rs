//! Ping-pong: a value there, a value back.

use crate::countdown::Countdown;
use crate::peer::{Capacity, Channel, Runtime, Value};
use crate::rows::{For, Row};

/// Pairs of tasks, each with two channels, one there and one back, kept for all trips.
#[derive(Debug)]
pub struct Pairs<const PAIRS: usize, const TIGHT: bool>;

/// Round trips of a pair in a lap.
const TRIPS_OF_MANY: u64 = 100;
const TRIPS_OF_ONE: u64 = 10_000;

/// Two tasks that exchange numbers, and how many came back right.
async fn pair<R: Runtime, C: Channel>(capacity: Capacity, trips: u64) -> u64 {
    let (mut there, mut from_there) = C::new::<u64>(capacity);
    let (mut back, mut from_back) = C::new::<u64>(capacity);
    let echo = R::spawn(async move {
        while let Some(value) = C::recv(&mut from_there).await {
            C::send(&mut back, value).await;
        }
    });
    let mut right = 0;
    for trip in 0..trips {
        C::send(&mut there, trip).await;
        right += u64::from(C::recv(&mut from_back).await == Some(trip));
    }
    drop(there);
    R::join(echo).await;
    right
}

async fn pairs<R: Runtime, C: Channel>(capacity: Capacity, pairs: usize, trips: u64) {
    let tasks: Vec<_> = (0..pairs)
        .map(|_| R::spawn(pair::<R, C>(capacity, trips)))
        .collect();
    for task in tasks {
        assert_eq!(R::join(task).await, trips);
    }
}

impl Row for Pairs<1_000, true> {
    const NAME: &'static str = "ping_pong_1000_pairs";
    const OP: &'static str = "a round trip; 1000 pairs of 100 trips over two channels of \
        capacity 0, or 1 where there is no 0";
    const LAPS: u64 = 6;
    const FOR: For = For::Channels;

    fn lap() -> u64 {
        1_000 * TRIPS_OF_MANY
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        rt.run(async move {
            for _ in 0..laps {
                pairs::<R, C>(C::CAN.tightest(), 1_000, TRIPS_OF_MANY).await;
            }
        });
    }
}

impl Row for Pairs<1, true> {
    const NAME: &'static str = "channel_2_tasks";
    const OP: &'static str = "a round trip of two tasks over two channels of capacity 0, or 1 \
        where there is no 0";
    const LAPS: u64 = 25;
    const FOR: For = For::Threads;

    fn lap() -> u64 {
        TRIPS_OF_ONE
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        let capacity = C::CAN.tightest();
        rt.run(async move { pairs::<R, C>(capacity, 1, laps * TRIPS_OF_ONE).await });
    }
}

impl Row for Pairs<1, false> {
    const NAME: &'static str = "channel_2_tasks_cap1";
    const OP: &'static str = "a round trip of two tasks over two channels of capacity 1";
    const LAPS: u64 = 25;
    const FOR: For = For::Threads;

    fn lap() -> u64 {
        TRIPS_OF_ONE
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        let capacity = Capacity::Bounded(1);
        rt.run(async move { pairs::<R, C>(capacity, 1, laps * TRIPS_OF_ONE).await });
    }
}

/// A thousand times at once: a task starts a second one, sends it a value and gets one back,
/// over two one-value channels made for it.
#[derive(Debug)]
pub struct Oneshots;

async fn one_trip<R: Runtime>(value: u64) -> u64 {
    let (there, from_there) = R::once();
    let (back, from_back) = R::once();
    R::go(answer::<R, _>(from_there, back));
    R::put(there, value);
    R::take(from_back).await
}

async fn answer<R: Runtime, T: Value>(from: R::Take<T>, back: R::Put<T>) {
    R::put(back, R::take(from).await);
}

impl Row for Oneshots {
    const NAME: &'static str = "ping_pong_oneshot";
    const OP: &'static str = "two spawns, and a round trip over two one-value channels made \
        for it; 1000 at once";
    const LAPS: u64 = 100;
    const FOR: For = For::Runtimes;

    fn lap() -> u64 {
        1_000
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        let done = Countdown::leak();
        rt.run(async move {
            for _ in 0..laps {
                done.expect(1_000);
                for value in 0..1_000 {
                    R::go(async move {
                        assert_eq!(one_trip::<R>(value).await, value);
                        done.arrive();
                    });
                }
                done.wait().await;
            }
        });
    }
}
