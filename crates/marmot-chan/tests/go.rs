//! What Go's own suites ask of channels and select, asked of ours.

use std::future::Future;
use std::pin::Pin;
use std::thread;

use futures::executor::{LocalPool, LocalSpawner, ThreadPool};
use futures::future::{BoxFuture, join_all};
use futures::task::{LocalSpawnExt, SpawnExt};
use marmot_chan::{Chan, Receiver, Sender, chan, select};
use marmot_wait::park::block_on;

/// Runs tasks that a program starts from within, on one thread, until its first one ends.
fn run<F: Future>(program: impl FnOnce(LocalSpawner) -> F) -> F::Output {
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    pool.run_until(program(spawner))
}

fn go(spawner: &LocalSpawner, task: impl Future<Output = ()> + 'static) {
    spawner.spawn_local(task).unwrap();
}

#[test]
fn a_value_passes_through_a_chain_of_ten_thousand_goroutines() {
    let got = run(|spawner| async move {
        let (first_tx, first) = chan::<i32>(0);
        let (mut left_tx, mut right) = (first_tx, None);
        for _ in 0..10_000 {
            let (tx, rx) = chan(0);
            let out = std::mem::replace(&mut left_tx, tx);
            go(&spawner, async move {
                let value = rx.recv().await.unwrap();
                out.send(value).await.unwrap();
            });
            right = Some(left_tx.clone());
        }
        go(
            &spawner,
            async move { right.unwrap().send(7).await.unwrap() },
        );
        first.recv().await
    });
    assert_eq!(got, Some(7));
}

#[test]
fn every_way_to_receive_meets_every_way_to_send() {
    async fn receive(how: usize, rx: &Receiver<i32>, idle: &Receiver<i32>) -> Option<i32> {
        match how {
            0 => rx.recv().await,
            1 => select! { v = <-rx => v },
            _ => select! { v = rx.recv() => v, v = <-idle => v },
        }
    }
    async fn send(how: usize, tx: &Sender<i32>, idle: &Sender<i32>) {
        match how {
            0 => tx.send(1).await.unwrap(),
            1 => select! { tx <- 1 => {} },
            _ => select! { Ok(()) = tx.send(1) => {}, idle <- 2 => {} },
        }
    }
    for (out, inn) in (0..9).map(|pair| (pair / 3, pair % 3)) {
        let (tx, rx) = chan(0);
        let (idle_tx, idle) = chan(0);
        let nil = Chan::nil().sender();
        let sender = thread::spawn(move || block_on(send(out, &tx, &nil)));
        assert_eq!(block_on(receive(inn, &rx, &idle)), Some(1));
        sender.join().unwrap();
        drop(idle_tx);
    }
}

#[test]
fn a_value_is_sent_into_a_channel_just_received_from_another() {
    run(|spawner| async move {
        let (tx, rx) = chan::<Sender<bool>>(0);
        let (inner, answers) = chan(1);
        go(&spawner, async move { tx.send(inner).await.unwrap() });
        let (a, b) = (1, 2);
        select! { rx.recv().await.unwrap() <- a < b && b > 0 => {} }
        assert_eq!(answers.recv().await, Some(true));
    });
}

#[test]
fn the_table_of_every_capacity_below_two_hundred() {
    for capacity in 0..200 {
        let (tx, rx) = chan::<usize>(capacity);
        assert!(rx.try_recv().is_err());
        (0..capacity).for_each(|n| tx.try_send(n).unwrap());
        assert!(tx.try_send(0).is_err());
        block_on(async {
            select! { tx <- 0 => panic!("it is full"), default => {} }
        });
        assert_eq!((tx.len(), tx.capacity()), (capacity, capacity));
        tx.close();
        for n in 0..capacity {
            assert_eq!(block_on(rx.recv()), Some(n));
        }
        assert_eq!(block_on(rx.recv()), None);

        let (tx, rx) = chan::<usize>(capacity);
        let sender = thread::spawn(move || (0..100).for_each(|n| tx.send_blocking(n).unwrap()));
        assert!(rx.iter().eq(0..100));
        sender.join().unwrap();
    }
}

#[test]
fn twenty_three_workers_share_the_values_of_one_channel() {
    let pool = ThreadPool::builder().pool_size(3).create().unwrap();
    let (tx, rx) = chan::<u64>(23);
    let (results_tx, results) = chan::<u64>(23);
    for _ in 0..23 {
        let (rx, out) = (rx.clone(), results_tx.clone());
        let work = async move {
            while let Some(n) = rx.recv().await {
                out.send(n).await.unwrap();
            }
        };
        pool.spawn(work).unwrap();
    }
    drop(results_tx);
    let produce = async move {
        for n in 0..20_000 {
            tx.send(n).await.unwrap();
        }
    };
    pool.spawn(produce).unwrap();
    let (count, sum) = results.iter().fold((0, 0), |(c, s), n| (c + 1, s + n));
    assert_eq!((count, sum), (20_000, 19_999 * 10_000));
}

#[test]
fn senders_and_selecting_receivers_on_many_channels_lose_nothing() {
    for capacity in [0, 1, 10, 100] {
        let pool = ThreadPool::builder().pool_size(3).create().unwrap();
        let (txs, rxs): (Vec<_>, Vec<_>) = (0..4).map(|_| chan::<(usize, u32)>(capacity)).unzip();
        let mut tasks: Vec<BoxFuture<'static, u32>> = Vec::new();
        for who in 0..2 {
            let mut txs: Vec<_> = txs.iter().cloned().map(Some).collect();
            tasks.push(Box::pin(async move {
                let mut next = [0; 4];
                while txs.iter().any(Option::is_some) {
                    let [a, b, c, d] = [0, 1, 2, 3].map(|n: usize| (n, (who, next[n])));
                    let sent = select! {
                        txs[0] <- a.1 => 0,
                        txs[1] <- b.1 => 1,
                        txs[2] <- c.1 => 2,
                        txs[3] <- d.1 => 3,
                    };
                    next[sent] += 1;
                    if next[sent] == 76 {
                        txs[sent] = None;
                    }
                }
                next.iter().sum()
            }));
        }
        drop(txs);
        tasks.push(Box::pin(async move {
            let mut rxs: Vec<_> = rxs.into_iter().map(Some).collect();
            let mut expected = [[0; 2]; 4];
            let mut count = 0;
            while rxs.iter().any(Option::is_some) {
                let (from, got) = select! {
                    v = <-rxs[0] => (0, v),
                    v = <-rxs[1] => (1, v),
                    v = <-rxs[2] => (2, v),
                    v = <-rxs[3] => (3, v),
                };
                match got {
                    Some((who, n)) => {
                        assert_eq!(n, expected[from][who]);
                        expected[from][who] += 1;
                        count += 1;
                    }
                    None => rxs[from] = None,
                }
            }
            count
        }));
        let handles: Vec<_> = tasks
            .into_iter()
            .map(|task| pool.spawn_with_handle(task).unwrap())
            .collect();
        assert_eq!(block_on(join_all(handles)), [304, 304, 608]);
    }
}

#[test]
fn twenty_five_primes_come_out_of_a_chain_of_filters() {
    let primes = run(|spawner| async move {
        let (tx, mut rx) = chan(0);
        go(&spawner, async move {
            for n in 2.. {
                if tx.send(n).await.is_err() {
                    return;
                }
            }
        });
        let mut primes = Vec::new();
        for _ in 0..25 {
            let prime: u32 = rx.recv().await.unwrap();
            primes.push(prime);
            let (out, next) = chan(0);
            let inner = std::mem::replace(&mut rx, next);
            go(&spawner, async move {
                while let Some(n) = inner.recv().await {
                    if n % prime != 0 && out.send(n).await.is_err() {
                        return;
                    }
                }
            });
        }
        primes
    });
    assert_eq!((primes[0], primes[24]), (2, 97));
}

#[test]
fn trait_objects_arrive_with_their_type_and_contents() {
    trait Shape: Send {
        fn area(&self) -> u32;
    }
    struct Square(u32);
    struct Unit;
    impl Shape for Square {
        fn area(&self) -> u32 {
            self.0 * self.0
        }
    }
    impl Shape for Unit {
        fn area(&self) -> u32 {
            1
        }
    }
    let (tx, rx) = chan::<Box<dyn Shape>>(2);
    tx.send_blocking(Box::new(Square(3))).unwrap();
    tx.send_blocking(Box::new(Unit)).unwrap();
    drop(tx);
    assert!(rx.iter().map(|shape| shape.area()).eq([9, 1]));
}

#[test]
fn a_received_variable_is_a_fresh_one_each_round_and_may_be_captured() {
    let (tx, rx) = chan(3);
    (0..3).for_each(|n| tx.try_send(n).unwrap());
    let mut captured: Vec<Pin<Box<dyn Future<Output = i32>>>> = Vec::new();
    block_on(async {
        for _ in 0..3 {
            select! { Some(v) = rx.recv() => captured.push(Box::pin(async move { v })) }
        }
    });
    assert_eq!(block_on(join_all(captured)), [0, 1, 2]);
}
