//! The same programs under foreign executors: futures' pool and local pool, tokio with one
//! thread and with several, and plain threads.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures::executor::{LocalPool, ThreadPool};
use futures::future::join_all;
use futures::task::{LocalSpawnExt, SpawnExt};
use marmot_chan::{Chan, Receiver, Sender, chan, select};
use marmot_wait::park::block_on;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs all tasks to their end, under each executor in turn.
fn everywhere(program: fn() -> Vec<Task>) {
    let pool = ThreadPool::builder().pool_size(3).create().unwrap();
    let handles = program()
        .into_iter()
        .map(|task| pool.spawn_with_handle(task).unwrap());
    block_on(within(join_all(handles.collect::<Vec<_>>())));

    let mut local = LocalPool::new();
    let spawner = local.spawner();
    for task in program() {
        spawner.spawn_local(task).unwrap();
    }
    local.run();

    for threads in [1, 3] {
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_time()
            .build()
            .unwrap();
        tokio.block_on(within(async {
            for handle in program().into_iter().map(tokio::spawn).collect::<Vec<_>>() {
                handle.await.unwrap();
            }
        }));
    }

    let threads: Vec<_> = program()
        .into_iter()
        .map(|task| std::thread::spawn(move || block_on(task)))
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

/// A hung test is a failed test.
async fn within<F: Future>(future: F) -> F::Output {
    let (done, watch) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        if watch.recv_timeout(Duration::from_secs(30))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            eprintln!("the program hangs");
            std::process::abort();
        }
    });
    let output = future.await;
    drop(done);
    output
}

fn task(future: impl Future<Output = ()> + Send + 'static) -> Task {
    Box::pin(future)
}

#[test]
fn ping_pong() {
    everywhere(|| {
        let (ping_tx, ping_rx) = chan(0);
        let (pong_tx, pong_rx) = chan(0);
        vec![
            task(async move {
                for n in 0..500 {
                    ping_tx.send(n).await.unwrap();
                    assert_eq!(pong_rx.recv().await, Some(n + 1));
                }
            }),
            task(async move {
                while let Some(n) = ping_rx.recv().await {
                    pong_tx.send(n + 1).await.unwrap();
                }
            }),
        ]
    });
}

#[test]
fn a_pipeline_with_many_producers_and_consumers() {
    everywhere(|| {
        let (tx, rx) = chan::<u64>(3);
        let (out, results) = chan::<u64>(0);
        let mut tasks = Vec::new();
        for _ in 0..4 {
            let tx = tx.clone();
            tasks.push(task(async move {
                for n in 0..100 {
                    tx.send(n).await.unwrap();
                }
            }));
        }
        for _ in 0..4 {
            let (rx, out) = (rx.clone(), out.clone());
            tasks.push(task(async move {
                while let Some(n) = rx.recv().await {
                    out.send(n * 2).await.unwrap();
                }
            }));
        }
        tasks.push(task(async move {
            let (mut sum, mut count) = (0, 0);
            while let Some(n) = results.recv().await {
                sum += n;
                count += 1;
            }
            assert_eq!((sum, count), (4 * 9900, 400));
        }));
        tasks
    });
}

#[test]
fn selects_that_cross() {
    async fn run(tx: Sender<u32>, rx: Receiver<u32>) {
        let (mut sent, mut got) = (0, 0);
        while sent < 300 || got < 300 {
            select! {
                Ok(()) = tx.send(sent), if sent < 300 => sent += 1,
                Some(n) = rx.recv(), if got < 300 => {
                    assert_eq!(n, got);
                    got += 1;
                }
                _ = std::future::pending::<()>() => {}
            }
        }
    }
    everywhere(|| {
        let (a_tx, a_rx) = chan(0);
        let (b_tx, b_rx) = chan(1);
        vec![task(run(a_tx, b_rx)), task(run(b_tx, a_rx))]
    });
}

#[test]
fn a_hundred_values_through_a_sieve() {
    async fn filter(rx: Receiver<u32>, out: Sender<u32>, prime: u32) {
        while let Some(n) = rx.recv().await {
            if n % prime != 0 && out.send(n).await.is_err() {
                return;
            }
        }
    }
    everywhere(|| {
        let (tx, mut rx) = chan(0);
        let mut tasks = vec![task(async move {
            for n in 2.. {
                if tx.send(n).await.is_err() {
                    return;
                }
            }
        })];
        // The primes are known here, so that all tasks can be made at once.
        let primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47];
        for prime in primes {
            let (out, next) = chan(0);
            let inner = std::mem::replace(&mut rx, next);
            tasks.push(task(async move {
                assert_eq!(inner.recv().await, Some(prime));
                filter(inner, out, prime).await;
            }));
        }
        tasks.push(task(async move {
            assert_eq!(rx.recv().await, Some(53));
        }));
        tasks
    });
}

#[test]
fn under_a_foreign_select_nothing_is_lost() {
    everywhere(|| {
        let (tx, rx) = chan::<u32>(1);
        let (other_tx, other_rx) = chan::<u32>(0);
        let produce = |tx: Sender<u32>| {
            task(async move {
                for n in 0..300 {
                    tx.send(n).await.unwrap();
                }
            })
        };
        let consume = task(async move {
            let (mut next, mut other_next) = (0, 0);
            while next < 300 || other_next < 300 {
                tokio::select! {
                    Some(n) = rx.recv() => { assert_eq!(n, next); next += 1; }
                    Some(n) = other_rx.recv() => { assert_eq!(n, other_next); other_next += 1; }
                }
            }
        });
        vec![produce(tx), produce(other_tx), consume]
    });
}

#[test]
fn a_losing_send_of_a_foreign_select_is_known_by_its_slot() {
    everywhere(|| {
        let (tx, rx) = chan::<u32>(0);
        let (stop_tx, stop) = Chan::<()>::new(1).pair();
        let send = task(async move {
            let mut slot = None;
            let mut next = 0;
            let mut stops = 0;
            while next < 200 || stops < 100 {
                slot.get_or_insert(next);
                tokio::select! {
                    sent = tx.send_from(&mut slot), if next < 200 => sent.unwrap(),
                    _ = stop.recv(), if stops < 100 => stops += 1,
                }
                if slot.is_none() {
                    next += 1;
                }
            }
        });
        let disturb = task(async move {
            for _ in 0..100 {
                stop_tx.send(()).await.unwrap();
            }
        });
        let check = task(async move {
            for n in 0..200 {
                assert_eq!(rx.recv().await, Some(n));
            }
            assert_eq!(rx.recv().await, None);
        });
        vec![send, disturb, check]
    });
}

/// Both ends of a `Chan`.
trait Pair<T> {
    fn pair(self) -> (Sender<T>, Receiver<T>);
}

impl<T> Pair<T> for Chan<T> {
    fn pair(self) -> (Sender<T>, Receiver<T>) {
        (self.sender(), self.receiver())
    }
}
