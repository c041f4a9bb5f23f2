//! Mutex, read-write lock and semaphore: alone, and fought for by eight tasks.

use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::Arc;

use super::{Job, TASKS, eight, one_microsecond};
use crate::primitives::{Mutex, RwLock, Semaphore};
use benches::peer::Runtime;

/// Operations in a lap of those that take nanoseconds.
const MANY: u64 = 100_000;
/// Operations in a lap of those that take a microsecond, of all tasks.
const SOME: u64 = 8_000;

/// One task locks and unlocks.
#[derive(Debug)]
pub struct Alone<L>(PhantomData<L>);

impl<L: Mutex> Job for Alone<L> {
    const NAME: &'static str = "mutex_1";
    const OP: &'static str = "a lock and an unlock by one task";
    const LAP: u64 = MANY;
    const LAPS: u64 = 100;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let count = laps * MANY;
        let sum = rt.run(async move {
            let mutex = L::new();
            for _ in 0..count {
                *mutex.lock().await += 1;
            }
            *mutex.lock().await
        });
        assert_eq!(sum, count);
    }
}

/// Eight tasks lock, work for a microsecond, unlock.
#[derive(Debug)]
pub struct Fought<L>(PhantomData<L>);

impl<L: Mutex> Job for Fought<L> {
    const NAME: &'static str = "mutex_8";
    const OP: &'static str = "a lock, 1 us of work and an unlock; 8 tasks";
    const LAP: u64 = SOME;
    const LAPS: u64 = 25;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let each = laps * SOME / TASKS;
        let total = rt.run(async move {
            let mutex = Arc::new(L::new());
            eight::<R, _, _, _>(Arc::clone(&mutex), move |mutex, seed| async move {
                for turn in 0..each {
                    let mut count = mutex.lock().await;
                    black_box(one_microsecond(seed + turn));
                    *count += 1;
                }
                0
            })
            .await;
            *mutex.lock().await
        });
        assert_eq!(total, each * TASKS);
    }
}

/// One task locks to read and unlocks.
#[derive(Debug)]
pub struct Reads<L>(PhantomData<L>);

impl<L: RwLock> Job for Reads<L> {
    const NAME: &'static str = "rwlock_1_read";
    const OP: &'static str = "a lock to read and an unlock by one task";
    const LAP: u64 = MANY;
    const LAPS: u64 = 100;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let count = laps * MANY;
        let sum = rt.run(async move {
            let lock = L::new();
            let mut sum = 0;
            for _ in 0..count {
                sum += *lock.read().await + 1;
            }
            sum
        });
        assert_eq!(sum, count);
    }
}

/// One task locks to write and unlocks.
#[derive(Debug)]
pub struct Writes<L>(PhantomData<L>);

impl<L: RwLock> Job for Writes<L> {
    const NAME: &'static str = "rwlock_1_write";
    const OP: &'static str = "a lock to write and an unlock by one task";
    const LAP: u64 = MANY;
    const LAPS: u64 = 100;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let count = laps * MANY;
        let sum = rt.run(async move {
            let lock = L::new();
            for _ in 0..count {
                *lock.write().await += 1;
            }
            *lock.read().await
        });
        assert_eq!(sum, count);
    }
}

/// Eight tasks of whose locks one in so many is to write; nothing is done inside.
#[derive(Debug)]
pub struct Mixed<L, const WRITE_EVERY: u64>(PhantomData<L>);

impl<L: RwLock, const WRITE_EVERY: u64> Mixed<L, WRITE_EVERY> {
    fn laps<R: Runtime>(rt: &R, laps: u64) {
        let each = laps * MANY / TASKS;
        let writes = rt.run(async move {
            let lock = Arc::new(L::new());
            let writes = eight::<R, _, _, _>(Arc::clone(&lock), move |lock, number| async move {
                let mut writes = 0;
                for turn in 0..each {
                    if (turn + number * 13) % WRITE_EVERY == 0 {
                        *lock.write().await += 1;
                        writes += 1;
                    } else {
                        black_box(*lock.read().await);
                    }
                }
                writes
            })
            .await;
            assert_eq!(*lock.read().await, writes, "every write counts");
            writes
        });
        assert!(writes >= each / WRITE_EVERY * TASKS);
    }
}

/// One lock in ten is to write.
pub type Mixed90<L> = Mixed<L, 10>;
/// One lock in a hundred is to write.
pub type Mixed99<L> = Mixed<L, 100>;

impl<L: RwLock> Job for Mixed<L, 10> {
    const NAME: &'static str = "rwlock_90";
    const OP: &'static str = "a lock and an unlock, 9 of 10 to read; 8 tasks";
    const LAP: u64 = MANY;
    const LAPS: u64 = 10;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        Self::laps(rt, laps);
    }
}

impl<L: RwLock> Job for Mixed<L, 100> {
    const NAME: &'static str = "rwlock_99";
    const OP: &'static str = "a lock and an unlock, 99 of 100 to read; 8 tasks";
    const LAP: u64 = MANY;
    const LAPS: u64 = 10;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        Self::laps(rt, laps);
    }
}

/// One task takes a permit and gives it back.
#[derive(Debug)]
pub struct Permits<L>(PhantomData<L>);

impl<L: Semaphore> Job for Permits<L> {
    const NAME: &'static str = "semaphore_1";
    const OP: &'static str = "a permit taken and given back by one task";
    const LAP: u64 = MANY;
    const LAPS: u64 = 100;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let count = laps * MANY;
        rt.run(async move {
            let semaphore = L::new(4);
            for _ in 0..count {
                drop(semaphore.acquire().await);
            }
        });
    }
}

/// Eight tasks share four permits, with a microsecond of work under each.
#[derive(Debug)]
pub struct EightOverFour<L>(PhantomData<L>);

impl<L: Semaphore> Job for EightOverFour<L> {
    const NAME: &'static str = "semaphore_8";
    const OP: &'static str =
        "a permit, 1 us of work, given back; 8 tasks, 4 permits; yields inside";
    const LAP: u64 = SOME;
    const LAPS: u64 = 25;

    fn run<R: Runtime>(rt: &R, laps: u64) {
        let each = laps * SOME / TASKS;
        let total = rt.run(async move {
            let semaphore = Arc::new(L::new(4));
            eight::<R, _, _, _>(semaphore, move |semaphore, seed| async move {
                for turn in 0..each {
                    let permit = semaphore.acquire().await;
                    black_box(one_microsecond(seed + turn));
                    // Without a pause under it, two workers would never need more than two.
                    R::yield_now().await;
                    drop(permit);
                }
                each
            })
            .await
        });
        assert_eq!(total, each * TASKS);
    }
}
