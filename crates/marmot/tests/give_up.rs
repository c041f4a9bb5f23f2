//! Goroutines that give up at random, in every way there is: a branch of a select, a timeout, a
//! context that ends, an abort. Whatever they waited for, the others get what is theirs, and in
//! the end all is as it was. Seeded.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use marmot::__private::{Options, test};
use marmot::errgroup::Group;
use marmot::prelude::*;
use marmot::rate::Limiter;
use marmot::sync::{Cond, Notify, singleflight};
use marmot_testing::{Rng, within};

const LIMIT: Duration = Duration::from_secs(60);

/// Runs a program with one, two and eight Ps.
fn on_each<F>(program: fn(u64) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for (procs, seed) in [(1, 11), (2, 22), (8, 88)] {
        // Another one on demand: `MARMOT_SEED=7 cargo test --test give_up`.
        let seed = match std::env::var_os("MARMOT_SEED") {
            Some(_) => Rng::from_env().seed(),
            None => seed,
        };
        within(LIMIT, move || {
            test(Options::new().max_procs(procs), "give_up", move || {
                program(seed)
            });
        });
    }
}

/// So many microseconds.
fn us(count: usize) -> Duration {
    Duration::from_micros(count as u64)
}

async fn turns(count: usize) {
    for _ in 0..count {
        gosched().await;
    }
}

/// Runs a future, and gives it up after a while in a way that is drawn: `None` then.
async fn impatient<F>(future: F, rng: &mut Rng) -> Option<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let patience = rng.below(4);
    match rng.below(6) {
        0 => Some(future.await),
        1 => select! {
            biased;
            output = future => Some(output),
            _ = turns(patience) => None,
        },
        2 => select! {
            output = future => Some(output),
            _ = sleep(us(10 * patience)) => None,
        },
        3 => timeout(us(10 * patience), future).await.ok(),
        4 => {
            let (ctx, cancel) = Context::background().with_cancel();
            go!(async move {
                turns(patience).await;
                cancel.cancel();
            });
            ctx.run(future).await.ok()
        }
        _ => {
            let task = go!(future);
            turns(patience).await;
            task.abort();
            task.await.ok()
        }
    }
}

/// Two halves that whoever is alone keeps equal.
type Pair = [u64; 2];

async fn step(pair: &mut Pair) {
    assert_eq!(pair[0], pair[1], "nobody else is inside");
    let both = Mend(pair);
    both.0[0] += 1;
    gosched().await;
}

/// Makes the other half step too, also if the goroutine is cut off in between.
struct Mend<'a>(&'a mut Pair);

impl Drop for Mend<'_> {
    fn drop(&mut self) {
        self.0[1] += 1;
    }
}

#[derive(Default)]
struct Locks {
    mutex: Arc<Mutex<Pair>>,
    rwlock: Arc<RwLock<Pair>>,
    inside: AtomicUsize,
}

const PERMITS: usize = 4;

async fn lock(locks: Arc<Locks>) {
    let mut guard = locks.mutex.lock().await;
    step(&mut guard).await;
}

async fn lock_owned(locks: Arc<Locks>) {
    let mut guard = locks.mutex.lock_owned().await;
    step(&mut guard).await;
}

async fn write(locks: Arc<Locks>) {
    let mut guard = locks.rwlock.write().await;
    step(&mut guard).await;
}

async fn read(locks: Arc<Locks>) {
    let guard = locks.rwlock.read().await;
    let before = guard[0];
    gosched().await;
    assert_eq!(*guard, [before; 2], "nobody writes");
}

struct Inside(Arc<Locks>, usize);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(self.1, Ordering::SeqCst);
    }
}

async fn acquire(locks: Arc<Locks>, semaphore: Arc<Semaphore>, count: usize) {
    let permit = semaphore.acquire(count).await;
    let before = locks.inside.fetch_add(count, Ordering::SeqCst);
    assert!(before + count <= PERMITS);
    let inside = Inside(locks, count);
    gosched().await;
    drop(inside);
    drop(permit);
}

#[test]
fn locks_and_permits_are_all_there_in_the_end() {
    on_each(|seed| async move {
        let locks = Arc::new(Locks::default());
        let semaphore = Arc::new(Semaphore::new(PERMITS));
        let wg = WaitGroup::new();
        for who in 0..12 {
            let (locks, semaphore) = (Arc::clone(&locks), Arc::clone(&semaphore));
            wg.go(async move {
                let mut rng = Rng::seeded(seed + who);
                for _ in 0..300 {
                    let locks = Arc::clone(&locks);
                    match rng.below(6) {
                        0 => impatient(lock(locks), &mut rng).await,
                        1 => impatient(lock_owned(locks), &mut rng).await,
                        2 => impatient(write(locks), &mut rng).await,
                        3 => impatient(read(locks), &mut rng).await,
                        _ => {
                            let count = rng.below(PERMITS + 1);
                            let semaphore = Arc::clone(&semaphore);
                            impatient(acquire(locks, semaphore, count), &mut rng).await
                        }
                    };
                }
            });
        }
        wg.wait().await;
        assert!(locks.mutex.try_lock().is_some());
        assert!(locks.rwlock.try_write().is_some());
        assert!(semaphore.try_acquire(PERMITS).is_some());
    });
}

#[test]
fn what_is_announced_reaches_somebody() {
    const TOKENS: usize = 1_000;
    on_each(|seed| async move {
        // Tokens under a notification, and others under a condition.
        let notified = Arc::new((AtomicUsize::new(0), Notify::new()));
        let waited = Arc::new((Mutex::new(0), Cond::new()));
        let taken = Arc::new(AtomicUsize::new(0));
        let wg = WaitGroup::new();
        for who in 0..8 {
            let (notified, waited) = (Arc::clone(&notified), Arc::clone(&waited));
            let taken = Arc::clone(&taken);
            wg.go(async move {
                let mut rng = Rng::seeded(seed + who);
                while taken.load(Ordering::SeqCst) < TOKENS * 2 {
                    let (notified, waited) = (Arc::clone(&notified), Arc::clone(&waited));
                    let by_notify = async move {
                        while take(&notified.0).is_none() {
                            notified.1.notified().await;
                        }
                        // What is left is for the next, if there was one call for several.
                        if notified.0.load(Ordering::SeqCst) > 0 {
                            notified.1.notify_one();
                        }
                    };
                    let by_cond = async move {
                        let mut tokens = waited.0.lock().await;
                        while *tokens == 0 {
                            tokens = waited.1.wait(tokens).await;
                        }
                        *tokens -= 1;
                    };
                    let patience = us(50 * rng.below(20));
                    let got = select! {
                        _ = by_notify => true,
                        _ = by_cond => true,
                        _ = sleep(patience) => false,
                    };
                    if got {
                        taken.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        let mut rng = Rng::seeded(seed);
        for _ in 0..TOKENS {
            notified.0.fetch_add(1, Ordering::SeqCst);
            notified.1.notify_one();
            *waited.0.lock().await += 1;
            waited.1.signal();
            turns(rng.below(3)).await;
        }
        wg.wait().await;
        assert_eq!(taken.load(Ordering::SeqCst), TOKENS * 2);
        assert_eq!(*waited.0.lock().await, 0);
    });
}

/// Takes a token if there is one.
fn take(tokens: &AtomicUsize) -> Option<usize> {
    tokens
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        })
        .ok()
}

#[test]
fn work_that_is_shared_is_done_by_who_is_left() {
    on_each(|seed| async move {
        let flight = singleflight::Group::<usize, usize>::new();
        let at_work = Arc::new([const { AtomicUsize::new(0) }; 4]);
        let wg = WaitGroup::new();
        for who in 0..12 {
            let (flight, at_work) = (flight.clone(), Arc::clone(&at_work));
            wg.go(async move {
                let mut rng = Rng::seeded(seed + who);
                for _ in 0..300 {
                    let key = rng.below(4);
                    let (flight, at_work) = (flight.clone(), Arc::clone(&at_work));
                    let call = async move {
                        let work = async {
                            let place = &at_work[key];
                            assert_eq!(place.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
                            let _ends = Ends(place);
                            turns(2).await;
                            key * 10
                        };
                        flight.run(key, work).await.0
                    };
                    if let Some(value) = impatient(call, &mut rng).await {
                        assert_eq!(value, key * 10);
                    }
                }
            });
        }
        wg.wait().await;
        assert_eq!(format!("{flight:?}"), "Group { in_progress: 0 }");
    });
}

struct Ends<'a>(&'a AtomicUsize);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_group_ends_when_all_of_it_has_whatever_its_limit_does() {
    on_each(|seed| async move {
        let (group, ctx) = Group::with_context(&Context::background());
        group.set_limit(2);
        let (alive, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let limiter = Limiter::new(20_000.0, 4);
        let mut rng = Rng::seeded(seed);
        for n in 0..1_000 {
            if rng.below(3) == 0 {
                let ready = group.clone();
                let ready = async move { ready.ready().await };
                impatient(ready, &mut rng).await;
            }
            let (alive, done) = (Arc::clone(&alive), Arc::clone(&done));
            let (limiter, ctx) = (limiter.clone(), ctx.clone());
            let patience = us(rng.below(200));
            group.go(async move {
                let place = Arc::clone(&alive);
                place.fetch_add(1, Ordering::SeqCst);
                let _ends = Ends(&place);
                // Some get a token in time; the others give theirs back.
                timeout(patience, limiter.wait(&ctx)).await.ok();
                done.fetch_add(1, Ordering::SeqCst);
                Ok::<(), String>(())
            });
            if n % 20 == 0 {
                group.set_limit(1 + rng.below(4));
            }
        }
        group.set_limit(3);
        for waits in 0..4 {
            let waiter = group.clone();
            let wait = async move { waiter.wait().await.is_ok() };
            let ended = impatient(wait, &mut Rng::seeded(seed + waits)).await;
            assert!(ended != Some(false));
        }
        assert!(group.wait().await.is_ok());
        assert_eq!(alive.load(Ordering::SeqCst), 0);
        assert_eq!(done.load(Ordering::SeqCst), 1_000);
        assert!(ctx.is_done());
        sleep(ms(2)).await;
        assert!(limiter.tokens() > 0.0, "what was not used came back");
    });
}

#[test]
fn a_tree_of_contexts_tells_everybody_of_its_end_once() {
    on_each(|seed| async move {
        for round in 0..60 {
            let mut rng = Rng::seeded(seed + round);
            let (top, cancel) = Context::background().with_cancel();
            let (told, ran) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let wg = WaitGroup::new();
            let mut tree = vec![top.clone()];
            let mut kept = Vec::new();
            for _ in 0..30 {
                let above = tree[rng.below(tree.len())].clone();
                let (below, end) = match rng.below(3) {
                    0 => above.with_cancel(),
                    1 => above.with_timeout(us(rng.below(3_000))),
                    _ => above.with_value(round).with_cancel(),
                };
                kept.push(end);
                let (waits, told) = (below.clone(), Arc::clone(&told));
                wg.go(async move {
                    waits.done().await;
                    assert!(waits.err().is_some());
                    told.fetch_add(1, Ordering::SeqCst);
                });
                let (runs, counted) = (Arc::clone(&ran), wg.guard());
                let stop = below.after_func(move || {
                    runs.fetch_add(1, Ordering::SeqCst);
                    drop(counted);
                });
                if rng.below(4) == 0 && stop.stop() {
                    ran.fetch_add(1, Ordering::SeqCst);
                }
                if rng.below(5) == 0 {
                    kept.swap_remove(rng.below(kept.len())).cancel();
                }
                tree.push(below);
            }
            turns(rng.below(10)).await;
            cancel.cancel();
            assert!(tree.iter().all(Context::is_done));
            wg.wait().await;
            assert_eq!(told.load(Ordering::SeqCst), 30);
            assert_eq!(ran.load(Ordering::SeqCst), 30, "run or stopped, once");
            drop(kept);
        }
    });
}
