//! The promises of `RwLock`.

mod support;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use marmot_sync::{Barrier, RwLock, RwLockWriteGuard};
use support::{Count, now, poll, poll_with, text_of, within_seconds};

#[test]
fn the_try_forms_give_what_go_gives() {
    let lock = RwLock::new(1);
    {
        let _writer = lock.try_write().expect("free");
        assert!(lock.try_write().is_none() && lock.try_read().is_none());
    }
    let reader = lock.try_read().expect("free");
    assert!(lock.try_read().is_some() && lock.try_write().is_none());
    drop(reader);
    assert!(lock.try_write().is_some());
}

#[test]
fn one_three_or_four_readers_are_inside_together() {
    for readers in [1, 3, 4] {
        within_seconds(move || {
            let lock = Arc::new(RwLock::new(()));
            let all_inside = Arc::new(Barrier::new(readers));
            let workers: Vec<_> = (0..readers)
                .map(|_| {
                    let (lock, all_inside) = (Arc::clone(&lock), Arc::clone(&all_inside));
                    std::thread::spawn(move || {
                        let _reader = lock.read_blocking();
                        all_inside.wait_blocking();
                    })
                })
                .collect();
            for worker in workers {
                worker.join().expect("it ends well");
            }
        });
    }
}

#[test]
fn a_waiting_writer_holds_back_new_readers() {
    let lock = RwLock::new(0);
    let reader = now(lock.read());
    let woken = Count::new();
    let mut writer = lock.write();
    assert!(poll_with(&mut writer, &woken).is_pending());
    assert!(lock.try_read().is_none());
    let mut late = lock.read();
    assert!(poll(&mut late).is_pending());
    drop(reader);
    assert_eq!(woken.calls(), 1);
    assert!(poll(&mut late).is_pending(), "the writer was first");
    let Poll::Ready(guard) = poll(&mut writer) else {
        panic!("it is the writer's turn");
    };
    drop(guard);
    assert!(poll(&mut late).is_ready());
}

#[test]
fn readers_in_line_go_before_the_next_writer() {
    let lock = RwLock::new(0);
    let first = now(lock.write());
    let mut second = lock.write();
    let mut readers = [lock.read(), lock.read()];
    assert!(poll(&mut second).is_pending());
    for reader in &mut readers {
        assert!(poll(reader).is_pending());
    }
    drop(first);
    assert!(poll(&mut second).is_pending(), "readers came meanwhile");
    let guards = readers.map(now);
    assert!(poll(&mut second).is_pending());
    drop(guards);
    assert!(poll(&mut second).is_ready());
}

#[test]
fn whoever_runs_may_overtake_those_who_are_woken() {
    let lock = RwLock::new(0);
    let first = now(lock.write());
    let (mut reader, mut writer) = (lock.read(), lock.write());
    assert!(poll(&mut writer).is_pending() && poll(&mut reader).is_pending());
    drop(first);
    if lock.try_write().is_none() {
        // The machine was so slow that they had waited a millisecond.
        return;
    }
    let overtakes = now(lock.write());
    assert!(poll(&mut reader).is_pending() && poll(&mut writer).is_pending());
    drop(overtakes);
    assert!(poll(&mut writer).is_pending(), "the reader is ahead of it");
    drop(now(reader));
    drop(now(writer));
    assert!(lock.try_write().is_some(), "nobody is left in the line");
}

#[test]
fn nobody_overtakes_one_who_has_waited_for_a_millisecond() {
    let lock = RwLock::new(0);
    for reads in [true, false] {
        let first = now(lock.write());
        let (mut reader, mut writer) = (lock.read(), lock.write());
        if reads {
            assert!(poll(&mut reader).is_pending());
        } else {
            assert!(poll(&mut writer).is_pending());
        }
        std::thread::sleep(Duration::from_millis(2));
        drop(first);
        assert!(lock.try_write().is_none(), "it has been let in");
        if reads {
            drop(now(reader));
        } else {
            assert!(lock.try_read().is_none());
            drop(now(writer));
        }
    }
    let first = now(lock.read());
    let mut writer = lock.write();
    assert!(poll(&mut writer).is_pending());
    std::thread::sleep(Duration::from_millis(2));
    drop(first);
    assert!(lock.try_write().is_none() && lock.try_read().is_none());
    drop(now(writer));
}

/// Eight tasks of one thread that do nothing under the lock, and one in ten of whose locks is to
/// write. Once all have waited, they would wait for ever more if the lock were given to whoever
/// is in line: the one that runs needs it next.
#[test]
fn a_lock_makes_no_convoy_of_those_who_once_waited_for_it() {
    let lock = RwLock::new(0_u64);
    let waits = Cell::new(0);
    let first = now(lock.write());
    let mut tasks: Vec<_> = (0..8)
        .map(|number| Box::pin(turns(&lock, number, &waits)))
        .collect();
    for task in &mut tasks {
        assert!(poll(task).is_pending());
    }
    drop(first);
    while !tasks.is_empty() {
        tasks.retain_mut(|task| poll(task).is_pending());
    }
    assert_eq!(*now(lock.read()), 800);
    assert!(waits.get() < 100, "{} of 8000 waited", waits.get());
}

async fn turns(lock: &RwLock<u64>, number: u64, waits: &Cell<usize>) {
    for turn in 0..1000 {
        let waited = if (turn + number).is_multiple_of(10) {
            let mut lock = lock.write();
            let (waited, mut guard) = counted(&mut lock).await;
            *guard += 1;
            waited
        } else {
            counted(&mut lock.read()).await.0
        };
        waits.set(waits.get() + waited);
    }
}

/// How often it was pending, and what it gave.
async fn counted<F: Future + Unpin>(future: &mut F) -> (usize, F::Output) {
    let mut pending = 0;
    let output = poll_fn(|cx| {
        let poll = Pin::new(&mut *future).poll(cx);
        pending += usize::from(poll.is_pending());
        poll
    })
    .await;
    (pending, output)
}

#[test]
fn a_dropped_writer_lets_the_readers_in_that_it_held_back() {
    let lock = RwLock::new(0);
    let reader = now(lock.read());
    let woken = Count::new();
    let mut writer = lock.write();
    let mut late = lock.read();
    assert!(poll(&mut writer).is_pending());
    assert!(poll_with(&mut late, &woken).is_pending());
    drop(writer);
    assert_eq!(woken.calls(), 1);
    assert!(poll(&mut late).is_ready());
    drop(reader);
    drop(late);
    assert!(lock.try_write().is_some(), "nobody is left in the line");
}

#[test]
fn a_dropped_writer_that_was_admitted_passes_the_lock_on() {
    let lock = RwLock::new(0);
    let first = now(lock.write());
    let woken = Count::new();
    let mut second = lock.write();
    let mut third = lock.write();
    assert!(poll(&mut second).is_pending());
    assert!(poll_with(&mut third, &woken).is_pending());
    drop(first);
    drop(second);
    assert_eq!(woken.calls(), 1);
    assert!(poll(&mut third).is_ready());
}

#[test]
fn a_dropped_reader_that_was_admitted_lets_the_writer_in() {
    let lock = RwLock::new(0);
    let first = now(lock.write());
    let woken = Count::new();
    let mut reader = lock.read();
    let mut writer = lock.write();
    assert!(poll(&mut reader).is_pending());
    assert!(poll_with(&mut writer, &woken).is_pending());
    drop(first);
    assert_eq!(woken.calls(), 0, "the reader has it");
    drop(reader);
    assert_eq!(woken.calls(), 1);
    assert!(poll(&mut writer).is_ready());
}

#[test]
fn dropped_waiters_leave_no_entry() {
    let lock = RwLock::new(0);
    let guard = now(lock.write());
    let (mut reader, mut writer) = (lock.read(), lock.write());
    assert!(poll(&mut reader).is_pending() && poll(&mut writer).is_pending());
    drop((reader, writer));
    drop(guard);
    assert!(lock.try_read().is_some());
    assert!(lock.try_write().is_some());
}

/// Anybody that waits, for either.
type Waits<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A writer, a reader and a writer in line, of whom the nth leaves.
fn leave_the_line(lock: &RwLock<()>, starving: bool, leaves: usize) -> Vec<Waits<'_>> {
    let write = || Box::pin(async { drop(lock.write().await) });
    let read = Box::pin(async { drop(lock.read().await) });
    let mut line: Vec<Waits<'_>> = vec![write(), read, write()];
    assert!(line.iter_mut().all(|wait| poll(wait).is_pending()));
    if starving {
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(line.remove(leaves));
    line
}

#[test]
fn one_that_leaves_the_line_lets_nobody_in_beside_those_inside() {
    for (starving, leaves) in (0..6).map(|n| (n % 2 == 0, n / 2)) {
        for written in [false, true] {
            let lock = RwLock::new(());
            let (read, write) = match written {
                true => (None, lock.try_write()),
                false => (lock.try_read(), None),
            };
            let mut line = leave_the_line(&lock, starving, leaves);
            assert!(line.iter_mut().all(|wait| poll(wait).is_pending()));
            drop((read, write));
            // In whatever order their turns come.
            line.retain_mut(|wait| poll(wait).is_pending());
            line.retain_mut(|wait| poll(wait).is_pending());
            assert!(line.is_empty());
            assert!(lock.try_write().is_some());
        }
    }
}

#[test]
fn readers_whose_turn_it_is_come_before_the_next_writer_in_line() {
    let lock = RwLock::new(());
    let guard = lock.try_write().expect("free");
    let mut readers = [lock.read(), lock.read()];
    assert!(readers.iter_mut().all(|reader| poll(reader).is_pending()));
    let woken = Count::new();
    let mut writer = lock.write();
    assert!(poll_with(&mut writer, &woken).is_pending());
    drop(guard);
    // One that is running may still be quicker than the readers; it does not bring the other one in.
    drop(lock.try_write());
    assert_eq!(woken.calls(), 0);
    let [first, second] = &mut readers;
    let guard = now(first);
    assert!(poll_with(&mut writer, &woken).is_pending());
    drop(guard);
    assert_eq!(woken.calls(), 0, "the second reader is still to come");
    drop(now(second));
    assert_eq!(woken.calls(), 1);
    assert!(poll(&mut writer).is_ready());
}

#[test]
fn a_writer_that_becomes_a_reader_keeps_out_one_that_has_waited_for_long() {
    let lock = RwLock::new(());
    let guard = lock.try_write().expect("free");
    let mut writer = lock.write();
    assert!(poll(&mut writer).is_pending());
    std::thread::sleep(Duration::from_millis(2));
    let reader = RwLockWriteGuard::downgrade(guard);
    assert!(poll(&mut writer).is_pending());
    assert!(lock.try_write().is_none());
    drop(reader);
    assert!(poll(&mut writer).is_ready());
}

#[test]
fn a_writer_that_becomes_a_reader_lets_readers_in_but_no_writer() {
    let lock = RwLock::new(0);
    let writer = now(lock.write());
    let (mut reader, mut next) = (lock.read(), lock.write());
    assert!(poll(&mut reader).is_pending() && poll(&mut next).is_pending());
    let kept = RwLockWriteGuard::downgrade(writer);
    let other = now(reader);
    assert!(poll(&mut next).is_pending());
    drop(kept);
    assert!(poll(&mut next).is_pending());
    drop(other);
    assert!(poll(&mut next).is_ready());
}

#[test]
fn owned_guards_keep_the_lock_alive() {
    let lock = Arc::new(RwLock::new(1));
    let reader = now(lock.read_owned());
    assert!(lock.try_write_owned().is_none());
    let mut writer = lock.write_owned();
    assert!(poll(&mut writer).is_pending());
    assert!(lock.try_read_owned().is_none());
    drop(lock);
    within_seconds(move || drop(reader));
    let Poll::Ready(mut guard) = poll(&mut writer) else {
        panic!("the lock is free");
    };
    *guard += 1;
    assert_eq!(*guard, 2);
}

#[test]
fn guards_are_released_while_unwinding() {
    let lock = RwLock::new(0);
    text_of(|| {
        let _guard = now(lock.write());
        panic!("as a writer");
    });
    text_of(|| {
        let _guard = now(lock.read());
        panic!("as a reader");
    });
    assert!(lock.try_write().is_some());
}

#[test]
fn forgotten_guards_are_released_by_force() {
    let lock = RwLock::new(0);
    std::mem::forget(now(lock.read()));
    std::mem::forget(now(lock.read()));
    for _ in 0..2 {
        assert!(lock.try_write().is_none());
        // SAFETY: two guards were forgotten.
        #[expect(unsafe_code, reason = "the function under test")]
        unsafe {
            lock.force_unlock_read();
        }
    }
    std::mem::forget(lock.try_write().expect("free"));
    // SAFETY: the guard was forgotten.
    #[expect(unsafe_code, reason = "the function under test")]
    unsafe {
        lock.force_unlock_write();
    }
    assert!(lock.try_write().is_some());
}

/// Go's hammer: writers are alone, readers see no writer.
fn hammer(readers: usize, turns: usize) {
    let lock = Arc::new(RwLock::new(()));
    // A reader counts 1, a writer 10,000, as in Go's test.
    let active = Arc::new(AtomicUsize::new(0));
    let enter = |lock: &Arc<RwLock<()>>, active: &Arc<AtomicUsize>, writes: bool| {
        let (lock, active) = (Arc::clone(lock), Arc::clone(active));
        std::thread::spawn(move || {
            for _ in 0..turns {
                if writes {
                    let _guard = lock.write_blocking();
                    assert_eq!(active.fetch_add(10_000, Ordering::SeqCst), 0);
                    std::hint::spin_loop();
                    active.fetch_sub(10_000, Ordering::SeqCst);
                } else {
                    let _guard = lock.read_blocking();
                    assert!(active.fetch_add(1, Ordering::SeqCst) < 10_000);
                    std::hint::spin_loop();
                    active.fetch_sub(1, Ordering::SeqCst);
                }
            }
        })
    };
    let workers: Vec<_> = (0..readers)
        .map(|_| enter(&lock, &active, false))
        .chain((0..2).map(|_| enter(&lock, &active, true)))
        .collect();
    for worker in workers {
        worker.join().expect("it ends well");
    }
}

#[test]
fn two_writers_are_alone_among_up_to_ten_readers() {
    for readers in [1, 3, 10] {
        within_seconds(move || hammer(readers, 500));
    }
}
