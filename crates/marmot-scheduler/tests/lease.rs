//! The lease of a P, alone and under stress: one machine in a loop of guarded regions, one
//! monitor that takes the P back to back. Both count on a plain number; an overlap loses a
//! count.
//!
//! The control is the same protocol without its heavy fence. It loses counts, which shows that
//! this stress can tell right from wrong. (A stress of the whole runtime cannot: too much in
//! it is a fence by accident.) For that reason the check itself uses plain accesses only.
//!
//! `MARMOT_STRESS=long` runs each for half a minute.

#![cfg(not(marmot_loom))]
#![expect(unsafe_code, reason = "the plain number that the lease protects")]

use std::cell::UnsafeCell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering, compiler_fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use marmot_scheduler::lease::{FenceKind, Lease, Side, fence_kind, set_fence_kind};
use marmot_testing::within;

/// The form of the fences is the process's: one stress at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const PATIENCE: Duration = Duration::from_secs(120);

fn duration() -> Duration {
    match std::env::var("MARMOT_STRESS").as_deref() {
        Ok("long") => Duration::from_secs(30),
        _ => Duration::from_millis(1500),
    }
}

/// Who may use the number: what is under test, or the control.
trait Protocol: Send + Sync + 'static {
    /// Enters a region; whether the number may be used, and what `leave` wants.
    fn enter(&self) -> (bool, bool);
    fn leave(&self, before: bool);
    /// Takes the number from the machine. It is given back by `grant`.
    fn revoke(&self) -> bool;
    fn grant(&self);
}

/// The lease itself.
struct Leased {
    lease: CachePadded<Lease<Side>>,
    side: CachePadded<Side>,
}

impl Leased {
    /// The machine has the P and is in its first poll.
    fn new() -> Arc<Leased> {
        let leased = Arc::new(Leased {
            lease: CachePadded::new(Lease::new()),
            side: CachePadded::new(Side::new()),
        });
        leased.grant();
        leased.side.begin_poll();
        leased
    }
}

impl Protocol for Leased {
    fn enter(&self) -> (bool, bool) {
        let before = self.side.enter();
        (self.lease.is_held_by(&raw const *self.side), before)
    }

    fn leave(&self, before: bool) {
        self.side.leave(before);
    }

    fn revoke(&self) -> bool {
        self.lease.revoke(&raw const *self.side, &self.side, 1)
    }

    fn grant(&self) {
        self.lease.grant(&raw const *self.side);
    }
}

/// The lease with nothing but compiler fences: the processor may move a store behind the load
/// that follows it, on both sides.
struct Unfenced {
    owner: CachePadded<AtomicPtr<()>>,
    in_sched: CachePadded<AtomicBool>,
}

const MACHINE: *mut () = std::ptr::dangling_mut();

impl Protocol for Unfenced {
    fn enter(&self) -> (bool, bool) {
        let before = self.in_sched.load(Ordering::Relaxed);
        self.in_sched.store(true, Ordering::Relaxed);
        // ORDERING: the compiler's share only; that of the processor is what is missing.
        compiler_fence(Ordering::SeqCst);
        // ORDERING: Acquire as in `Lease::is_held_by`.
        (self.owner.load(Ordering::Acquire) == MACHINE, before)
    }

    fn leave(&self, before: bool) {
        // ORDERING: Release as in `Side::leave`.
        self.in_sched.store(before, Ordering::Release);
    }

    fn revoke(&self) -> bool {
        self.owner.store(null_mut(), Ordering::Relaxed);
        // ORDERING: as in `enter`: here the heavy fence is missing.
        compiler_fence(Ordering::SeqCst);
        // ORDERING: Acquire as in `Lease::revoke`.
        let free = !self.in_sched.load(Ordering::Acquire);
        if !free {
            self.grant();
        }
        free
    }

    fn grant(&self) {
        // ORDERING: Release as in `Lease::grant`.
        self.owner.store(MACHINE, Ordering::Release);
    }
}

/// The number. Padded, so that its line moves at other times than the protocol's.
struct Number(CachePadded<UnsafeCell<u64>>);

// SAFETY: the protocol under test says who may use it. The control breaks that on purpose;
// the accesses are volatile, single words, and nothing but a count depends on them.
unsafe impl Sync for Number {}

impl Number {
    /// Adds one: a plain load and a plain store, which the compiler must not join.
    #[inline]
    fn add_one(&self) {
        // SAFETY: the pointer is valid; for races see `Sync` above.
        let value = unsafe { self.0.get().read_volatile() };
        // SAFETY: as above.
        unsafe { self.0.get().write_volatile(value + 1) };
    }

    fn get(&self) -> u64 {
        // SAFETY: all threads that write have ended.
        unsafe { self.0.get().read_volatile() }
    }
}

struct Outcome {
    lost: u64,
    regions: u64,
    revokes: u64,
    refused: u64,
}

/// Runs both sides for this long.
fn stress<P: Protocol>(protocol: &Arc<P>, duration: Duration) -> Outcome {
    let number = Arc::new(Number(CachePadded::new(UnsafeCell::new(0))));
    let stop = Arc::new(AtomicBool::new(false));
    let machine = {
        let (protocol, number, stop) =
            (Arc::clone(protocol), Arc::clone(&number), Arc::clone(&stop));
        thread::spawn(move || machine(&*protocol, &number, &stop))
    };
    // A membarrier takes microseconds, all of which the P is away.
    let longest = match fence_kind() {
        FenceKind::Membarrier => 200,
        FenceKind::SeqCst => 4,
    };
    let (mut revokes, mut refused) = (0, 0);
    let end = Instant::now() + duration;
    while Instant::now() < end {
        for round in 0..200 {
            if protocol.revoke() {
                number.add_one();
                protocol.grant();
                revokes += 1;
            } else {
                refused += 1;
            }
            linger(round, longest);
        }
    }
    stop.store(true, Ordering::Relaxed);
    let regions = machine.join().expect("the machine does not panic");
    // A lost count is one that was overwritten; both sides may have overwritten the other's.
    let lost = (regions + revokes).abs_diff(number.get());
    Outcome {
        lost,
        regions,
        revokes,
        refused,
    }
}

/// Of different lengths, so that each side gets its turn, and both meet at every point of the
/// protocol.
#[inline]
fn linger(round: u32, longest: u32) {
    (0..round % longest).for_each(|_| std::hint::spin_loop());
}

/// How many regions had the number.
fn machine(protocol: &impl Protocol, number: &Number, stop: &AtomicBool) -> u64 {
    let mut regions = 0;
    while !stop.load(Ordering::Relaxed) {
        for round in 0..200 {
            let (held, before) = protocol.enter();
            if held {
                number.add_one();
                regions += 1;
            }
            protocol.leave(before);
            linger(round, 4);
        }
    }
    regions
}

fn loses_nothing(kind: FenceKind) {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    set_fence_kind(kind);
    if fence_kind() != kind {
        eprintln!("skipped: this system has no {kind:?}");
        return;
    }
    let Outcome {
        lost,
        regions,
        revokes,
        refused,
    } = within(PATIENCE, || stress(&Leased::new(), duration()));
    eprintln!("{kind:?}: {regions} regions, {revokes} revokes, {refused} refused, {lost} lost");
    assert_eq!(lost, 0);
    assert!(regions > 0 && revokes > 0, "both sides had the number");
}

#[test]
fn with_membarrier_a_region_and_a_revoke_never_overlap() {
    loses_nothing(FenceKind::Membarrier);
}

#[test]
fn with_full_fences_a_region_and_a_revoke_never_overlap() {
    loses_nothing(FenceKind::SeqCst);
}

/// The control: if this one lost nothing, the two above would show nothing.
#[test]
fn without_the_heavy_fence_counts_are_lost() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    set_fence_kind(FenceKind::SeqCst);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if cores == 1 {
        eprintln!("skipped: one core sees its own stores in order");
        return;
    }
    let lost = within(PATIENCE, || {
        let end = Instant::now() + duration().max(Duration::from_secs(20));
        let mut lost = 0;
        while lost == 0 && Instant::now() < end {
            let unfenced = Arc::new(Unfenced {
                owner: CachePadded::new(AtomicPtr::new(MACHINE)),
                in_sched: CachePadded::new(AtomicBool::new(false)),
            });
            lost = stress(&unfenced, Duration::from_millis(200)).lost;
        }
        lost
    });
    eprintln!("without the heavy fence: {lost} lost");
    assert!(
        lost > 0,
        "the stress on {cores} cores could not tell a broken lease from a good one"
    );
}
