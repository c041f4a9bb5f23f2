//! The same programs under executors that know nothing of us.

use std::time::{Duration, Instant};

use futures::executor::ThreadPool;
use futures::future::{join_all, select};
use futures::task::SpawnExt;
use marmot_testing::within;
use marmot_time::{Elapsed, Ticker, Timer, after, ms, secs, sleep, tick, timeout};

const LIMIT: Duration = Duration::from_secs(30);

/// Something of everything.
async fn program() {
    let start = Instant::now();
    let naps = (0..200_u64).map(|n| sleep(Duration::from_micros(n * 20)));
    join_all(naps).await;
    assert!(start.elapsed() >= Duration::from_micros(199 * 20));

    assert_eq!(
        timeout(ms(2), std::future::pending::<()>()).await,
        Err(Elapsed)
    );
    assert_eq!(timeout(secs(60), sleep(ms(1))).await, Ok(()));

    let ticker = Ticker::new(ms(1));
    let (first, second) = (ticker.recv().await, ticker.recv().await);
    assert!(second > first);

    let timer = Timer::new(secs(3600));
    assert!(timer.reset(ms(1)));
    timer.recv().await;

    let (short, long) = (after(ms(1)), after(secs(3600)));
    select(short.recv(), long.recv()).await;
    let ticks = tick(ms(1));
    ticks.recv().await;
    ticks.recv().await;
}

#[test]
fn timers_work_on_a_pool_of_the_futures_crate() {
    within(LIMIT, || {
        let pool = ThreadPool::builder().pool_size(3).create().expect("a pool");
        let programs = (0..8).map(|_| pool.spawn_with_handle(program()).expect("it runs"));
        futures::executor::block_on(join_all(programs.collect::<Vec<_>>()));
    });
}

#[test]
fn timers_work_under_tokio() {
    within(LIMIT, || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .expect("a runtime")
            .block_on(async {
                let programs: Vec<_> = (0..8).map(|_| tokio::spawn(program())).collect();
                for ended in join_all(programs).await {
                    ended.expect("it ends well");
                }
            });
    });
}

#[test]
fn timers_work_on_a_plain_thread() {
    within(LIMIT, || marmot_wait::park::block_on(program()));
}
