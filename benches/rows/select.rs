//! A receiver that selects over several channels, each with a sender of its own.

use std::array;

use crate::peer::{Abilities, Capacity, Channel, Runtime};
use crate::rows::channels::{ZERO, capacity};
use crate::rows::{For, Row};

/// So many channels of that capacity.
#[derive(Debug)]
pub struct SelectOver<const CHANNELS: usize, const CAPACITY: usize>;

/// Messages in a lap; 2 and 8 divide it.
const LAP: u64 = 40_000;

/// Channels that are being sent numbers.
struct Sources<C: Channel, const N: usize> {
    rxs: [C::Rx<u64>; N],
    /// A sending end of each, kept to the end: a closed channel would be ready for ever.
    kept: Vec<C::Tx<u64>>,
}

impl<C: Channel, const N: usize> Sources<C, N> {
    /// Starts a sender of `1..=each` for each channel.
    fn start<R: Runtime>(capacity: Capacity, each: u64) -> Self {
        let mut kept = Vec::with_capacity(N);
        let rxs = array::from_fn(|_| {
            let (tx, rx) = C::new(capacity);
            kept.push(tx.clone());
            R::go(send_numbers::<C>(tx, each));
            rx
        });
        Self { rxs, kept }
    }
}

async fn send_numbers<C: Channel>(mut tx: C::Tx<u64>, count: u64) {
    for number in 1..=count {
        assert!(
            C::send(&mut tx, number).await,
            "the receiver stays to the end"
        );
    }
}

fn nearest(can: &Abilities, wanted: Capacity) -> Capacity {
    if can.holds(wanted) {
        wanted
    } else {
        can.tightest()
    }
}

macro_rules! selects {
    ($($name:literal $channels:literal, $recv:ident, $capacity:expr, $laps:literal: $op:literal;)*) => {$(
        impl Row for SelectOver<$channels, { $capacity }> {
            const NAME: &'static str = $name;
            const OP: &'static str = $op;
            const LAPS: u64 = $laps;
            const FOR: For = For::Threads;

            fn lap() -> u64 {
                LAP
            }

            fn suits(can: &Abilities) -> bool {
                can.bounded && can.select
            }

            fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
                let count = laps * LAP;
                let each = count / $channels;
                let sum = rt.run(async move {
                    let capacity = nearest(&C::CAN, capacity($capacity));
                    let mut sources = Sources::<C, $channels>::start::<R>(capacity, each);
                    let mut sum = 0;
                    for _ in 0..count {
                        sum += C::$recv(&mut sources.rxs).await.expect("a sender is left");
                    }
                    drop(sources.kept);
                    sum
                });
                assert_eq!(sum, $channels * (each * (each + 1) / 2), "every message came once");
            }
        }
    )*};
}

selects! {
    "select_2_0" 2, recv_of_2, ZERO, 10:
        "a message, from 2 senders to one select, capacity 0, or 1 where there is no 0";
    "select_2_128" 2, recv_of_2, 128, 10:
        "a message, from 2 senders to one select, capacity 128";
    "select_8_0" 8, recv_of_8, ZERO, 10:
        "a message, from 8 senders to one select, capacity 0, or 1 where there is no 0";
    "select_8_128" 8, recv_of_8, 128, 10:
        "a message, from 8 senders to one select, capacity 128";
}
