//! The promises of `Once`, `OnceCell` and `OnceValue`.

mod support;

use std::cell::Cell;
use std::future::pending;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use futures::executor::block_on;
use marmot_sync::{Notify, Once, OnceCell, OnceValue};
use support::{Count, text_of, within_seconds};

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn poll_with<F: Future + ?Sized>(future: Pin<&mut F>, count: &Arc<Count>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(count))))
}

#[test]
fn ten_calls_do_the_work_once() {
    let once = Once::new();
    let times = Cell::new(0);
    block_on(async {
        for _ in 0..10 {
            once.call_once(async || times.set(times.get() + 1)).await;
        }
    });
    assert_eq!(times.get(), 1);
    assert!(once.is_completed());
}

#[test]
fn ten_threads_see_the_work_done_when_their_call_returns() {
    within_seconds(|| {
        let shared = Arc::new((Once::new(), AtomicUsize::new(0)));
        let workers: Vec<_> = (0..10)
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    shared.0.call_once_blocking(|| {
                        std::thread::yield_now();
                        shared.1.fetch_add(1, Ordering::Relaxed);
                    });
                    assert_eq!(shared.1.load(Ordering::Relaxed), 1);
                })
            })
            .collect();
        for worker in workers {
            worker.join().expect("it ends well");
        }
    });
}

#[test]
fn the_others_wait_for_the_one_that_runs() {
    let (once, go_on) = (Once::new(), Notify::new());
    let woken = Count::new();
    let mut first = pin!(once.call_once(async || go_on.notified().await));
    let mut second = pin!(once.call_once(async || panic!("it was done already")));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll_with(second.as_mut(), &woken).is_pending());
    go_on.notify_one();
    assert!(poll(first.as_mut()).is_ready());
    assert_eq!(woken.calls(), 1);
    assert!(poll(second.as_mut()).is_ready());
}

#[test]
fn a_panic_counts_as_done_and_reaches_the_one_that_ran() {
    let once = Once::new();
    let text = text_of(|| block_on(once.call_once(async || panic!("failed"))));
    assert_eq!(text, "failed");
    block_on(once.call_once(async || panic!("it must not run again")));
}

#[test]
fn a_dropped_run_is_not_done_and_the_next_in_line_runs_its_own() {
    let once = Once::new();
    let woken = Count::new();
    let mut first = Box::pin(once.call_once(async || pending().await));
    let mut second = Box::pin(once.call_once(async || ()));
    let mut third = Box::pin(once.call_once(async || panic!("the second did it")));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll_with(second.as_mut(), &woken).is_pending());
    assert!(poll(third.as_mut()).is_pending());
    drop(first);
    assert_eq!(woken.calls(), 1);
    assert!(poll(third.as_mut()).is_pending(), "it is the second's turn");
    assert!(poll(second.as_mut()).is_ready());
    assert!(poll(third.as_mut()).is_ready());
}

#[test]
fn a_dropped_waiter_that_was_given_the_turn_passes_it_on() {
    let once = Once::new();
    let woken = Count::new();
    let mut first = Box::pin(once.call_once(async || pending().await));
    let mut second = Box::pin(once.call_once(async || ()));
    let mut third = Box::pin(once.call_once(async || ()));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    assert!(poll_with(third.as_mut(), &woken).is_pending());
    drop(first);
    drop(second);
    assert_eq!(woken.calls(), 1);
    assert!(poll(third.as_mut()).is_ready());
}

#[test]
fn a_run_dropped_with_nobody_in_line_leaves_the_work_to_the_next_to_come() {
    let once = Once::new();
    let mut first = Box::pin(once.call_once(async || pending().await));
    assert!(poll(first.as_mut()).is_pending());
    drop(first);
    assert!(!once.is_completed());
    block_on(once.call_once(async || ()));
    assert!(once.is_completed());
}

#[test]
fn a_cell_is_filled_by_the_first_and_read_by_all() {
    let cell = OnceCell::new();
    assert_eq!(cell.get(), None);
    block_on(async {
        assert_eq!(*cell.get_or_init(async || 1).await, 1);
        assert_eq!(*cell.get_or_init(async || 2).await, 1);
    });
    assert_eq!(cell.set(3), Err(3));
    assert_eq!(cell.into_inner(), Some(1));
}

#[test]
fn a_cell_whose_making_fails_or_panics_stays_empty() {
    let cell = OnceCell::new();
    let failed = block_on(cell.get_or_try_init(async || Err("no")));
    assert_eq!(failed, Err("no"));
    assert_eq!(
        text_of(|| block_on(cell.get_or_init(async || panic!("no")))),
        "no"
    );
    assert_eq!(cell.get(), None);
    assert_eq!(
        block_on(cell.get_or_try_init(async || Ok::<_, ()>(7))),
        Ok(&7)
    );
}

#[test]
fn a_cell_in_the_making_can_not_be_set() {
    let cell = OnceCell::new();
    let mut making = Box::pin(cell.get_or_init(async || pending().await));
    assert!(poll(making.as_mut()).is_pending());
    assert_eq!(cell.set(1), Err(1));
    drop(making);
    assert_eq!(cell.set(2), Ok(()));
    assert_eq!(cell.get(), Some(&2));
}

#[test]
fn a_cell_drops_its_value_once() {
    let value = Arc::new(());
    let mut cell = OnceCell::from(Arc::clone(&value));
    assert_eq!(Arc::strong_count(&value), 2);
    assert!(cell.take().is_some());
    assert_eq!(Arc::strong_count(&value), 1);
    assert_eq!(cell.set(Arc::clone(&value)), Ok(()));
    drop(cell);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_value_is_made_when_first_asked_for_and_its_maker_is_dropped_then() {
    let times = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&times);
    let value = OnceValue::new(async move || {
        counted.fetch_add(1, Ordering::Relaxed);
        (0..1000).sum::<u32>()
    });
    assert_eq!(times.load(Ordering::Relaxed), 0);
    assert_eq!(Arc::strong_count(&times), 2);
    block_on(async {
        assert_eq!(*value.get().await, 499_500);
        assert_eq!(*value.get().await, 499_500);
    });
    assert_eq!(times.load(Ordering::Relaxed), 1);
    assert_eq!(Arc::strong_count(&times), 1);
}

#[test]
fn a_value_whose_making_panics_repeats_the_panic_for_everybody() {
    let value: OnceValue<u32> = OnceValue::new(async || panic!("number {}", 7));
    for _ in 0..3 {
        assert_eq!(text_of(|| value.get_blocking()), "number 7");
    }
    let value: OnceValue<u32> = OnceValue::new(async || panic!("plain"));
    for _ in 0..3 {
        assert_eq!(text_of(|| value.get_blocking()), "plain");
    }
}

#[test]
fn the_first_to_ask_gets_the_panic_itself() {
    let value: OnceValue<u32> = OnceValue::new(async || std::panic::panic_any(42_u8));
    let first = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| value.get_blocking()));
    let payload = first.expect_err("it panics");
    assert_eq!(payload.downcast_ref::<u8>(), Some(&42));
    assert!(text_of(|| value.get_blocking()).contains("not a text"));
}

#[test]
fn a_dropped_get_leaves_the_making_where_it_is() {
    let go_on = Arc::new(Notify::new());
    let starts = Arc::new(AtomicUsize::new(0));
    let (there, counted) = (Arc::clone(&go_on), Arc::clone(&starts));
    let value = OnceValue::new(async move || {
        counted.fetch_add(1, Ordering::Relaxed);
        there.notified().await;
        9
    });
    let mut first = Box::pin(value.get());
    assert!(poll(first.as_mut()).is_pending());
    drop(first);
    go_on.notify_one();
    assert_eq!(*value.get_blocking(), 9);
    assert_eq!(starts.load(Ordering::Relaxed), 1, "it was not begun again");
}
