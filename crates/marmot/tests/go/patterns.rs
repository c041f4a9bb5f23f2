//! Ways in which programs use goroutines and channels.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use marmot::prelude::*;

use crate::support::{on, on_each, panic_text};

#[test]
fn receivers_armed_one_after_the_other_are_served_in_that_order() {
    on_each(|| async {
        let (tx, rx) = chan::<usize>(0);
        let (order_tx, order) = chan::<(usize, usize)>(10);
        for who in 0..10 {
            let waiting = runtime::stack().matches("[chan receive]").count();
            go!([rx, order_tx], async move {
                let got = rx.recv().await.unwrap();
                order_tx.send((who, got)).await.unwrap();
            });
            while runtime::stack().matches("[chan receive]").count() == waiting {
                gosched().await;
            }
        }
        for n in 0..10 {
            tx.send(n).await.unwrap();
        }
        let mut pairs = Vec::new();
        for _ in 0..10 {
            pairs.extend(order.recv().await);
        }
        pairs.sort_unstable();
        assert!(pairs.into_iter().eq((0..10).map(|n| (n, n))));
    });
}

/// Ten thousand goroutines in a row, each of which copies from its right to its left.
#[test]
fn a_value_passes_through_a_chain_of_ten_thousand_goroutines() {
    on_each(|| async {
        let (mut left, leftmost) = chan::<i32>(0);
        for _ in 0..10_000 {
            let (right, from_right) = chan(0);
            let to = std::mem::replace(&mut left, right);
            go!(async move {
                let value = from_right.recv().await.unwrap();
                to.send(value + 1).await.unwrap();
            });
        }
        go!(async move { left.send(0).await.unwrap() });
        assert_eq!(leftmost.recv().await, Some(10_000));
    });
}

#[test]
fn a_token_goes_round_a_ring() {
    on_each(|| async {
        const SIZE: usize = 503;
        let (first, mut from) = chan::<usize>(0);
        let (winner_tx, winner) = chan(0);
        for place in 1..SIZE {
            let (to, next) = chan(0);
            let from = std::mem::replace(&mut from, next);
            go!([winner_tx], async move {
                while let Some(left) = from.recv().await {
                    match left {
                        0 => winner_tx.send(place).await.unwrap(),
                        _ => to.send(left - 1).await.unwrap_or(()),
                    }
                }
            });
        }
        go!([first], async move {
            while let Some(left) = from.recv().await {
                first.send(left - 1).await.unwrap();
            }
        });
        first.send(10_000).await.unwrap();
        assert_eq!(winner.recv().await, Some(10_000 % SIZE + 1));
    });
}

/// Lets the other side come to its wait, at most ten thousand times.
async fn again(tries: &mut u32) {
    *tries += 1;
    assert!(*tries < 10_000, "the other side comes");
    if tries.is_multiple_of(10) {
        sleep(Duration::from_micros(100)).await;
    }
    gosched().await;
}

async fn a_sender_that_never_waits_meets_a_receiver<T>(capacity: usize, value: T)
where
    T: Clone + Debug + PartialEq + Send + 'static,
{
    let (tx, rx) = chan::<T>(capacity);
    assert!(select! { _ = <-rx => false, default => true });
    let receiver = go!(async move { rx.recv().await });
    let mut tries = 0;
    while select! { tx <- value.clone() => false, default => true } {
        again(&mut tries).await;
    }
    assert_eq!(receiver.await.unwrap(), Some(value));
}

async fn a_receiver_that_never_waits_meets_a_sender<T>(capacity: usize, value: T)
where
    T: Clone + Debug + PartialEq + Send + 'static,
{
    let (tx, rx) = chan::<T>(capacity);
    let sender = go!([value], async move { tx.send(value).await });
    let mut tries = 0;
    let got = loop {
        select! { got = <-rx => break got, default => {} }
        again(&mut tries).await;
    };
    sender.await.unwrap().unwrap();
    assert_eq!(got, Some(value));
}

async fn nonblocking_ends_meet<T>(capacity: usize, value: T)
where
    T: Clone + Debug + PartialEq + Send + 'static,
{
    a_sender_that_never_waits_meets_a_receiver(capacity, value.clone()).await;
    a_receiver_that_never_waits_meets_a_sender(capacity, value).await;
}

#[test]
fn nonblocking_operations_meet_those_that_wait_with_values_of_any_type() {
    on_each(|| async {
        for capacity in [0, 1] {
            nonblocking_ends_meet(capacity, -123_i32).await;
            nonblocking_ends_meet(capacity, i64::MIN + 7).await;
            nonblocking_ends_meet(capacity, true).await;
            nonblocking_ends_meet(capacity, String::from("hello")).await;
        }
    });
}

#[test]
fn a_loop_over_a_channel_builds_the_alphabet_until_the_close() {
    on_each(|| async {
        fn alphabet() -> Receiver<char> {
            let (tx, rx) = chan(0);
            go!(async move {
                for letter in 'a'..='z' {
                    tx.send(letter).await.unwrap();
                }
            });
            rx
        }
        let (rx, mut text) = (alphabet(), String::new());
        while let Some(letter) = rx.recv().await {
            text.push(letter);
        }
        assert_eq!(text, "abcdefghijklmnopqrstuvwxyz");
        let (rx, mut count) = (alphabet(), 0);
        while rx.recv().await.is_some() {
            count += 1;
        }
        assert_eq!(count, 26);
    });
}

#[test]
fn comma_ok_says_whether_a_value_was_sent_in_every_form() {
    on_each(|| async {
        for closed in [false, true] {
            let (tx, rx) = chan::<i32>(1);
            let mut got = Vec::new();
            for form in 0..4 {
                if closed {
                    tx.close();
                } else {
                    tx.send(4).await.unwrap();
                }
                got.push(match form {
                    0 => rx.recv().await,
                    1 => rx.try_recv().ok(),
                    2 => select! { v = <-rx => v },
                    _ => select! { v = rx.recv() => v, default => unreachable!() },
                });
            }
            assert_eq!(got, vec![(!closed).then_some(4); 4]);
        }
    });
}

/// `ok` of a case that is not chosen stays what it was.
#[test]
fn what_a_case_would_assign_is_untouched_unless_it_is_chosen() {
    on_each(|| async {
        let (tx, rx) = chan::<i32>(1);
        let (_idle, never) = chan::<i32>(0);
        let (mut ok, mut other) = (false, true);
        for n in 0..12 {
            select! { v = <-rx => ok = v.is_some(), default => {} }
            assert!(!ok);
            tx.send(n).await.unwrap();
            select! { v = <-rx => ok = v == Some(n), v = <-never => other = v.is_some() }
            assert!(std::mem::take(&mut ok) && other);
        }
    });
}

#[test]
fn channels_travel_through_channels() {
    on_each(|| async {
        let (outer_tx, outer) = chan::<Receiver<Sender<bool>>>(0);
        let (middle_tx, middle) = chan(1);
        let (inner_tx, inner) = chan(1);
        middle_tx.send(inner_tx).await.unwrap();
        go!(async move { outer_tx.send(middle).await.unwrap() });
        let (a, b) = (1, 2);
        select! {
            outer.recv().await.unwrap().recv().await.unwrap() <- a < b && b == 2 => {}
        }
        assert_eq!(inner.recv().await, Some(true));
    });
}

#[test]
fn values_behind_a_trait_arrive_with_their_type_by_every_way_to_receive() {
    on_each(|| async {
        type Any = Box<dyn std::any::Any + Send>;
        let (tx, rx) = chan::<Any>(0);
        go!(async move {
            for n in 0..4_u32 {
                let value: Any = if n % 2 == 0 {
                    Box::new(n)
                } else {
                    Box::new(n.to_string())
                };
                tx.send(value).await.unwrap();
            }
        });
        assert!(rx.recv().await.is_some_and(|v| v.is::<u32>()));
        assert!(select! { v = <-rx => v.is_some_and(|v| v.is::<String>()) });
        let mut rest = Vec::new();
        while let Some(value) = rx.recv().await {
            rest.push(
                value
                    .downcast::<u32>()
                    .map_or_else(|v| format!("{v:?}").len(), |n| *n as usize),
            );
        }
        assert_eq!(rest.len(), 2);
        assert_eq!(rest[0], 2);
    });
}

#[test]
fn a_goroutine_has_what_was_there_when_it_was_started() {
    on_each(|| async {
        #[derive(Clone)]
        struct Counter(u32);
        impl Counter {
            async fn tell(self, to: Sender<u32>) {
                to.send(self.0).await.unwrap();
            }
        }
        let (tx, rx) = chan(0);
        let mut counter = Counter(1);
        go!(counter.clone().tell(tx.clone()));
        counter.0 = 2;
        assert_eq!(rx.recv().await, Some(1));
        go!(counter.clone().tell(tx.clone()));
        assert_eq!(rx.recv().await, Some(counter.0));
    });
}

#[test]
fn the_number_of_goroutines_returns_to_what_it_was() {
    on_each(|| async {
        let before = runtime::num_goroutine();
        let (tx, rx) = chan::<()>(0);
        for _ in 0..100 {
            go!([rx], async move { rx.recv().await });
        }
        assert_eq!(runtime::num_goroutine(), before + 100);
        tx.close();
        while runtime::num_goroutine() != before {
            gosched().await;
        }
    });
}

#[test]
fn ten_thousand_goroutines_sleep_at_the_same_time() {
    on(2, || async {
        struct AtTheEnd(Arc<AtomicUsize>);
        impl Drop for AtTheEnd {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let ended = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let wg = WaitGroup::new();
        for _ in 0..10_000 {
            let at_the_end = AtTheEnd(Arc::clone(&ended));
            wg.go(async move {
                sleep(ms(100)).await;
                drop(at_the_end);
            });
        }
        wg.wait().await;
        assert_eq!(ended.load(Ordering::Relaxed), 10_000);
        assert!(began.elapsed() >= ms(100));
    });
}

#[test]
fn goexit_ends_its_goroutine_a_hundred_times_under_load_and_nobody_else() {
    on_each(|| async {
        let (stop, stopped) = chan::<()>(0);
        let load: Vec<_> = (0..4)
            .map(|_| {
                go!([stopped], async move {
                    while !stopped.is_closed() {
                        gosched().await;
                    }
                })
            })
            .collect();
        for _ in 0..100 {
            let (_kept, dropped) = chan::<()>(0);
            let ended = go!(async move {
                let _held = _kept;
                runtime::goexit().await;
            });
            assert_eq!(dropped.recv().await, None, "its destructors ran");
            assert!(ended.await.unwrap_err().is_goexit());
        }
        stop.close();
        for goroutine in load {
            goroutine.await.unwrap();
        }
    });
}

#[test]
fn a_counter_that_one_goroutine_spins_on_is_seen_to_move_by_another() {
    on(2, || async {
        let count = Arc::new(AtomicUsize::new(0));
        let (end, ended) = chan::<()>(0);
        let spinner = go!([count, ended], move || {
            while !ended.is_closed() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut last = 0;
        for _ in 0..10 {
            while count.load(Ordering::Relaxed) == last {
                gosched().await;
            }
            last = count.load(Ordering::Relaxed);
        }
        end.close();
        spinner.await.unwrap();
    });
}

#[test]
fn a_loop_with_a_stop_channel_and_a_fresh_timer_each_round_ends_on_stop() {
    on_each(|| async {
        let (stop, stopped) = chan::<()>(0);
        let (round_tx, round) = chan::<u32>(0);
        let looping = go!(async move {
            let mut rounds = 0;
            loop {
                select! {
                    _ = <-stopped => return rounds,
                    _ = after(ms(1)) => rounds += 1,
                }
                select! { round_tx <- rounds => {}, default => {} }
            }
        });
        assert!(round.recv().await.is_some_and(|n| n >= 1));
        stop.close();
        assert!(looping.await.unwrap() >= 1);
    });
}

#[test]
fn sleepers_of_different_patience_feed_one_loop() {
    on_each(|| async {
        let (tx, rx) = chan::<&str>(0);
        let (end, ended) = chan::<()>(0);
        for (name, pause) in [("five", 5), ("eight", 8)] {
            go!([tx, ended], async move {
                while !ended.is_closed() {
                    sleep(ms(pause)).await;
                    if tx.send(name).await.is_err() {
                        return;
                    }
                }
            });
        }
        let (mut fives, mut eights) = (0, 0);
        while fives < 5 || eights < 5 {
            match rx.recv().await {
                Some("five") => fives += 1,
                Some(_) => eights += 1,
                None => unreachable!(),
            }
        }
        end.close();
    });
}

#[test]
fn directions_of_one_channel_are_the_same_channel() {
    on_each(|| async {
        let ch = Chan::<i32>::new(1);
        let other = Chan::<i32>::new(1);
        assert!(ch.same_channel(&ch.receiver()) && ch.sender().same_channel(&ch));
        assert!(ch.receiver().same_channel(&ch.sender()));
        assert!(!ch.same_channel(&other.receiver()));
    });
}

// Generic helpers over channels.

async fn read_all<T>(ctx: &Context, rx: &Receiver<T>) -> Vec<T> {
    let mut all = Vec::new();
    loop {
        select! {
            v = <-rx => match v {
                Some(v) => all.push(v),
                None => return all,
            },
            _ = ctx.done() => return all,
        }
    }
}

fn merge<T: Send + 'static>(a: Receiver<T>, b: Receiver<T>) -> Receiver<T> {
    let (tx, merged) = chan(0);
    go!(async move {
        let (mut a, mut b) = (Some(a), Some(b));
        while a.is_some() || b.is_some() {
            let value = select! {
                v = <-a => { if v.is_none() { a = None } v },
                v = <-b => { if v.is_none() { b = None } v },
            };
            if let Some(value) = value
                && tx.send(value).await.is_err()
            {
                return;
            }
        }
    });
    merged
}

fn filter<T: Send + 'static>(rx: Receiver<T>, keep: fn(&T) -> bool) -> Receiver<T> {
    let (tx, kept) = chan(0);
    go!(async move {
        while let Some(value) = rx.recv().await {
            if keep(&value) && tx.send(value).await.is_err() {
                return;
            }
        }
    });
    kept
}

fn source<T: Send + 'static>(values: Vec<T>) -> Receiver<T> {
    let (tx, rx) = chan(0);
    go!(async move {
        for value in values {
            if tx.send(value).await.is_err() {
                return;
            }
        }
    });
    rx
}

fn sorted<T: Ord + Hash>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values
}

#[test]
fn generic_helpers_read_merge_filter_and_sink_channels_of_any_type() {
    on_each(|| async {
        let ctx = Context::background();
        assert_eq!(read_all(&ctx, &source(vec![1, 2, 3])).await, [1, 2, 3]);
        let merged = merge(source(vec!["a", "c"]), source(vec!["b", "d", "e"]));
        assert_eq!(
            sorted(read_all(&ctx, &merged).await),
            ["a", "b", "c", "d", "e"]
        );
        let even = filter(source((0..10).collect()), |n: &i32| n % 2 == 0);
        assert_eq!(read_all(&ctx, &even).await, [0, 2, 4, 6, 8]);
        // A sink takes everything; a reader whose context has ended leaves the rest.
        let sink = source(vec![(); 100]);
        while sink.recv().await.is_some() {}
        let (ctx, cancel) = ctx.with_cancel();
        cancel.cancel();
        let idle = Receiver::<u8>::never();
        assert!(read_all(&ctx, &idle).await.is_empty());
    });
}

/// A value that only one goroutine may have at a time: it lives in a channel of one.
struct Exclusive<T>(Chan<T>);

impl<T> Exclusive<T> {
    fn new(value: T) -> Exclusive<T> {
        let ch = Chan::new(1);
        assert!(ch.try_send(value).is_ok());
        Exclusive(ch)
    }

    async fn acquire(&self) -> T {
        self.0.recv().await.expect("it is never closed")
    }

    fn try_acquire(&self) -> Option<T> {
        self.0.try_recv().ok()
    }

    fn release(&self, value: T) {
        assert!(self.0.try_send(value).is_ok(), "released but not acquired");
    }
}

#[test]
fn a_value_in_a_channel_of_one_belongs_to_one_goroutine_at_a_time() {
    on_each(|| async {
        let number = Arc::new(Exclusive::new(0));
        let wg = WaitGroup::new();
        for _ in 0..10 {
            let number = Arc::clone(&number);
            wg.go(async move {
                for _ in 0..100 {
                    let n = number.acquire().await;
                    gosched().await;
                    number.release(n + 1);
                }
            });
        }
        wg.wait().await;
        assert_eq!(number.try_acquire(), Some(1000));
        assert_eq!(number.try_acquire(), None);
        number.release(7);
        let twice = go!([number], async move { number.release(8) });
        assert!(panic_text(twice.await).contains("released but not acquired"));
    });
}

#[test]
fn a_send_fails_once_the_receiver_has_gone_and_a_receive_once_the_sender_has() {
    on_each(|| async {
        let (tx, rx) = chan::<String>(0);
        let sending = go!(async move {
            let mut sent = 0;
            while tx.send(format!("message {sent}")).await.is_ok() {
                sent += 1;
            }
            sent
        });
        for n in 0..5 {
            assert_eq!(rx.recv().await, Some(format!("message {n}")));
        }
        drop(rx);
        assert_eq!(sending.await.unwrap(), 5);
        let (tx, rx) = chan::<String>(3);
        tx.send("last".to_owned()).await.unwrap();
        drop(tx);
        assert_eq!(rx.recv().await.as_deref(), Some("last"));
        assert_eq!(rx.recv().await, None);
    });
}
