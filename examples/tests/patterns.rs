//! Every pattern among the examples, run to its end and cancelled in the middle, at one P and at
//! two: it computes what it should, and leaves no goroutine and no memory behind.
//!
//! Goroutines are counted by the runtime, allocations by an allocator of this test's own. What a
//! round leaves behind shows after many: so each pattern runs for a while, and then again for as many
//! rounds as it takes to see that nothing grows with them.

#![expect(
    unsafe_code,
    reason = "an allocator that counts on its way to the system's"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use marmot::prelude::*;
use marmot::sync::rate::Limiter;

#[path = "../bounded_parallelism.rs"]
mod bounded_parallelism;
#[path = "../crawler.rs"]
mod crawler;
#[path = "../fan_in.rs"]
mod fan_in;
#[path = "../fan_out.rs"]
mod fan_out;
#[path = "../fork_join.rs"]
mod fork_join;
#[path = "../generator.rs"]
mod generator;
#[path = "../monitor.rs"]
mod monitor;
#[path = "../pipeline.rs"]
mod pipeline;
#[path = "../rate_limited_client.rs"]
mod rate_limited_client;
#[path = "../request_queue.rs"]
mod request_queue;
#[path = "../semaphore.rs"]
mod semaphore;
#[path = "../singleflight_cache.rs"]
mod singleflight_cache;
#[path = "../worker_pool.rs"]
mod worker_pool;

/// Allocations that have not been freed.
static LIVE: AtomicIsize = AtomicIsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // ORDERING: Relaxed, here and below: a count, read when all is quiet.
        LIVE.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's obligations are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: the caller's obligations are the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// One test at a time: allocations are counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// Rounds before it counts: what is kept for later (threads, queues, cells) has been made by then.
const WARM: usize = 5;
/// Rounds that are counted: a leak of one allocation a round is more than caches vary.
const ROUNDS: isize = 25;

fn leaves_nothing<F>(procs: usize, round: fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    marmot_testing::within(Duration::from_secs(60), move || {
        let rt = Runtime::builder().max_procs(procs).build().unwrap();
        rt.block_on(rt.spawn(count(round))).unwrap();
    });
}

async fn count<F: Future<Output = ()>>(round: fn() -> F) {
    let before = runtime::num_goroutine();
    for _ in 0..WARM {
        Box::pin(round()).await;
    }
    // Caches may still grow in one stretch; a leak grows in every one.
    let mut grown = ROUNDS;
    for _ in 0..5 {
        is_quiet(before).await;
        let live = LIVE.load(Ordering::Relaxed);
        for _ in 0..ROUNDS {
            Box::pin(round()).await;
        }
        is_quiet(before).await;
        grown = LIVE.load(Ordering::Relaxed) - live;
        if grown < ROUNDS {
            return;
        }
    }
    panic!("{grown} allocations are left after {ROUNDS} rounds");
}

/// Waits until the goroutines of a round have ended: who ends is still counted for a moment.
async fn is_quiet(before: usize) {
    let start = Instant::now();
    while runtime::num_goroutine() != before {
        assert!(
            start.elapsed() < secs(20),
            "{before} goroutines before, and now:\n{}",
            runtime::stack()
        );
        sleep(ms(1)).await;
    }
}

macro_rules! patterns {
    ($($(#[$about:meta])* $name:ident => $round:block)*) => {$(
        mod $name {
            use super::*;

            async fn round() $round

            #[test]
            fn at_one_p() {
                leaves_nothing(1, round);
            }

            #[test]
            fn at_two_ps() {
                leaves_nothing(2, round);
            }
        }
    )*};
}

/// A context that is cancelled a moment from now.
fn cancelled_soon() -> Context {
    let (ctx, cancel) = Context::background().with_cancel();
    go!(async move {
        sleep(ms(2)).await;
        cancel.cancel();
    });
    ctx
}

const LONG: Duration = secs(3600);

patterns! {
    forking_and_joining => {
        let ctx = Context::background();
        let number = 1009 * 1013;
        assert_eq!(fork_join::divisor(&ctx, number, 3), Some(1009));
        assert_eq!(fork_join::divisor(&ctx, 1_000_003, 2), None);
        assert_eq!(fork_join::divisor(&cancelled_soon(), u64::MAX - 58, 3), None);
    }

    pipelines => {
        let wg = WaitGroup::new();
        assert_eq!(pipeline::first_squares(5, &wg).await, [1, 4, 9, 16, 25]);
        wg.wait().await;
        // Cancelled while nobody receives, so that both stages wait to send.
        let ctx = cancelled_soon();
        let squares = pipeline::square(&ctx, pipeline::generate(&ctx, &wg), &wg);
        assert_eq!(squares.recv().await, Some(1));
        wg.wait().await;
        assert_eq!(squares.recv().await, None);
    }

    worker_pools => {
        let mut results = worker_pool::results(&Context::background(), 3, 20, Duration::ZERO).await;
        results.sort_unstable();
        assert!(results.into_iter().eq((1..=20).map(|job| 2 * job)));
        assert_eq!(worker_pool::results(&cancelled_soon(), 3, 20, LONG).await, []);
    }

    bounding_parallelism => {
        let (done, most) = bounded_parallelism::run(&Context::background(), 9, 3).await;
        assert_eq!((done, most <= 3), (9, true));
        let (done, most) = bounded_parallelism::run(&cancelled_soon(), u64::MAX, 3).await;
        assert_eq!((done < 1_000_000, most <= 3), (true, true));
    }

    semaphores => {
        let all = semaphore::visits(&Context::background(), 9, 3, ms(1)).await;
        assert_eq!(all, 9);
        // Those inside leave in their own time; those outside give up.
        let some = semaphore::visits(&cancelled_soon(), 9, 3, ms(10)).await;
        assert!((3..9).contains(&some), "{some} visits");
    }

    request_queues => {
        let background = Context::background();
        let (queue, served) = request_queue::serve(2, Duration::ZERO);
        assert_eq!(request_queue::ask(&background, &queue, 7).await, Ok(49));
        drop(queue);
        assert_eq!(served.await.unwrap(), 1);
        let (queue, server) = request_queue::serve(2, LONG);
        let ctx = cancelled_soon();
        let late = request_queue::ask(&ctx, &queue, 7).await;
        assert_eq!(late, Err(request_queue::NoAnswer::TooLate));
        server.abort();
        drop(server.await);
    }

    monitors => {
        let (ctx, cancel) = Context::background().with_cancel();
        let account = monitor::open_account(&ctx);
        for amount in 1..=10 {
            account.send(monitor::Message::Deposit(amount)).await.ok();
        }
        assert_eq!(monitor::balance(&account).await, Some(55));
        cancel.cancel();
        account.closed().await;
        assert_eq!(monitor::balance(&account).await, None);
        drop(monitor::open_account(&Context::background()));
    }

    generators => {
        let numbers = generator::fibonacci();
        for expected in [0, 1, 1, 2, 3, 5, 8] {
            assert_eq!(numbers.recv().await, Some(expected));
        }
        drop(numbers);
        let all = generator::fibonacci();
        let mut last = None;
        while let Some(number) = all.recv().await {
            last = Some(number);
        }
        assert_eq!(last, Some(332_825_110_087_067_562_321_196_029_789_634_457_848));
    }

    fanning_in => {
        let sources = || [("Joe", ms(0)), ("Ann", ms(1))].map(|(name, pause)| fan_in::source(name, pause));
        let [joe, ann] = sources();
        let talk = fan_in::fan_in(joe, ann);
        let mut heard = Vec::new();
        while let Some(text) = talk.recv().await {
            heard.push(text);
        }
        heard.sort_unstable();
        assert_eq!(heard, ["Ann 1", "Ann 2", "Ann 3", "Ann 4", "Joe 1", "Joe 2", "Joe 3", "Joe 4"]);
        let [joe, ann] = sources();
        assert!(fan_in::fan_in(joe, ann).recv().await.is_some(), "and no more is heard");
    }

    fanning_out => {
        let mut primes = fan_out::primes_above(1000, 3).await;
        primes.sort_unstable();
        assert_eq!(primes.len(), 3);
        assert!(primes[0] > 1000 && primes.iter().all(|p| (2..*p).all(|n| p % n != 0)));
    }

    crawlers => {
        let whole = crawler::Web { pages: 60, broken: None };
        assert_eq!(crawler::crawl(&Context::background(), whole).await.ok(), Some(60));
        let broken = crawler::Web { broken: Some(9), ..whole };
        let error = crawler::crawl(&Context::background(), broken).await.unwrap_err();
        assert_eq!(error.to_string(), "page 9: not found");
        let large = crawler::Web { pages: usize::MAX, broken: None };
        let error = crawler::crawl(&cancelled_soon(), large).await.unwrap_err();
        assert_eq!(error.to_string(), "context canceled");
    }

    rate_limited_clients => {
        let (ctx, _cancel) = Context::background().with_timeout(ms(20));
        // Three at once, and the next an hour later.
        let calls = rate_limited_client::calls(&ctx, Limiter::new(1.0 / 3600.0, 3)).await;
        assert_eq!(calls, 3);
        let calls = rate_limited_client::calls(&cancelled_soon(), Limiter::new(1000.0, 1)).await;
        assert!(calls >= 1);
    }

    singleflight_caches => {
        let cache = Arc::new(singleflight_cache::Cache::new(ms(1)));
        assert_eq!(singleflight_cache::ask_together(&cache, "gopher", 20).await, 1);
        assert_eq!(singleflight_cache::ask_together(&cache, "gopher", 20).await, 0);
        // Who loads it is cut off in the middle: the next one begins anew.
        let (first, second) = [0, 1].map(|_| Arc::clone(&cache)).into();
        let first = go!(async move { first.get("marmot").await });
        while cache.loads() == 1 {
            gosched().await;
        }
        let second = go!(async move { second.get("marmot").await });
        first.abort();
        assert_eq!(second.await.unwrap(), 6);
        drop(first.await);
        assert!((2..=3).contains(&cache.loads()));
    }
}
