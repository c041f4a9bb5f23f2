//! The boxed future behind a task's state: polled, cancelled, finished and freed here.
//!
//! ```text
//!   ┌────────┬──────────────────────────────┬──────────────┐
//!   │ Header │ future, or output, or panic  │ joiner waker │      one allocation
//!   └────────┴──────────────────────────────┴──────────────┘
//! ```
//!
//! Who may touch the stage: whoever holds `RUN` (its poller), until `finish`; after that the
//! owner of the output (the join handle if `JOIN` was set, else the poller). Who may touch
//! the joiner's waker: the join handle while `JWAKER` is clear; whoever finishes the task if
//! `JWAKER` was set then; whoever frees the cell drops what is left.

#![expect(
    unsafe_code,
    reason = "polls the future under the right that State gives out"
)]

use std::cell::UnsafeCell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::atomic::{Ordering, fence};
use std::task::{Context, Poll, Waker};

use super::header::{Header, TaskRef, temper};
use super::join::{JoinError, Output};
use super::panic::contained;
use super::slab::{self, MAX_ALIGN, MAX_BYTES};
use super::waker;
use crate::current;
use crate::shared::Shared;

/// How to act on what lies behind a header.
pub(crate) struct Vtable {
    /// Polls the future. By whoever holds RUN.
    pub(crate) poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> Poll<()>,
    /// Drops the future, leaving this error as the output. By whoever holds RUN.
    pub(crate) cancel: unsafe fn(NonNull<Header>),
    /// Drops the output; a panic in it is given to the policy. By the output's owner.
    pub(crate) drop_output: unsafe fn(NonNull<Header>),
    /// Moves the output to the place given. By the output's owner, once.
    pub(crate) take_output: unsafe fn(NonNull<Header>, *mut ()),
    /// Where the joiner's waker is.
    pub(crate) joiner: unsafe fn(NonNull<Header>) -> *mut Option<Waker>,
}

/// How a cell keeps an output until it is taken.
trait Keep<T> {
    type Kept: Send;
    fn keep(output: T) -> Self::Kept;
    fn give(kept: Self::Kept) -> T;
}

/// In the cell.
struct Inline;

impl<T: Send> Keep<T> for Inline {
    type Kept = T;
    fn keep(output: T) -> T {
        output
    }
    fn give(kept: T) -> T {
        kept
    }
}

/// In a box: it is too large for a cell.
struct Boxed;

impl<T: Send> Keep<T> for Boxed {
    type Kept = Box<T>;
    fn keep(output: T) -> Box<T> {
        Box::new(output)
    }
    fn give(kept: Box<T>) -> T {
        *kept
    }
}

/// What a cell holds behind its header.
enum Stage<F, T> {
    Future(F),
    Output(Output<T>),
    Empty,
}

type StageOf<F, K> = Stage<F, <K as Keep<<F as Future>::Output>>::Kept>;

#[repr(C)]
struct Cell<F: Future, K: Keep<F::Output>> {
    header: Header,
    stage: UnsafeCell<StageOf<F, K>>,
    joiner: UnsafeCell<Option<Waker>>,
}

impl<F: Future, K: Keep<F::Output>> Cell<F, K> {
    /// Whether a cell of the slab can hold this future and its output.
    const FITS: bool = size_of::<Self>() <= MAX_BYTES && align_of::<Self>() <= MAX_ALIGN;
    const CLASS: u8 = if Self::FITS {
        slab::class_of(size_of::<Self>())
    } else {
        0
    };
    const VTABLE: &'static Vtable = &Vtable {
        poll: poll::<F, K>,
        cancel: cancel::<F, K>,
        drop_output: drop_output::<F, K>,
        take_output: take_output::<F, K>,
        joiner: joiner::<F, K>,
    };
}

/// What is known of a goroutine when it is born.
#[derive(Clone, Copy)]
pub(crate) struct Birth {
    pub(crate) shared: &'static Shared,
    pub(crate) id: u64,
    pub(crate) parent: u64,
    /// `None` for a main goroutine: it was not started by a line of the program.
    pub(crate) birthplace: Option<&'static Location<'static>>,
}

/// Makes a task of the future, in a cell from the slab; in state SCHED, with a join handle's
/// reference beside its life. A future too large for a cell is boxed by itself.
pub(crate) fn make<F>(future: F, birth: Birth) -> TaskRef
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    if Cell::<F, Inline>::FITS {
        place::<F, Inline>(future, birth)
    } else if Cell::<Pin<Box<F>>, Inline>::FITS {
        place::<Pin<Box<F>>, Inline>(Box::pin(future), birth)
    } else {
        place::<Pin<Box<F>>, Boxed>(Box::pin(future), birth)
    }
}

fn place<F, K>(future: F, birth: Birth) -> TaskRef
where
    F: Future + Send + 'static,
    K: Keep<F::Output>,
{
    assert!(
        Cell::<F, K>::FITS,
        "a boxed future and its output fit a cell"
    );
    let class = Cell::<F, K>::CLASS;
    let header = current::alloc_cell(class);
    let cell = header.cast::<Cell<F, K>>().as_ptr();
    // SAFETY: the slab gave us the cell; the class is large enough for the type, and cells
    // are aligned to `MAX_ALIGN`.
    let stage = unsafe { &raw mut (*cell).stage };
    // SAFETY: in the cell; the stage is nobody's, and what it held was dropped.
    unsafe { stage.write(UnsafeCell::new(Stage::Future(future))) };
    // SAFETY: as for the stage.
    let joiner = unsafe { &raw mut (*cell).joiner };
    // SAFETY: in the cell, which was freed without a waker in it.
    unsafe { joiner.write(UnsafeCell::new(None)) };
    // SAFETY: the header's fields are atomics, valid since the chunk was zeroed.
    let fresh = unsafe { header.as_ref() };
    fresh.state.reset();
    fresh.set_vtable(Cell::<F, K>::VTABLE);
    // ORDERING: Relaxed for the fields, published by the id's Release to a dump (Acquire in
    // `snapshot`), and by the queue to the machine.
    fresh.shared.store(
        std::ptr::from_ref(birth.shared).cast_mut(),
        Ordering::Relaxed,
    );
    let birthplace = birth
        .birthplace
        .map_or(std::ptr::null(), std::ptr::from_ref);
    fresh
        .birthplace
        .store(birthplace.cast_mut(), Ordering::Relaxed);
    fresh.parent.store(birth.parent, Ordering::Relaxed);
    fresh.temper.store(temper::UNKNOWN, Ordering::Relaxed);
    fresh
        .waits_at
        .store(std::ptr::null_mut(), Ordering::Relaxed);
    fresh.reason.store(0, Ordering::Relaxed);
    fresh.id.store(birth.id, Ordering::Release);
    TaskRef(header)
}

/// Frees the cell: the last reference is gone, and so are future and output.
///
/// # Safety
///
/// Nobody has a reference any more, and the stage is `Empty` or holds nothing to drop.
pub(crate) unsafe fn free(task: TaskRef) {
    // SAFETY: the caller has the cell alone.
    let header = unsafe { task.0.as_ref() };
    // SAFETY: the vtable belongs to the cell.
    let joiner = unsafe { (header.vtable().joiner)(task.0) };
    // SAFETY: no handle and no poller is left that could touch the joiner's waker.
    if let Some(waker) = unsafe { &mut *joiner }.take() {
        // A waker's destructor is foreign code, and the cell is still a cell meanwhile.
        contained(&header.shared().config, || drop(waker));
    }
    if header.flags.load(Ordering::Relaxed) != 0 {
        crate::names::forget(header);
        header.flags.store(0, Ordering::Relaxed);
    }
    header.id.store(0, Ordering::Relaxed);
    // ORDERING: Release keeps the 0 before what is written into the free cell from here on: a
    // dump that reads any of that finds the id changed (Acquire fence in `snapshot::read`).
    fence(Ordering::Release);
    current::free_cell(header.class.load(Ordering::Relaxed), task.0);
}

/// Polls the future once. `Ready`: future dropped, output in its place.
///
/// # Safety
///
/// The caller holds RUN, and the stage holds the future.
unsafe fn poll<F: Future, K: Keep<F::Output>>(
    header: NonNull<Header>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    // SAFETY: the vtable is that of this kind of cell, and the poller alone may touch the
    // stage.
    let stage = unsafe { &mut *stage_of::<F, K>(header) };
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let Stage::Future(future) = &mut *stage else {
            unreachable!("a runnable task has its future")
        };
        // SAFETY: the future lives in the cell until it is dropped there, and is never moved.
        let future = unsafe { Pin::new_unchecked(future) };
        future.poll(cx)
    }));
    let output = match polled {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(output)) => Ok(K::keep(output)),
        Err(payload) => Err(JoinError::from_payload(payload)),
    };
    replace(stage, output);
    Poll::Ready(())
}

/// Drops the future unpolled and leaves the error "cancelled".
///
/// # Safety
///
/// The caller holds RUN, and the stage holds the future.
unsafe fn cancel<F: Future, K: Keep<F::Output>>(header: NonNull<Header>) {
    // SAFETY: as in `poll`.
    let stage = unsafe { &mut *stage_of::<F, K>(header) };
    replace::<F, K::Kept>(stage, Err(JoinError::cancelled()));
}

/// Drops the future and puts the output into its place; a panic of the drop is the output of
/// a goroutine that had none of its own.
fn replace<F, T>(stage: &mut Stage<F, T>, output: Output<T>) {
    let dropped = catch_unwind(AssertUnwindSafe(|| *stage = Stage::Empty));
    // A panicking destructor leaves the stage `Empty` all the same: the old value is dropped
    // in place and the new one written while the panic unwinds.
    *stage = Stage::Output(output);
    let Err(payload) = dropped else { return };
    if matches!(stage, Stage::Output(Err(error)) if error.is_panic()) {
        return;
    }
    let panicked = Stage::Output(Err(JoinError::from_payload(payload)));
    let replaced = std::mem::replace(stage, panicked);
    // The destructor of an output that nobody will see may panic too; one is enough to tell.
    drop(catch_unwind(AssertUnwindSafe(|| drop(replaced))));
}

/// Drops the output that nobody will take.
///
/// # Safety
///
/// The caller owns the output.
unsafe fn drop_output<F: Future, K: Keep<F::Output>>(header: NonNull<Header>) {
    // SAFETY: the owner of the output alone may touch the stage.
    let stage = unsafe { &mut *stage_of::<F, K>(header) };
    // SAFETY: the caller has the cell, whose header is only shared.
    let header = unsafe { header.as_ref() };
    if let Stage::Output(Err(error)) = std::mem::replace(stage, Stage::Empty) {
        error.unobserved(header);
    }
}

/// Moves the output out.
///
/// # Safety
///
/// The caller owns the output, and `place` is valid for a write of `Output<F::Output>`.
unsafe fn take_output<F: Future, K: Keep<F::Output>>(header: NonNull<Header>, place: *mut ()) {
    // SAFETY: as in `drop_output`.
    let stage = unsafe { &mut *stage_of::<F, K>(header) };
    let Stage::Output(output) = std::mem::replace(stage, Stage::Empty) else {
        panic!("a JoinHandle polled after it gave its output");
    };
    // SAFETY: the caller's promise.
    unsafe { place.cast::<Output<F::Output>>().write(output.map(K::give)) };
}

/// Where the joiner's waker is.
///
/// # Safety
///
/// The header is that of a live cell of this kind.
unsafe fn joiner<F: Future, K: Keep<F::Output>>(header: NonNull<Header>) -> *mut Option<Waker> {
    let cell = header.cast::<Cell<F, K>>().as_ptr();
    // SAFETY: the vtable is that of this kind of cell; no reference is made.
    UnsafeCell::raw_get(unsafe { &raw const (*cell).joiner })
}

/// Where the stage is. The header is that of a cell of this kind.
fn stage_of<F: Future, K: Keep<F::Output>>(header: NonNull<Header>) -> *mut StageOf<F, K> {
    let cell = header.cast::<Cell<F, K>>().as_ptr();
    // SAFETY: callers are the functions of this kind's vtable, called with its cells; no
    // reference is made.
    UnsafeCell::raw_get(unsafe { &raw const (*cell).stage })
}

/// One poll of a task that its caller has the right to poll, with all that its end entails
/// but queueing: `Pending` leaves the right with the caller.
pub(crate) fn poll_once(task: TaskRef) -> Poll<()> {
    let waker = ManuallyDrop::new(waker::borrowed(task));
    let mut cx = Context::from_waker(&waker);
    // SAFETY: the task came from a queue, so its cell lives.
    let poll = unsafe { task.0.as_ref() }.vtable().poll;
    // SAFETY: the caller holds RUN.
    let polled = unsafe { poll(task.0, &mut cx) };
    if polled.is_ready() {
        end(task);
    }
    polled
}

/// Drops the future of a task that its caller has the right to touch.
pub(crate) fn drop_future(task: TaskRef) {
    // SAFETY: the task is not done, so its cell lives.
    let cancel = unsafe { task.0.as_ref() }.vtable().cancel;
    // SAFETY: the caller holds RUN.
    unsafe { cancel(task.0) };
    end(task);
}

/// Drops a reference that the caller has added.
pub(crate) fn drop_ref(task: TaskRef) {
    // SAFETY: the caller's reference keeps the cell alive.
    if unsafe { task.0.as_ref() }.state.drop_ref() {
        // SAFETY: that was the last reference; a task without its life is done.
        unsafe { free(task) };
    }
}

/// Announces the end, wakes the joiner, and drops what nobody wants.
fn end(task: TaskRef) {
    // SAFETY: the life reference is ours until `drop_ref` below.
    let header = unsafe { task.0.as_ref() };
    current::count_end(header.shared());
    let finish = header.state.finish();
    let config = &header.shared().config;
    if !finish.joined {
        // SAFETY: no join handle owns the output, so the poller does.
        contained(config, || unsafe { (header.vtable().drop_output)(task.0) });
    }
    if finish.wake_joiner {
        // SAFETY: the cell lives.
        let joiner = unsafe { (header.vtable().joiner)(task.0) };
        // SAFETY: JWAKER was set when the task finished, after which the handle no longer
        // touches the field: it clears JWAKER first, which fails on a task that is done.
        if let Some(waker) = unsafe { &mut *joiner }.take() {
            contained(config, || waker.wake());
        }
    }
    if finish.last || header.state.drop_ref_shared() {
        // SAFETY: that was the last reference; the output was dropped here, or by the handle
        // before it gave up its reference.
        unsafe { free(task) };
    }
}
