//! Selects that lose leave no memory behind, counted over the whole process: so each test runs
//! in a process of its own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

use marmot::prelude::*;

use crate::support::{in_a_child, on};

struct Counting;

// ORDERING: Relaxed; a sum, read when everybody who added to it has been waited for, and with
// slack for those who have not.
static LIVE: AtomicIsize = AtomicIsize::new(0);
/// How often something was allocated.
static CALLS: AtomicIsize = AtomicIsize::new(0);

#[expect(unsafe_code, reason = "counts what the system's allocator gives out")]
mod counting {
    use super::{CALLS, Counting, GlobalAlloc, LIVE, Layout, Ordering, System};

    // SAFETY: everything is passed on to the system's allocator as it is.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
            CALLS.fetch_add(1, Ordering::Relaxed);
            // SAFETY: our caller keeps the rules.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
            LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
            // SAFETY: our caller keeps the rules.
            unsafe { System.dealloc(pointer, layout) }
        }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Go allows 110 KB.
const SLACK: isize = 110 << 10;

/// Sends, and receives in selects that have another case too, one of which loses each time.
async fn round(selects: usize) {
    let (tx, rx) = chan::<usize>(0);
    let (_silent, idle) = chan::<usize>(0);
    let sender = go!(async move {
        for n in 0..selects {
            tx.send(n).await.unwrap();
        }
    });
    for n in 0..selects {
        select! {
            got = <-rx => assert_eq!(got, Some(n)),
            _ = <-idle => panic!("nobody sends there"),
        }
    }
    sender.await.unwrap();
}

async fn does_not_grow(selects: usize) {
    round(100_000).await;
    let before = LIVE.load(Ordering::Relaxed);
    round(selects).await;
    let grown = LIVE.load(Ordering::Relaxed) - before;
    assert!(grown < SLACK, "{selects} selects left {grown} bytes");
}

/// Runs the rest of the test in a child, and is true there.
fn is_child(test: &str) -> bool {
    match in_a_child(&format!("memory::{test}")) {
        None => true,
        Some(ended) => {
            let text = String::from_utf8_lossy(&ended.stdout);
            assert!(
                ended.status.success() && text.contains("1 passed"),
                "{text}"
            );
            false
        }
    }
}

#[test]
fn a_hundred_thousand_selects_leave_no_memory_behind() {
    if is_child("a_hundred_thousand_selects_leave_no_memory_behind") {
        on(2, || does_not_grow(100_000));
    }
}

#[test]
#[ignore = "long; a hundred thousand show the same"]
fn ten_million_losing_selects_leave_no_memory_behind() {
    if is_child("ten_million_losing_selects_leave_no_memory_behind") {
        on(2, || does_not_grow(10_000_000));
    }
}

/// Rounds of selects that name one channel three times, with waiters on a condition between.
#[test]
fn selects_that_name_a_channel_three_times_leave_no_waiters() {
    async fn rounds(count: usize) {
        for _ in 0..count {
            let (tx, rx) = chan::<()>(0);
            let (lock, cond) = (
                std::sync::Arc::new(Mutex::new(0)),
                std::sync::Arc::new(marmot::sync::Cond::new()),
            );
            let mut waiting = Vec::new();
            for _ in 0..10 {
                waiting.push(go!([rx], async move {
                    select! { _ = <-rx => {}, _ = <-rx => {}, _ = <-rx => {} }
                }));
                waiting.push(go!([lock, cond], async move {
                    let mut guard = lock.lock().await;
                    *guard += 1;
                    while *guard < 100 {
                        guard = cond.wait(guard).await;
                    }
                }));
            }
            while *lock.lock().await < 10 {
                gosched().await;
            }
            tx.close();
            *lock.lock().await = 100;
            cond.broadcast();
            for handle in waiting {
                handle.await.unwrap();
            }
        }
    }
    if is_child("selects_that_name_a_channel_three_times_leave_no_waiters") {
        on(2, || async {
            rounds(100).await;
            let before = LIVE.load(Ordering::Relaxed);
            rounds(1000).await;
            let grown = LIVE.load(Ordering::Relaxed) - before;
            // A waiter that stayed in each round would leave a hundred times as much.
            assert!(grown < 16 << 10, "a thousand rounds left {grown} bytes");
        });
    }
}

/// In turn on one P, so that nobody else allocates meanwhile.
#[test]
fn what_was_done_once_is_asked_for_again_without_allocating() {
    if is_child("what_was_done_once_is_asked_for_again_without_allocating") {
        on(1, || async {
            let (once, value) = (
                Once::new(),
                marmot::sync::OnceValue::new(|| async { vec![1] }),
            );
            once.call_once(async || {}).await;
            assert_eq!(value.get().await.len(), 1);
            let before = CALLS.load(Ordering::Relaxed);
            for _ in 0..10 {
                once.call_once(async || unreachable!("it is done")).await;
                assert_eq!(value.get().await.len(), 1);
            }
            let calls = CALLS.load(Ordering::Relaxed) - before;
            // The threads that wait for this test may wake up once and note the time.
            assert!(calls < 10, "{calls} allocations for 20 calls");
        });
    }
}
