//! The promises of `WaitGroup`.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use marmot_sync::WaitGroup;
use support::{Count, now, poll, poll_with, text_of, within_seconds};

#[test]
fn nobody_waits_for_an_empty_group() {
    let group = WaitGroup::new();
    now(group.wait());
    group.add(0);
    now(group.wait());
}

#[test]
fn the_last_done_wakes_everybody_who_waits() {
    let group = WaitGroup::new();
    group.add(2);
    let woken = [Count::new(), Count::new()];
    let mut waits = [group.wait(), group.wait()];
    for (wait, woken) in waits.iter_mut().zip(&woken) {
        assert!(poll_with(wait, woken).is_pending());
    }
    group.done();
    assert_eq!(woken.each_ref().map(|woken| woken.calls()), [0, 0]);
    group.clone().done();
    assert_eq!(woken.each_ref().map(|woken| woken.calls()), [1, 1]);
    for wait in &mut waits {
        assert!(poll(wait).is_ready());
    }
}

#[test]
fn a_count_below_zero_panics_with_go_words_at_the_callers_line_and_changes_nothing() {
    let group = WaitGroup::new();
    let text = text_of(|| group.done());
    assert_eq!(text, "sync: negative WaitGroup counter");
    assert_eq!(group.count(), 0);
    group.add(1);
    assert_eq!(
        text_of(|| group.add(-2)),
        "sync: negative WaitGroup counter"
    );
    group.done();
    now(group.wait());
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_count_beyond_all_bounds_panics_as_in_go_and_changes_nothing() {
    let group = WaitGroup::new();
    group.add(5);
    for absurd in [isize::MAX, isize::MAX - 1, isize::MIN, isize::MIN + 1] {
        let text = text_of(|| group.add(absurd));
        assert_eq!(text, "sync: negative WaitGroup counter", "{absurd}");
        assert_eq!(group.count(), 5);
    }
    let much = 1 << (usize::BITS - 3);
    group.add(much);
    assert_eq!(
        text_of(|| group.add(much)),
        "sync: negative WaitGroup counter"
    );
    assert_eq!(group.count(), 5 + much.cast_unsigned());
    group.add(-much);
    group.add(-5);
    now(group.wait());
}

#[test]
fn the_panic_names_the_line_that_counted_too_far() {
    let (tx, rx) = std::sync::mpsc::channel();
    let tx = std::sync::Mutex::new(tx);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let file = info.location().map(|at| at.file().to_owned());
        tx.lock().expect("unpoisoned").send(file).ok();
    }));
    let ended = std::panic::catch_unwind(|| WaitGroup::new().done());
    std::panic::set_hook(before);
    assert!(ended.is_err());
    let file = rx.recv().expect("the hook ran").expect("a place");
    assert!(file.ends_with("tests/wait_group.rs"), "{file}");
}

#[test]
fn a_dropped_wait_leaves_nothing_behind() {
    let group = WaitGroup::new();
    group.add(1);
    let woken = Count::new();
    let mut wait = group.wait();
    assert!(poll_with(&mut wait, &woken).is_pending());
    drop(wait);
    group.done();
    assert_eq!(woken.calls(), 0);
    assert_eq!(Arc::strong_count(&woken), 1, "its waker is dropped");
}

#[test]
fn a_wait_is_over_at_zero_even_if_more_work_came_before_it_was_polled() {
    let group = WaitGroup::new();
    group.add(1);
    let mut wait = group.wait();
    assert!(poll(&mut wait).is_pending());
    group.done();
    group.add(1);
    assert!(poll(&mut wait).is_ready());
    group.done();
}

#[test]
fn a_group_is_used_again_and_again() {
    within_seconds(|| {
        let group = WaitGroup::new();
        for round in 0..100 {
            group.add(2);
            let others: Vec<_> = (0..2)
                .map(|_| {
                    let group = group.clone();
                    std::thread::spawn(move || group.done())
                })
                .collect();
            group.wait_blocking();
            assert_eq!(group.count(), 0, "round {round}");
            for other in others {
                other.join().expect("it ends well");
            }
        }
    });
}

#[test]
fn go_runs_the_future_and_wait_sees_its_effect() {
    within_seconds(|| {
        let group = WaitGroup::new();
        let seen = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            let seen = Arc::clone(&seen);
            group.go(async move {
                seen.fetch_add(1, Ordering::Relaxed);
            });
        }
        group.wait_blocking();
        assert_eq!(seen.load(Ordering::Relaxed), 10);
        assert_eq!(Arc::strong_count(&seen), 1, "all it held is dropped");
    });
}

#[test]
fn what_a_goroutine_of_the_group_gives_is_dropped_before_it_counts_as_done() {
    within_seconds(|| {
        let group = WaitGroup::new();
        let given = Arc::new(());
        let gives = Arc::clone(&given);
        group.go(async move { Ok::<_, String>(gives) });
        group.wait_blocking();
        assert_eq!(Arc::strong_count(&given), 1);
    });
}

#[test]
fn a_goroutine_of_the_group_that_panics_counts_as_done() {
    within_seconds(|| {
        let group = WaitGroup::new();
        group.go(async { panic!("a member fails") });
        group.wait_blocking();
    });
}

#[test]
fn a_guard_counts_until_it_is_dropped() {
    let group = WaitGroup::new();
    let guard = group.guard();
    assert_eq!(group.count(), 1);
    let mut wait = group.wait();
    assert!(poll(&mut wait).is_pending());
    text_of(move || {
        let _guard = guard;
        panic!("while it is held");
    });
    assert!(poll(&mut wait).is_ready());
}

#[test]
fn what_was_done_before_done_is_seen_after_wait() {
    within_seconds(|| {
        for _ in 0..200 {
            let group = WaitGroup::new();
            let cells: Arc<[AtomicUsize; 4]> = Arc::default();
            group.add(4);
            let workers: Vec<_> = (0..4)
                .map(|n| {
                    let (group, cells) = (group.clone(), Arc::clone(&cells));
                    std::thread::spawn(move || {
                        cells[n].store(1, Ordering::Relaxed);
                        group.done();
                    })
                })
                .collect();
            group.wait_blocking();
            assert!(cells.iter().all(|cell| cell.load(Ordering::Relaxed) == 1));
            for worker in workers {
                worker.join().expect("it ends well");
            }
        }
    });
}

/// A runner that keeps what it is to run.
struct Shelf(std::sync::Mutex<Vec<Goroutine>>);

type Goroutine = (
    std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
    &'static std::panic::Location<'static>,
);

impl marmot_wait::Runner for Shelf {
    fn enter_blocking(&self, _: marmot_wait::BlockingKind, _: marmot_wait::Note) {}

    fn leave_blocking(&self) {}

    fn spawn(
        &self,
        future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
        place: &'static std::panic::Location<'static>,
    ) {
        self.0.lock().expect("unpoisoned").push((future, place));
    }
}

#[test]
fn go_gives_the_future_to_the_runtime_of_this_thread_with_the_callers_line() {
    static SHELF: Shelf = Shelf(std::sync::Mutex::new(Vec::new()));
    let group = WaitGroup::new();
    let before = marmot_wait::set_runner(Some(&SHELF));
    let line = line!() + 1;
    group.go(async {});
    group.go(async {});
    marmot_wait::set_runner(before);
    let mut goroutines = SHELF.0.lock().expect("unpoisoned");
    let places: Vec<_> = goroutines.iter().map(|(_, place)| place.line()).collect();
    assert_eq!(places, [line, line + 1]);
    let mut wait = group.wait();
    assert!(poll(&mut wait).is_pending());
    let (mut run, _) = goroutines.remove(0);
    assert!(poll(&mut run).is_ready());
    assert_eq!(group.count(), 1);
    let (cut_off, _) = goroutines.remove(0);
    drop(cut_off);
    assert!(poll(&mut wait).is_ready(), "one that is cut off counts too");
}
