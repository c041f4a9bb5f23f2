//! What the process's table says of who holds a lock, step by step.

mod support;

use std::cell::Cell;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use marmot_sync::{Mutex, RwLock};
use marmot_wait::held::{self, Holder};
use marmot_wait::{begin_poll, end_poll};
use support::poll;

/// Does something as this goroutine.
fn by<R>(goroutine: u64, f: impl FnOnce() -> R) -> R {
    begin_poll(goroutine, 100);
    let result = f();
    let _said = end_poll();
    result
}

/// Who is told to hold what a goroutine of these holds: this test's rows among those of all.
fn told(mine: &[u64]) -> Option<(u64, bool, bool)> {
    let rows = held::all().into_iter().map(|held| held.holder);
    let mut mine = rows.filter(|holder| mine.contains(&holder.goroutine));
    let holder = mine.next()?;
    assert!(mine.next().is_none(), "one lock, one row");
    check_place(&holder);
    Some((holder.goroutine, holder.movable, holder.granted))
}

thread_local! {
    /// The line where the present holder asked for the lock.
    static LINE: Cell<u32> = const { Cell::new(0) };
}

fn check_place(holder: &Holder) {
    let place = holder.place.expect("it is known where");
    assert!(place.file().ends_with("tests/held.rs"), "{place}");
    assert_eq!(place.line(), LINE.get());
}

/// Notes the line.
#[track_caller]
fn here() {
    LINE.set(Location::caller().line());
}

const STARVING: Duration = Duration::from_millis(2);

#[test]
fn a_mutex_tells_its_holder_while_somebody_waits() {
    const MINE: &[u64] = &[101, 102, 103, 104];
    let mutex = Arc::new(Mutex::new(()));
    let first = by(101, || (here(), mutex.try_lock()).1);
    assert_eq!(told(MINE), None, "nobody waits, nothing is told");
    let mut second = mutex.lock();
    let second_line = line!() - 1;
    assert!(by(102, || poll(&mut second)).is_pending());
    assert_eq!(told(MINE), Some((101, false, false)));
    let mut third = mutex.lock_owned();
    let third_line = line!() - 1;
    assert!(by(103, || poll(&mut third)).is_pending());
    drop(first);
    if mutex.is_locked() {
        // The machine was so slow that the second one had waited a millisecond.
        return;
    }
    assert_eq!(told(MINE), None, "the second one is only woken");
    let barged = by(104, || (here(), mutex.try_lock_owned()).1);
    assert_eq!(told(MINE), Some((104, true, false)), "past the line");
    std::thread::sleep(STARVING);
    LINE.set(second_line);
    drop(barged);
    assert_eq!(told(MINE), Some((102, false, true)), "handed over");
    let second = by(102, || support::now(second));
    assert_eq!(told(MINE), Some((102, false, false)));
    LINE.set(third_line);
    drop(second);
    assert_eq!(told(MINE), Some((103, true, true)));
    let third = by(103, || support::now(third));
    let mut last = mutex.lock();
    assert!(by(104, || poll(&mut last)).is_pending());
    assert_eq!(told(MINE), Some((103, true, false)));
    drop((last, third));
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_mutex_tells_its_holder_when_one_of_many_who_wait_comes_by_itself() {
    const MINE: &[u64] = &[111, 112, 113];
    let mutex = Mutex::new(());
    let first = by(111, || mutex.try_lock());
    let mut second = (here(), mutex.lock()).1;
    assert!(by(112, || poll(&mut second)).is_pending());
    let mut third = mutex.lock();
    assert!(by(113, || poll(&mut third)).is_pending());
    drop(first);
    let second = by(112, || support::now(second));
    assert_eq!(told(MINE), Some((112, false, false)));
    drop(second);
    assert!(mutex.is_locked() || told(MINE).is_none());
}

#[test]
fn a_read_write_lock_tells_its_writer_while_somebody_waits() {
    const MINE: &[u64] = &[121, 122, 123, 124, 125];
    let lock = Arc::new(RwLock::new(()));
    let first = by(121, || (here(), lock.try_write()).1);
    assert_eq!(told(MINE), None);
    let mut second = lock.write();
    let second_line = line!() - 1;
    assert!(by(122, || poll(&mut second)).is_pending());
    assert_eq!(told(MINE), Some((121, false, false)));
    let mut third = lock.write_owned();
    let third_line = line!() - 1;
    assert!(by(123, || poll(&mut third)).is_pending());
    std::thread::sleep(STARVING);
    LINE.set(second_line);
    drop(first);
    assert_eq!(
        told(MINE),
        Some((122, false, true)),
        "it has it and does not know"
    );
    let second = by(122, || support::now(second));
    assert_eq!(told(MINE), Some((122, false, false)));
    let mut reader = lock.read();
    assert!(by(124, || poll(&mut reader)).is_pending());
    drop(second);
    assert_eq!(told(MINE), None, "readers come first, and are many");
    LINE.set(third_line);
    drop(by(124, || support::now(reader)));
    assert_eq!(
        told(MINE),
        Some((123, true, true)),
        "the last reader let it in"
    );
    let mut last = lock.read();
    assert!(by(125, || poll(&mut last)).is_pending());
    let third = by(123, || support::now(third));
    assert_eq!(told(MINE), Some((123, true, false)));
    drop((last, third));
    assert!(lock.try_write().is_some());
}

#[test]
fn a_read_write_lock_tells_the_writer_that_overtook_the_line() {
    const MINE: &[u64] = &[131, 132, 133];
    let lock = RwLock::new(());
    let first = by(131, || (here(), lock.try_write()).1);
    let mut second = lock.write();
    assert!(by(132, || poll(&mut second)).is_pending());
    drop(first);
    if lock.try_write().is_none() {
        // The machine was so slow that the second one had waited a millisecond.
        return;
    }
    assert_eq!(told(MINE), None, "the second one is only woken");
    let overtook = by(133, || (here(), lock.try_write()).1);
    assert_eq!(told(MINE), Some((133, false, false)), "past the line");
    drop(overtook);
    let second = (here(), by(132, || support::now(second))).1;
    drop(second);
    assert!(lock.try_write().is_some());
}
