//! Many messages between many goroutines: none is lost, doubled or out of its order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use marmot::prelude::*;

use crate::support::on_each;

/// Messages for each channel.
const EACH: u32 = 76;

/// Channels with a sequence each.
type Ends = Vec<(Sender<u32>, Receiver<u32>)>;

fn channels(count: usize, capacity: usize) -> Ends {
    (0..count).map(|_| chan(capacity)).collect()
}

async fn send_plainly(tx: Sender<u32>) -> u32 {
    for n in 0..EACH {
        tx.send(n).await.unwrap();
    }
    EACH
}

async fn receive_plainly(rx: Receiver<u32>) -> u32 {
    let mut expected = 0;
    while let Some(n) = rx.recv().await {
        assert_eq!(n, expected);
        expected += 1;
    }
    expected
}

/// Sends on four channels, whichever is ready; a case is off when its sequence is complete.
async fn send_selecting(txs: [Sender<u32>; 4]) -> u32 {
    let mut txs = txs.map(Some);
    let mut next = [0; 4];
    while txs.iter().any(Option::is_some) {
        let which = select! {
            txs[0] <- next[0] => 0,
            txs[1] <- next[1] => 1,
            Ok(()) = txs[2].as_ref().map(|tx| tx.send(next[2])) => 2,
            Ok(()) = txs[3].as_ref().map(|tx| tx.send(next[3])) => 3,
        };
        next[which] += 1;
        if next[which] == EACH {
            txs[which] = None;
        }
    }
    next.iter().sum()
}

/// Receives from four channels, whichever is ready; a case is off when its channel is closed.
async fn receive_selecting(rxs: [Receiver<u32>; 4]) -> u32 {
    let mut rxs = rxs.map(Some);
    let mut next = [0; 4];
    while rxs.iter().any(Option::is_some) {
        let (which, got) = select! {
            n = <-rxs[0] => (0, n),
            n = <-rxs[1] => (1, n),
            n = rxs[2].as_ref().map(|rx| rx.recv()) => (2, n),
            n = rxs[3].as_ref().map(|rx| rx.recv()) => (3, n),
        };
        match got {
            Some(n) => {
                assert_eq!(n, next[which], "channel {which} is in order");
                next[which] += 1;
            }
            None => rxs[which] = None,
        }
    }
    next.iter().sum()
}

/// How the goroutines at one side of the channels work.
#[derive(Clone, Copy)]
enum Manner {
    /// One goroutine for each channel.
    Plain,
    /// One for every four channels.
    Selecting,
}

fn by_four<T>(ends: Vec<T>) -> Vec<[T; 4]> {
    let mut fours = Vec::new();
    let mut ends = ends.into_iter();
    while let Some(first) = ends.next() {
        let mut take = || ends.next().expect("a multiple of four");
        fours.push([first, take(), take(), take()]);
    }
    fours
}

/// Sends and receives everything; how many of both there were.
async fn exchange(count: usize, capacity: usize, send: Manner, receive: Manner) -> (u32, u32) {
    let (txs, rxs): (Vec<_>, Vec<_>) = channels(count, capacity).into_iter().unzip();
    let senders: Vec<JoinHandle<u32>> = match send {
        Manner::Plain => txs.into_iter().map(|tx| go!(send_plainly(tx))).collect(),
        Manner::Selecting => by_four(txs)
            .into_iter()
            .map(|txs| go!(send_selecting(txs)))
            .collect(),
    };
    let receivers: Vec<JoinHandle<u32>> = match receive {
        Manner::Plain => rxs.into_iter().map(|rx| go!(receive_plainly(rx))).collect(),
        Manner::Selecting => by_four(rxs)
            .into_iter()
            .map(|rxs| go!(receive_selecting(rxs)))
            .collect(),
    };
    (total(senders).await, total(receivers).await)
}

async fn total(goroutines: Vec<JoinHandle<u32>>) -> u32 {
    let mut sum = 0;
    for goroutine in goroutines {
        sum += goroutine.await.unwrap();
    }
    sum
}

#[test]
fn six_patterns_of_plain_and_selecting_ends_lose_nothing_at_any_capacity() {
    use Manner::{Plain, Selecting};
    on_each(|| async {
        let (mut sent, mut received) = (0, 0);
        for capacity in [0, 1, 10, 100] {
            for (count, send, receive) in [
                (4, Plain, Plain),
                (4, Selecting, Plain),
                (4, Plain, Selecting),
                (4, Selecting, Selecting),
                (8, Selecting, Selecting),
                (12, Selecting, Selecting),
            ] {
                let (s, r) = exchange(count, capacity, send, receive).await;
                (sent, received) = (sent + s, received + r);
            }
        }
        assert_eq!((sent, received), (10_944, 10_944));
    });
}

/// One sends each number on one of four channels; they are merged; nobody may see a number
/// twice, which would be a select that did two of its cases.
#[test]
fn a_select_that_could_send_on_four_channels_sends_once() {
    on_each(|| async {
        const COUNT: usize = 10_000;
        let (txs, rxs): (Vec<_>, Vec<_>) = (0..4).map(|_| chan::<usize>(0)).unzip();
        go!(async move {
            for n in 0..COUNT {
                select! {
                    txs[0] <- n => {},
                    txs[1] <- n => {},
                    txs[2] <- n => {},
                    txs[3] <- n => {},
                }
            }
        });
        let (merged_tx, merged) = chan(0);
        for rx in rxs {
            go!([merged_tx], async move {
                while let Some(n) = rx.recv().await {
                    merged_tx.send(n).await.unwrap();
                }
            });
        }
        drop(merged_tx);
        let mut seen = vec![false; COUNT];
        while let Some(n) = merged.recv().await {
            assert!(!std::mem::replace(&mut seen[n], true), "{n} came twice");
        }
        assert!(seen.into_iter().all(|seen| seen));
    });
}

#[test]
fn a_thousand_numbers_among_ten_receivers_are_seen_once_each() {
    on_each(|| async {
        let (tx, rx) = chan::<usize>(2);
        let (marks_tx, marks) = chan(0);
        for _ in 0..10 {
            go!([rx, marks_tx], async move {
                loop {
                    select! { n = <-rx => match n {
                        Some(n) => marks_tx.send(n).await.unwrap(),
                        None => return,
                    } }
                }
            });
        }
        drop((rx, marks_tx));
        go!(async move {
            for n in 0..1000 {
                tx.send(n).await.unwrap();
            }
        });
        let mut seen = vec![0; 1000];
        while let Some(n) = marks.recv().await {
            seen[n] += 1;
        }
        assert!(seen.into_iter().all(|times| times == 1));
    });
}

#[test]
fn four_senders_and_four_receivers_pass_each_value_four_times_at_any_capacity() {
    on_each(|| async {
        for capacity in [0, 1, 2, 3, 10, 64, 199] {
            let (tx, rx) = chan::<usize>(capacity);
            for _ in 0..4 {
                go!([tx], async move {
                    for n in 0..1000 {
                        tx.send(n).await.unwrap();
                    }
                });
            }
            drop(tx);
            let mut receivers = Vec::new();
            for _ in 0..4 {
                receivers.push(go!([rx], async move {
                    let mut seen = vec![0; 1000];
                    while let Some(n) = rx.recv().await {
                        seen[n] += 1;
                    }
                    seen
                }));
            }
            let mut seen = vec![0; 1000];
            for receiver in receivers {
                let part = receiver.await.unwrap();
                seen.iter_mut().zip(part).for_each(|(all, n)| *all += n);
            }
            assert_eq!(seen, vec![4; 1000], "capacity {capacity}");
        }
    });
}

#[test]
fn a_channel_of_any_capacity_below_two_hundred_blocks_drains_and_closes_as_it_should() {
    on_each(|| async {
        for capacity in 0..200 {
            let (tx, rx) = chan::<usize>(capacity);
            // A receiver that waits is woken by the close, with nothing.
            let waiting = go!([rx], async move { rx.recv().await });
            gosched().await;
            assert!(select! { _ = <-rx => false, default => true });
            tx.close();
            assert_eq!(waiting.await.unwrap(), None);

            let (tx, rx) = chan::<usize>(capacity);
            for n in 0..capacity {
                tx.send(n).await.unwrap();
            }
            assert!(select! { tx <- 0 => false, default => true });
            let waiting = go!([tx], async move { tx.send(capacity).await });
            gosched().await;
            assert_eq!((tx.len(), rx.capacity()), (capacity, capacity));
            for n in 0..=capacity {
                assert_eq!(rx.recv().await, Some(n));
            }
            waiting.await.unwrap().unwrap();
            tx.close();
            assert_eq!((rx.recv().await, rx.try_recv().ok()), (None, None));
        }
    });
}

#[test]
fn twenty_three_workers_that_sometimes_yield_share_one_channel() {
    on_each(|| async {
        const COUNT: u64 = 20_000;
        let (tx, rx) = chan::<u64>(23);
        let (results_tx, results) = chan::<u64>(23);
        let wg = WaitGroup::new();
        for worker in 0..23 {
            wg.go({
                let (rx, out) = (rx.clone(), results_tx.clone());
                async move {
                    while let Some(n) = rx.recv().await {
                        if n % 5 == worker % 5 {
                            gosched().await;
                        }
                        out.send(n).await.unwrap();
                    }
                }
            });
        }
        go!(async move {
            for n in 1..=COUNT {
                tx.send(n).await.unwrap();
            }
        });
        go!(async move {
            wg.wait().await;
            results_tx.close();
        });
        let (mut count, mut sum) = (0, 0);
        while let Some(n) = results.recv().await {
            (count, sum) = (count + 1, sum + n);
        }
        assert_eq!((count, sum), (COUNT, COUNT * (COUNT + 1) / 2));
    });
}

#[test]
fn ten_pairs_on_one_channel_of_pointers_exchange_everything() {
    on_each(|| async {
        let (tx, rx) = chan::<Box<usize>>(1);
        let sum = Arc::new(AtomicU64::new(0));
        let wg = WaitGroup::new();
        for _ in 0..10 {
            let (tx, rx, sum) = (tx.clone(), rx.clone(), Arc::clone(&sum));
            wg.go(async move {
                for n in 0..1000 {
                    tx.send(Box::new(n)).await.unwrap();
                }
            });
            wg.go(async move {
                for _ in 0..1000 {
                    let n = *rx.recv().await.unwrap();
                    sum.fetch_add(n as u64, Ordering::Relaxed);
                }
            });
        }
        wg.wait().await;
        assert_eq!(sum.load(Ordering::Relaxed), 10 * 999 * 500);
    });
}

/// Each request is answered by a goroutine of its own.
#[test]
fn a_hundred_goroutines_with_a_goroutine_for_each_request_get_their_answers() {
    on_each(|| async {
        let (done_tx, done) = chan::<()>(0);
        let wg = WaitGroup::new();
        for who in 0..100_usize {
            let done = done.clone();
            wg.go(async move {
                for n in 0..50 {
                    let (request_tx, request) = chan::<usize>(0);
                    let (answer_tx, answer) = chan::<String>(0);
                    go!([done], async move {
                        let n = request.recv().await.unwrap();
                        let text = n.to_string();
                        match n % 2 {
                            0 => answer_tx.send(text).await.unwrap(),
                            _ => select! {
                                Ok(()) = answer_tx.send(text) => {},
                                _ = <-done => panic!("not yet"),
                            },
                        }
                    });
                    request_tx.send(who + n).await.unwrap();
                    assert_eq!(answer.recv().await, Some((who + n).to_string()));
                }
            });
        }
        wg.wait().await;
        drop(done_tx);
        assert_eq!(done.recv().await, None);
    });
}

#[test]
fn a_full_buffer_and_selects_that_name_a_channel_twice_pass_zero_sized_pointers() {
    on_each(|| async {
        let (tx, rx) = chan::<Arc<()>>(1);
        let sender = go!(async move {
            let unit = Arc::new(());
            for n in 0..1000 {
                let unit = &unit;
                match n % 2 {
                    0 => tx.send(Arc::clone(unit)).await.unwrap(),
                    _ => select! {
                        tx <- Arc::clone(unit) => {},
                        Ok(()) = tx.send(Arc::clone(unit)) => {},
                    },
                }
            }
            unit
        });
        for _ in 0..1000 {
            let unit = select! { v = <-rx => v, v = <-rx => v };
            assert!(unit.is_some());
        }
        assert_eq!(Arc::strong_count(&sender.await.unwrap()), 1);
    });
}

#[test]
fn channels_of_nothing_count_what_they_carry() {
    on_each(|| async {
        for capacity in [0, 1, 7] {
            let (units, from_units) = chan::<()>(capacity);
            let (arrays, from_arrays) = chan::<[u64; 0]>(capacity);
            go!(async move {
                for _ in 0..100 {
                    units.send(()).await.unwrap();
                    arrays.send([]).await.unwrap();
                }
            });
            let mut count = 0;
            while from_units.recv().await.is_some() && from_arrays.recv().await == Some([]) {
                count += 1;
            }
            assert_eq!(count, 100, "capacity {capacity}");
        }
    });
}
