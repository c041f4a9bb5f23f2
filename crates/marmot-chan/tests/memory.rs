//! Nothing grows: waiters of lost selects are gone, and a select that waits allocates nothing
//! once it is warm.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use marmot_chan::{chan, select};
use marmot_wait::park::block_on;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[expect(unsafe_code, reason = "counts what the system's allocator gives out")]
mod counting {
    use super::{CALLS, Counting, GlobalAlloc, LIVE, Layout, System};

    // SAFETY: everything is passed on to the system's allocator as it is.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let _ = LIVE.try_with(|live| live.set(live.get() + layout.size() as isize));
            let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
            // SAFETY: our caller keeps the rules.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
            let _ = LIVE.try_with(|live| live.set(live.get() - layout.size() as isize));
            // SAFETY: our caller keeps the rules.
            unsafe { System.dealloc(pointer, layout) }
        }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn live() -> isize {
    LIVE.get()
}

#[test]
fn a_hundred_thousand_lost_selects_leave_nothing() {
    let (tx, rx) = chan::<u32>(1);
    let (_never_tx, never) = chan::<u32>(0);
    let round = || {
        block_on(async {
            for n in 0..100_000 {
                tx.send(n).await.unwrap();
                select! { v = rx.recv() => assert_eq!(v, Some(n)), _ = never.recv() => {} }
            }
        });
    };
    round();
    let before = live();
    round();
    assert_eq!(live(), before);
}

#[test]
fn selects_that_wait_and_lose_allocate_nothing_once_warm() {
    let (tx, rx) = chan::<u32>(0);
    let (_never_tx, never) = chan::<u32>(0);
    let mut cx = Context::from_waker(Waker::noop());
    let mut round = || {
        for n in 0..20_000 {
            let mut waiting = pin!(async {
                select! { v = rx.recv() => v, v = never.recv() => v, v = rx.recv() => v }
            });
            assert!(waiting.as_mut().poll(&mut cx).is_pending());
            tx.try_send(n).unwrap();
            assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Ready(Some(n)));
        }
    };
    round();
    let (calls, before) = (CALLS.get(), live());
    round();
    assert_eq!((CALLS.get(), live()), (calls, before));
}

#[test]
fn sends_and_receives_that_wait_allocate_nothing_once_warm() {
    let (tx, rx) = chan::<u32>(0);
    let mut cx = Context::from_waker(Waker::noop());
    let mut round = || {
        for n in 0..1000 {
            let mut recv = pin!(rx.recv());
            assert!(recv.as_mut().poll(&mut cx).is_pending());
            let mut send = pin!(tx.send(n));
            assert!(send.as_mut().poll(&mut cx).is_ready());
            assert_eq!(recv.as_mut().poll(&mut cx), Poll::Ready(Some(n)));
            let mut send = pin!(tx.send(n));
            assert!(send.as_mut().poll(&mut cx).is_pending());
            assert_eq!(rx.try_recv(), Ok(n));
            assert!(send.as_mut().poll(&mut cx).is_ready());
        }
    };
    round();
    let (calls, before) = (CALLS.get(), live());
    round();
    assert_eq!((CALLS.get(), live()), (calls, before));
}

#[test]
fn dropped_selects_leave_no_waiters_behind() {
    let (_tx, rx) = chan::<u32>(0);
    let mut cx = Context::from_waker(Waker::noop());
    let mut round = || {
        for _ in 0..1000 {
            let mut waiting = pin!(async {
                select! { _ = rx.recv() => {}, _ = rx.recv() => {} }
            });
            assert!(waiting.as_mut().poll(&mut cx).is_pending());
        }
    };
    round();
    let before = live();
    round();
    assert_eq!(live(), before);
}

/// What a parked receive on a channel of its own costs beside the goroutine: the budget for
/// all together is 450 bytes.
#[test]
fn a_channel_with_a_parked_receive_is_small() {
    let mut cx = Context::from_waker(Waker::noop());
    let before = live();
    let (_tx, rx) = chan::<u64>(0);
    let mut recv = pin!(rx.recv());
    assert!(recv.as_mut().poll(&mut cx).is_pending());
    let used = live() - before;
    assert!(used <= 304, "a channel and its waiter use {used} bytes");
}
