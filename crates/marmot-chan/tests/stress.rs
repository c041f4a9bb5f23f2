//! Values in = values out + values handed back, over random capacities, selects, drops and
//! closes. Prints the seed that repeats a failure: `MARMOT_SEED=n cargo test --test stress`;
//! `MARMOT_ROUNDS=n` for longer runs.

use std::collections::HashMap;
use std::env;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::future::poll_fn;
use marmot_chan::select::Select;
use marmot_chan::{Chan, Receiver, Sender, TrySendError, chan, select, unbounded};
use marmot_wait::park::block_on;

fn within(limit: Duration, what: String, run: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let runner = thread::spawn(move || {
        run();
        let _ = done.send(());
    });
    match ended.recv_timeout(limit) {
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            if let Err(panic) = runner.join() {
                eprintln!("failed: {what}");
                std::panic::resume_unwind(panic);
            }
        }
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs: {what}"),
    }
}

struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % bound
    }

    fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What became of the values: each must end exactly once as received or handed back.
#[derive(Default)]
struct Ledger {
    received: Mutex<Vec<u64>>,
    handed_back: Mutex<Vec<u64>>,
    next: AtomicU64,
}

impl Ledger {
    fn make(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn got(&self, value: u64) {
        self.received.lock().unwrap().push(value);
    }

    fn back(&self, value: u64) {
        self.handed_back.lock().unwrap().push(value);
    }

    fn check(&self) {
        let mut ends = HashMap::<u64, u32>::new();
        for &value in self.received.lock().unwrap().iter() {
            *ends.entry(value).or_default() += 1;
        }
        for &value in self.handed_back.lock().unwrap().iter() {
            *ends.entry(value).or_default() += 1;
        }
        for value in 0..self.next.load(Ordering::Relaxed) {
            let times = ends.get(&value).copied().unwrap_or(0);
            assert_eq!(times, 1, "value {value} has ended {times} times");
        }
    }
}

/// Polls at most so many times, then drops the future: a cancelled operation.
async fn at_most<F: Future>(polls: u64, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

async fn produce(ledger: &Ledger, mut rng: Rng, channels: &[Sender<u64>], rounds: u64) {
    for _ in 0..rounds {
        let tx = &channels[rng.below(channels.len() as u64) as usize];
        let other = &channels[rng.below(channels.len() as u64) as usize];
        let mut slot = Some(ledger.make());
        let value = slot.unwrap();
        match rng.below(7) {
            0 => {
                if let Err(error) = tx.try_send(value) {
                    ledger.back(error.into_inner());
                }
                slot = None;
            }
            1 => {
                if let Err(error) = tx.send(value).await {
                    ledger.back(error.0);
                }
                slot = None;
            }
            2 => {
                let _ = at_most(rng.below(4), tx.send_from(&mut slot)).await;
            }
            3 => {
                let permit = at_most(rng.below(20), tx.reserve()).await;
                if let Some(Ok(permit)) = permit
                    && !rng.once_in(3)
                {
                    permit.send(value);
                    slot = None;
                }
            }
            4 => {
                let mut second = Some(ledger.make());
                select! {
                    _ = tx.send_from(&mut slot) => {}
                    _ = other.send_from(&mut second) => {}
                    _ = at_most(rng.below(4), std::future::pending::<()>()) => {}
                }
                second.into_iter().for_each(|value| ledger.back(value));
            }
            5 => {
                select! {
                    _ = tx.send_from(&mut slot) => {}
                    default => {}
                }
            }
            _ => {
                slot = None;
                offer_at_run_time(ledger, tx, value);
            }
        }
        slot.into_iter().for_each(|value| ledger.back(value));
    }
}

fn offer_at_run_time(ledger: &Ledger, tx: &Sender<u64>, value: u64) {
    let mut select = Select::new();
    select.send(tx, value);
    match select.try_now().map(|chosen| chosen.sent(tx)) {
        Some(Ok(())) => {}
        Some(Err(error)) => ledger.back(error.0),
        None => ledger.back(value),
    }
}

async fn consume(ledger: &Ledger, mut rng: Rng, channels: &[Receiver<u64>]) {
    let mut open = channels.len();
    while open > 0 {
        open = channels
            .iter()
            .filter(|rx| !rx.is_closed() || !rx.is_empty())
            .count();
        let rx = &channels[rng.below(channels.len() as u64) as usize];
        let other = &channels[rng.below(channels.len() as u64) as usize];
        let patience = rng.below(4);
        let got = match rng.below(6) {
            0 => rx.try_recv().ok(),
            1 => at_most(patience, rx.recv()).await.flatten(),
            2 => {
                let mut many = Vec::new();
                at_most(patience, rx.recv_many(&mut many, 3)).await;
                many.into_iter().for_each(|value| ledger.got(value));
                None
            }
            3 => select! {
                v = rx.recv() => v,
                v = other.recv() => v,
                _ = at_most(patience, std::future::pending::<()>()) => None,
            },
            4 => select! {
                v = rx.recv() => v,
                v = <-other => v,
                default => None,
            },
            _ => {
                let select = async {
                    select! {
                        v = rx.recv() => ledger.got(v.unwrap_or(u64::MAX)),
                        v = other.recv() => ledger.got(v.unwrap_or(u64::MAX)),
                    }
                };
                at_most(patience, select).await;
                None
            }
        };
        got.into_iter().for_each(|value| ledger.got(value));
        if rng.once_in(8) {
            thread::yield_now();
        }
    }
}

fn round(seed: u64) {
    let mut rng = Rng(seed);
    let ledger = Arc::<Ledger>::default();
    let count = 1 + rng.below(3);
    let (txs, rxs): (Vec<_>, Vec<_>) = (0..count)
        .map(|_| match rng.below(5) {
            0 => chan(0),
            1 => chan(1),
            2 => chan(rng.below(8) as usize),
            3 => unbounded(),
            _ => {
                let ch = Chan::new(rng.below(2) as usize);
                (ch.sender(), ch.receiver())
            }
        })
        .unzip();
    let mut producers = Vec::new();
    let mut consumers = Vec::new();
    for _ in 0..1 + rng.below(3) {
        let (ledger, txs, rng) = (Arc::clone(&ledger), txs.clone(), Rng(rng.below(u64::MAX)));
        producers.push(thread::spawn(move || {
            block_on(produce(&ledger, rng, &txs, 300))
        }));
    }
    for _ in 0..1 + rng.below(3) {
        let (ledger, rxs, rng) = (Arc::clone(&ledger), rxs.clone(), Rng(rng.below(u64::MAX)));
        consumers.push(thread::spawn(move || block_on(consume(&ledger, rng, &rxs))));
    }
    if rng.once_in(3) {
        // A close in the middle: from here on values come back.
        thread::yield_now();
        txs[0].close();
    }
    producers
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    txs.iter().for_each(|tx| {
        tx.close();
    });
    consumers
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    for rx in &rxs {
        while let Ok(value) = rx.try_recv() {
            ledger.got(value);
        }
    }
    ledger
        .received
        .lock()
        .unwrap()
        .retain(|&value| value != u64::MAX);
    ledger.check();
}

#[test]
fn every_value_ends_exactly_once() {
    let number = |name| {
        env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let seeds = match number("MARMOT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("MARMOT_ROUNDS").unwrap_or(60),
    };
    for seed in seeds {
        within(
            Duration::from_secs(20),
            format!("MARMOT_SEED={seed}"),
            move || round(seed),
        );
    }
}

/// One thread, every choice from the seed: operations that are polled and dropped in any order
/// against a model of what the channel may do.
fn in_one_thread(seed: u64) {
    let mut rng = Rng(seed);
    let ledger = Ledger::default();
    let capacity = rng.below(3) as usize;
    let (tx, rx) = chan(capacity);
    let mut cx = Context::from_waker(Waker::noop());
    let mut slots: Vec<_> = (0..200).map(|_| Some(ledger.make())).collect();
    let mut free = slots.iter_mut();
    let mut sends = Vec::new();
    let mut recvs = Vec::new();
    for _ in 0..200 {
        match rng.below(6) {
            0 => sends.push(Box::pin(tx.send_from(free.next().unwrap()))),
            1 => recvs.push(Box::pin(rx.recv())),
            2 if !sends.is_empty() => {
                let at = rng.below(sends.len() as u64) as usize;
                drop(sends.swap_remove(at));
            }
            3 if !recvs.is_empty() => {
                let at = rng.below(recvs.len() as u64) as usize;
                drop(recvs.swap_remove(at));
            }
            4 if !sends.is_empty() => {
                let at = rng.below(sends.len() as u64) as usize;
                if sends[at].as_mut().poll(&mut cx).is_ready() {
                    drop(sends.swap_remove(at));
                }
            }
            5 if !recvs.is_empty() => {
                let at = rng.below(recvs.len() as u64) as usize;
                if let Poll::Ready(value) = recvs[at].as_mut().poll(&mut cx) {
                    value.into_iter().for_each(|value| ledger.got(value));
                    drop(recvs.swap_remove(at));
                }
            }
            _ => {}
        }
    }
    drop(sends);
    drop(recvs);
    while let Ok(value) = rx.try_recv() {
        ledger.got(value);
    }
    slots
        .into_iter()
        .flatten()
        .for_each(|value| ledger.back(value));
    ledger.check();
    assert!(matches!(
        tx.try_send(0),
        Ok(()) | Err(TrySendError::Full(0))
    ));
}

#[test]
fn operations_polled_and_dropped_in_any_order_lose_nothing() {
    for seed in 0..2000 {
        if std::panic::catch_unwind(|| in_one_thread(seed)).is_err() {
            panic!("seed {seed}");
        }
    }
}
