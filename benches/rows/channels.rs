//! Messages through one channel: alone, one to one, many to one, many to many.

use crate::peer::{Abilities, Capacity, Channel, Runtime};
use crate::rows::{For, Row};

/// Capacity 0, as a parameter of a row.
pub const ZERO: usize = 0;
/// No limit, as a parameter of a row.
pub const NO_LIMIT: usize = usize::MAX;

/// The capacity that a row's parameter stands for.
#[must_use]
pub const fn capacity(of: usize) -> Capacity {
    match of {
        ZERO => Capacity::Rendezvous,
        NO_LIMIT => Capacity::Unbounded,
        some => Capacity::Bounded(some),
    }
}

/// Messages in a lap.
const LAP: u64 = 40_000;

/// One task sends a value and receives it, in turn; nobody ever waits.
#[derive(Debug)]
pub struct Uncontended;

impl Row for Uncontended {
    const NAME: &'static str = "uncontended";
    const OP: &'static str = "a send and a receive by one task, capacity 1; nobody waits";
    const LAPS: u64 = 25;
    const FOR: For = For::Threads;

    fn lap() -> u64 {
        LAP
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        let count = laps * LAP;
        let sum = rt.run(async move {
            let (mut tx, mut rx) = C::new(Capacity::Bounded(1));
            let mut sum = 0;
            for i in 0..count {
                C::send(&mut tx, i).await;
                sum += C::recv(&mut rx).await.expect("it was sent just now");
            }
            sum
        });
        assert_eq!(sum, count * (count - 1) / 2);
    }
}

/// So many senders and receivers on one channel of that capacity.
#[derive(Debug)]
pub struct Flow<const SENDERS: u64, const RECEIVERS: u64, const CAPACITY: usize>;

async fn send_numbers<C: Channel>(mut tx: C::Tx<u64>, count: u64) {
    for number in 1..=count {
        assert!(
            C::send(&mut tx, number).await,
            "the receivers stay to the end"
        );
    }
}

async fn add_up<C: Channel>(mut rx: C::Rx<u64>) -> u64 {
    let mut sum = 0;
    while let Some(number) = C::recv(&mut rx).await {
        sum += number;
    }
    sum
}

async fn flow<R: Runtime, C: Channel>(capacity: Capacity, ends: (u64, u64), each: u64) {
    let (tx, rx) = C::new::<u64>(capacity);
    let mut receivers: Vec<_> = (1..ends.1)
        .map(|_| R::spawn(add_up::<C>(C::clone_rx(&rx))))
        .collect();
    receivers.push(R::spawn(add_up::<C>(rx)));
    for _ in 0..ends.0 {
        R::go(send_numbers::<C>(tx.clone(), each));
    }
    drop(tx);
    let mut sum = 0;
    for receiver in receivers {
        sum += R::join(receiver).await;
    }
    assert_eq!(
        sum,
        ends.0 * (each * (each + 1) / 2),
        "every message came once"
    );
}

/// The rows of one shape: a name and what it is, per capacity.
macro_rules! flows {
    ($($name:literal $senders:literal x $receivers:literal, $capacity:expr, $laps:literal: $op:literal;)*) => {$(
        impl Row for Flow<$senders, $receivers, { $capacity }> {
            const NAME: &'static str = $name;
            const OP: &'static str = $op;
            const LAPS: u64 = $laps;
            const FOR: For = For::Threads;

            fn lap() -> u64 {
                LAP
            }

            fn suits(can: &Abilities) -> bool {
                can.holds(capacity($capacity)) && (can.many_receivers || $receivers == 1)
            }

            fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
                let each = laps * LAP / $senders;
                rt.run(async move {
                    flow::<R, C>(capacity($capacity), ($senders, $receivers), each).await;
                });
            }
        }
    )*};
}

flows! {
    "spsc_0" 1 x 1, ZERO, 12: "a message, one sender, one receiver, capacity 0";
    "spsc_1" 1 x 1, 1, 12: "a message, one sender, one receiver, capacity 1";
    "spsc_128" 1 x 1, 128, 25: "a message, one sender, one receiver, capacity 128";
    "spsc_unbounded" 1 x 1, NO_LIMIT, 25: "a message, one sender, one receiver, no limit";
    "mpsc_0" 8 x 1, ZERO, 12: "a message, 8 senders, one receiver, capacity 0";
    "mpsc_1" 8 x 1, 1, 12: "a message, 8 senders, one receiver, capacity 1";
    "mpsc_128" 8 x 1, 128, 25: "a message, 8 senders, one receiver, capacity 128";
    "mpsc_unbounded" 8 x 1, NO_LIMIT, 25: "a message, 8 senders, one receiver, no limit";
    "mpmc_0" 8 x 8, ZERO, 12: "a message, 8 senders, 8 receivers, capacity 0";
    "mpmc_1" 8 x 8, 1, 12: "a message, 8 senders, 8 receivers, capacity 1";
    "mpmc_128" 8 x 8, 128, 25: "a message, 8 senders, 8 receivers, capacity 128";
    "mpmc_unbounded" 8 x 8, NO_LIMIT, 25: "a message, 8 senders, 8 receivers, no limit";
}
