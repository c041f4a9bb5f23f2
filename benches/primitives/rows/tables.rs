//! A map that many use, and a pool.

use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::Arc;

use super::{Job, TASKS, eight};
use crate::primitives::{Map, Pool};
use benches::peer::Runtime;

/// Operations in a lap, of all tasks.
const MANY: u64 = 100_000;
/// How many keys there are: a table that fits into a core's second cache.
const KEYS: u64 = 1_024;

/// The next of a sequence of keys (a linear congruence; the upper bits are good).
fn next(seed: &mut u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 40) % KEYS
}

/// Runs eight tasks that do the same with a full map.
fn full<R: Runtime, L: Map>(
    rt: &R,
    laps: u64,
    op: impl Fn(&L, u64, u64) -> u64 + Copy + Send + 'static,
) {
    let each = laps * MANY / TASKS;
    let found = rt.run(async move {
        let map = Arc::new(L::new());
        for key in 0..KEYS {
            map.store(key, key);
        }
        eight::<R, _, _, _>(map, move |map, number| async move {
            let (mut seed, mut found) = (number, 0);
            for turn in 0..each {
                found += op(&map, next(&mut seed), turn);
            }
            found
        })
        .await
    });
    assert_eq!(found, each * TASKS, "every key is there");
}

/// A full map, of whose uses one in so many stores.
#[derive(Debug)]
pub struct Mixed<L, const STORE_EVERY: u64>(PhantomData<L>);

impl<L: Map, const STORE_EVERY: u64> Mixed<L, STORE_EVERY> {
    fn laps<R: Runtime>(rt: &R, laps: u64) {
        full::<R, L>(rt, laps, |map, key, turn| {
            if turn % STORE_EVERY == 0 {
                map.store(key, turn);
                1
            } else {
                u64::from(black_box(map.load(key)).is_some())
            }
        });
    }
}

/// One use in a hundred stores.
pub type Mixed99<L> = Mixed<L, 100>;
/// One use in ten stores.
pub type Mixed90<L> = Mixed<L, 10>;
/// All store.
pub type Stores<L> = Mixed<L, 1>;

macro_rules! mixed {
    ($($every:literal $name:literal: $op:literal;)*) => {$(
        impl<L: Map> Job for Mixed<L, $every> {
            const NAME: &'static str = $name;
            const OP: &'static str = $op;
            const LAP: u64 = MANY;
            const LAPS: u64 = 20;

            fn run<R: Runtime>(rt: &R, laps: u64) {
                Self::laps(rt, laps);
            }
        }
    )*};
}

mixed! {
    100 "map_99": "a use of a map of 1024 keys by 8 tasks, 99 of 100 load, the rest store";
    10 "map_90": "a use of a map of 1024 keys by 8 tasks, 9 of 10 load, the rest store";
    1 "map_store": "a store into a map of 1024 keys by 8 tasks";
}

/// Eight tasks load what is there, or would store it.
#[derive(Debug)]
pub struct LoadOrStore<L>(PhantomData<L>);

impl<L: Map> Job for LoadOrStore<L> {
    const NAME: &'static str = "map_load_or_store";
    const OP: &'static str = "a load-or-store of a key that is there, 8 tasks";
    const LAP: u64 = MANY;
    const LAPS: u64 = 20;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        full::<R, L>(rt, laps, |map, key, _| {
            u64::from(black_box(map.load_or_store(key, key)) == key)
        });
    }
}

/// Eight tasks put keys of their own in and take them out.
#[derive(Debug)]
pub struct ComeAndGo<L>(PhantomData<L>);

impl<L: Map> Job for ComeAndGo<L> {
    const NAME: &'static str = "map_insert_delete";
    const OP: &'static str = "a new key stored, then deleted; 8 tasks, each with keys of its own";
    const LAP: u64 = MANY;
    const LAPS: u64 = 10;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let each = laps * MANY / TASKS;
        rt.run(async move {
            let map = Arc::new(L::new());
            eight::<R, _, _, _>(map, move |map, number| async move {
                let mut seed = number;
                for _ in 0..each {
                    let key = next(&mut seed) * TASKS + number;
                    map.store(key, key);
                    map.delete(key);
                }
                0
            })
            .await;
        });
    }
}

/// The size of a buffer.
const BYTES: usize = 4_096;

fn touch(buffer: &mut [u8]) -> u64 {
    assert_eq!(buffer.len(), BYTES);
    buffer[17] = buffer[17].wrapping_add(1);
    1
}

/// One task takes a buffer and gives it back.
#[derive(Debug)]
pub struct Reuse<L>(PhantomData<L>);

impl<L: Pool> Job for Reuse<L> {
    const NAME: &'static str = "pool_1";
    const OP: &'static str = "a buffer taken from a pool and given back, by one task";
    const LAP: u64 = MANY;
    const LAPS: u64 = 50;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let count = laps * MANY;
        let used = rt.run(async move {
            let pool = L::new(BYTES);
            (0..count).map(|_| pool.with(touch)).sum::<u64>()
        });
        assert_eq!(used, count);
    }
}

/// Eight tasks do.
#[derive(Debug)]
pub struct ReuseByEight<L>(PhantomData<L>);

impl<L: Pool> Job for ReuseByEight<L> {
    const NAME: &'static str = "pool_8";
    const OP: &'static str = "a buffer taken from a pool and given back; 8 tasks";
    const LAP: u64 = MANY;
    const LAPS: u64 = 50;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let each = laps * MANY / TASKS;
        let used = rt.run(async move {
            let pool = Arc::new(L::new(BYTES));
            eight::<R, _, _, _>(pool, move |pool, _| async move {
                (0..each).map(|_| pool.with(touch)).sum()
            })
            .await
        });
        assert_eq!(used, each * TASKS);
    }
}
