//! The promises of `singleflight`.

mod support;

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use futures::executor::block_on;
use marmot_sync::Notify;
use marmot_sync::singleflight::Group;
use support::{Count, text_of, within_seconds};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

fn poll<T>(future: &mut Boxed<'_, T>) -> Poll<T> {
    let mut cx = Context::from_waker(Waker::noop());
    future.as_mut().poll(&mut cx)
}

fn poll_with<T>(future: &mut Boxed<'_, T>, count: &Arc<Count>) -> Poll<T> {
    let waker = Waker::from(Arc::clone(count));
    future.as_mut().poll(&mut Context::from_waker(&waker))
}

#[test]
fn one_call_gets_its_own_value_or_error() {
    let group: Group<&str, Result<i32, &str>> = Group::new();
    assert_eq!(block_on(group.run("key", async { Ok(1) })), (Ok(1), false));
    assert_eq!(
        block_on(group.run("key", async { Err("no") })),
        (Err("no"), false)
    );
}

#[test]
fn two_calls_at_once_share_what_the_first_one_makes() {
    let (group, go_on) = (Group::new(), Notify::new());
    let woken = Count::new();
    let mut first: Boxed<'_, _> = Box::pin(group.run("key", async {
        go_on.notified().await;
        "func 1"
    }));
    let mut second: Boxed<'_, _> =
        Box::pin(group.run("key", async { panic!("the first one is at it") }));
    assert!(poll(&mut first).is_pending());
    assert!(poll_with(&mut second, &woken).is_pending());
    go_on.notify_one();
    assert_eq!(poll(&mut first), Poll::Ready(("func 1", true)));
    assert_eq!(woken.calls(), 1);
    assert_eq!(poll(&mut second), Poll::Ready(("func 1", true)));
}

#[test]
fn other_keys_do_not_share() {
    let group = Group::new();
    let mut first: Boxed<'_, _> = Box::pin(group.run(1, pending()));
    assert!(poll(&mut first).is_pending());
    assert_eq!(block_on(group.run(2, async { 2 })), (2, false));
}

#[test]
fn nothing_is_remembered_after_the_call() {
    let group = Group::new();
    assert_eq!(block_on(group.run((), async { 1 })), (1, false));
    assert_eq!(block_on(group.run((), async { 2 })), (2, false));
}

#[test]
fn a_forgotten_call_goes_on_beside_a_new_one() {
    let (group, go_on) = (Group::new(), Notify::new());
    let mut first: Boxed<'_, _> = Box::pin(group.run((), async {
        go_on.notified().await;
        1
    }));
    assert!(poll(&mut first).is_pending());
    group.forget(&());
    let mut second: Boxed<'_, _> = Box::pin(group.run((), pending()));
    assert!(poll(&mut second).is_pending());
    go_on.notify_one();
    assert_eq!(poll(&mut first), Poll::Ready((1, false)));
    let mut third: Boxed<'_, _> = Box::pin(group.run((), async { 3 }));
    assert!(
        poll(&mut third).is_pending(),
        "the end of the first has not taken the second out"
    );
    drop(second);
    assert_eq!(poll(&mut third), Poll::Ready((3, false)));
}

#[test]
fn a_dropped_worker_leaves_the_work_to_the_next_in_the_call() {
    let group = Group::new();
    let woken = Count::new();
    let mut first: Boxed<'_, _> = Box::pin(group.run("key", pending()));
    let mut second: Boxed<'_, _> = Box::pin(group.run("key", async { 2 }));
    let mut third: Boxed<'_, _> = Box::pin(group.run("key", async { 3 }));
    assert!(poll(&mut first).is_pending());
    assert!(poll_with(&mut second, &woken).is_pending());
    assert!(poll(&mut third).is_pending());
    drop(first);
    assert_eq!(woken.calls(), 1);
    assert_eq!(poll(&mut second), Poll::Ready((2, true)));
    assert_eq!(poll(&mut third), Poll::Ready((2, true)));
}

#[test]
fn a_call_that_everybody_left_is_forgotten() {
    let group = Group::new();
    let mut only: Boxed<'_, _> = Box::pin(group.run("key", pending()));
    assert!(poll(&mut only).is_pending());
    drop(only);
    assert_eq!(format!("{group:?}"), "Group { in_progress: 0 }");
    assert_eq!(block_on(group.run("key", async { 1 })), (1, false));
}

#[test]
fn a_panic_reaches_all_and_the_next_call_starts_anew() {
    let (group, go_on) = (Group::new(), Notify::new());
    let mut first: Boxed<'_, (i32, bool)> = Box::pin(group.run("key", async {
        go_on.notified().await;
        panic!("invalid memory address")
    }));
    let mut second: Boxed<'_, _> = Box::pin(group.run("key", async { 2 }));
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    go_on.notify_one();
    assert_eq!(text_of(|| poll(&mut first)), "invalid memory address");
    assert_eq!(text_of(|| poll(&mut second)), "invalid memory address");
    assert_eq!(block_on(group.run("key", async { 3 })), (3, false));
}

#[test]
fn the_channel_form_gives_the_result_once_and_closes() {
    within_seconds(|| {
        let group = Group::new();
        let result = group.run_chan("key", async { "bar" });
        assert_eq!(result.recv_blocking(), Some(("bar", false)));
        assert_eq!(result.recv_blocking(), None);
    });
}

#[test]
fn a_call_and_the_channel_form_share() {
    within_seconds(|| {
        let (group, go_on) = (Group::new(), Arc::new(Notify::new()));
        let there = Arc::clone(&go_on);
        let mut first: Boxed<'_, _> = Box::pin(group.run("key", async move {
            there.notified().await;
            1
        }));
        assert!(poll(&mut first).is_pending());
        let result = group.run_chan("key", async { panic!("the first one is at it") });
        go_on.notify_one();
        assert_eq!(poll(&mut first), Poll::Ready((1, true)));
        assert_eq!(result.recv_blocking(), Some((1, true)));
    });
}

#[test]
fn a_panic_in_the_channel_form_closes_the_channel() {
    within_seconds(|| {
        let group: Group<&str, i32> = Group::new();
        let result = group.run_chan("key", async { panic!("in a goroutine of its own") });
        assert_eq!(result.recv_blocking(), None);
        assert_eq!(block_on(group.run("key", async { 3 })), (3, false));
    });
}

#[test]
fn among_ten_threads_the_work_for_a_key_is_never_done_by_two_at_once() {
    within_seconds(|| {
        let group = Group::new();
        let working = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..10)
            .map(|_| {
                let (group, working) = (group.clone(), Arc::clone(&working));
                std::thread::spawn(move || {
                    for _ in 0..200 {
                        let work = || {
                            assert_eq!(working.fetch_add(1, Ordering::SeqCst), 0);
                            std::thread::yield_now();
                            working.fetch_sub(1, Ordering::SeqCst);
                            "bar"
                        };
                        assert_eq!(group.run_blocking("key", work).0, "bar");
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().expect("it ends well");
        }
    });
}
