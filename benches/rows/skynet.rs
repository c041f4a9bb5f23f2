//! Skynet: a tree of tasks, ten children each, a million leaves, that adds up their numbers.

use std::future::Future;
use std::pin::Pin;

use crate::peer::{Capacity, Channel, Runtime};
use crate::rows::{For, Row};

/// The tree. Children answer their parent over one channel of capacity ten.
#[derive(Debug)]
pub struct Skynet;

const LEAVES: u64 = 1_000_000;
const CHILDREN: u64 = 10;
const CAPACITY: Capacity = Capacity::Bounded(10);

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An inner node. Boxed, because a future cannot contain itself; one task in ten is one.
fn node<R: Runtime, C: Channel>(mut up: C::Tx<u64>, first: u64, leaves: u64) -> Boxed {
    Box::pin(async move {
        let sum = children::<R, C>(first, leaves).await;
        C::send(&mut up, sum).await;
    })
}

async fn children<R: Runtime, C: Channel>(first: u64, leaves: u64) -> u64 {
    let (tx, mut rx) = C::new::<u64>(CAPACITY);
    let share = leaves / CHILDREN;
    for child in 0..CHILDREN {
        let number = first + child * share;
        let mut up = tx.clone();
        if share == 1 {
            R::go(async move {
                C::send(&mut up, number).await;
            });
        } else {
            R::go(node::<R, C>(up, number, share));
        }
    }
    drop(tx);
    let mut sum = 0;
    for _ in 0..CHILDREN {
        sum += C::recv(&mut rx).await.expect("a child answers");
    }
    sum
}

impl Row for Skynet {
    const NAME: &'static str = "skynet";
    const OP: &'static str = "a leaf, of a million in a tree of ten children each, whose numbers \
        go up through a channel of capacity 10 a node";
    const LAPS: u64 = 1;
    const FOR: For = For::Channels;

    fn lap() -> u64 {
        LEAVES
    }

    fn run<R: Runtime, C: Channel>(rt: &R, laps: u64) {
        rt.run(async move {
            for _ in 0..laps {
                let sum = children::<R, C>(0, LEAVES).await;
                assert_eq!(sum, LEAVES * (LEAVES - 1) / 2);
            }
        });
    }
}
