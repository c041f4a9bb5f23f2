//! How many allocations a context costs. Counted by an allocator of the test's own.
#![expect(
    unsafe_code,
    reason = "an allocator that counts on its way to the system's"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use marmot_context::Context;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's obligations are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's obligations are the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(mut f: impl FnMut()) -> usize {
    // The first time may grow what is reused.
    f();
    let before = COUNT.with(Cell::get);
    f();
    COUNT.with(Cell::get) - before
}

fn at_most(limit: usize, what: &str, f: impl FnMut()) {
    let counted = allocations(f);
    assert!(
        counted <= limit,
        "{what}: {counted} allocations, at most {limit}"
    );
}

/// Go's limits are 3 for a value, 5 for a cancel, 8 to 12 for a timeout.
#[test]
fn a_context_costs_fewer_allocations_than_gos() {
    let background = Context::background();
    let (parent, _cancel) = background.with_cancel();
    let (_sibling, _sibling_cancel) = parent.with_cancel();
    let long = Duration::from_secs(3600);
    at_most(0, "background", || drop(Context::background()));
    at_most(0, "clone", || drop(parent.clone()));
    at_most(0, "current", || drop(Context::current()));
    at_most(2, "value", || drop(parent.with_value(7_u64)));
    at_most(2, "cancel", || drop(background.with_cancel()));
    at_most(2, "cancel below", || drop(parent.with_cancel()));
    at_most(3, "timeout", || drop(background.with_timeout(long)));
    at_most(3, "timeout below", || drop(parent.with_timeout(long)));
    at_most(2, "timeout below a sooner one", {
        let (sooner, cancel) = parent.with_timeout(long / 2);
        let sibling = sooner.with_cancel();
        move || {
            let _held = (&cancel, &sibling);
            drop(sooner.with_timeout(long));
        }
    });
    at_most(0, "a wait, but for the first", || {
        let mut done = std::pin::pin!(parent.done());
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(done.as_mut().poll(&mut cx).is_pending());
    });
}
