//! Scopes under the real scheduler: what is borrowed stays, whatever ends how.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use marmot::prelude::*;
use marmot::runtime::{goexit, num_goroutine, scope};
use marmot::{Deadlock, Panic};

/// What a panic says.
fn text_of<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        return "no panic".to_owned();
    };
    let text = payload.downcast_ref::<&'static str>().copied();
    text.map(str::to_owned)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .expect("a text")
}

/// Counts the values of it that live.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Counted<'a> {
        // ORDERING: Relaxed, here and below: a count; the scope's end synchronises.
        count.fetch_add(1, Ordering::Relaxed);
        Counted(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn live(count: &AtomicUsize) -> usize {
    count.load(Ordering::Relaxed)
}

#[marmot::test(max_procs = 2)]
async fn children_borrow_and_give_their_results() {
    let words = ["one", "three", "eleven"].map(String::from);
    let before = num_goroutine();
    let (sum, longest) = scope(|s| {
        let handles = words.each_ref().map(|word| {
            s.go(async move {
                gosched().await;
                word.as_str()
            })
        });
        let joined = handles.map(|handle| handle.join_blocking().unwrap());
        let sum: usize = joined.iter().map(|word| word.len()).sum();
        (sum, joined.into_iter().max_by_key(|word| word.len()))
    });
    assert_eq!((sum, longest), (14, Some("eleven")));
    assert_eq!(num_goroutine(), before, "they have ended, not only nearly");
}

#[marmot::test(max_procs = 1)]
async fn on_one_p_the_children_run_while_the_parent_waits_and_meet_in_channels() {
    let (tx, rx) = chan(0);
    let received = Mutex::new(Vec::new());
    scope(|s| {
        s.go(async {
            for number in 0..100 {
                tx.send(number).await.unwrap();
            }
            tx.close();
        });
        s.go(async {
            while let Some(number) = rx.recv().await {
                received.lock().await.push(number);
            }
        });
        // Blocks the only P's goroutine as well: it is handed on.
        rx.len()
    });
    let expected: Vec<i32> = (0..100).collect();
    assert_eq!(*received.lock().await, expected);
}

#[marmot::test(max_procs = 2)]
async fn ten_thousand_children_count_on_one_borrowed_counter() {
    let (count, mut slots) = (AtomicUsize::new(0), vec![0_u32; 10_000]);
    let before = num_goroutine();
    scope(|s| {
        for (number, slot) in (0..).zip(&mut slots) {
            let counted = Counted::new(&count);
            s.go(async move {
                gosched().await;
                *slot = number;
                drop(counted);
            });
        }
    });
    assert_eq!(live(&count), 0);
    assert!(slots.into_iter().eq(0..10_000));
    assert_eq!(num_goroutine(), before);
}

#[marmot::test(max_procs = 2)]
async fn siblings_and_nested_scopes() {
    let sum = AtomicUsize::new(0);
    let add = |n: usize| sum.fetch_add(n, Ordering::Relaxed);
    scope(|s| {
        s.go(async move {
            s.go(async move {
                gosched().await;
                s.go(async move { add(1) });
            });
        });
        for _ in 0..10 {
            s.go(async {
                let inner = String::from("inner");
                scope(|t| {
                    t.go(async { add(inner.len()) });
                    t.go(async {
                        gosched().await;
                        add(inner.len());
                    });
                });
            });
        }
    });
    assert_eq!(sum.into_inner(), 101);
}

#[marmot::test(max_procs = 2)]
async fn a_panic_comes_out_when_all_have_ended() {
    let (count, before) = (AtomicUsize::new(0), num_goroutine());
    let panicked = text_of(|| {
        scope(|s| {
            for number in 0..20 {
                let counted = Counted::new(&count);
                s.go(async move {
                    let _counted = counted;
                    sleep(ms(number % 4)).await;
                    assert!(number != 7, "seven");
                });
            }
        });
    });
    assert_eq!((panicked.as_str(), live(&count)), ("seven", 0));
    let panicked = text_of(|| {
        scope(|s| {
            let counted = Counted::new(&count);
            s.go(async move {
                let _counted = counted;
                sleep(ms(5)).await;
            });
            panic!("body");
        })
    });
    assert_eq!((panicked.as_str(), live(&count)), ("body", 0));
    let panicked = text_of(|| {
        scope(|s| {
            let child = s.go(async { panic!("child") });
            while !child.is_finished() {
                std::thread::yield_now();
            }
            panic!("body, as the second")
        })
    });
    assert_eq!(panicked, "child");
    assert_eq!(num_goroutine(), before);
}

#[marmot::test]
async fn a_joined_panic_belongs_to_the_joiner_and_goexit_is_none() {
    let text = String::from("borrowed");
    let (panicked, left, child) = scope(|s| {
        let panicked = s.go(async { panic!("{text}") });
        let left = s.go(async {
            goexit().await;
        });
        let child = s.go(async { panic!("a panic that another child joins") });
        let joiner = s.go(async { child.join().await.unwrap_err().is_panic() });
        (
            panicked.join_blocking().unwrap_err(),
            left.join_blocking().unwrap_err(),
            joiner.join_blocking().unwrap(),
        )
    });
    let payload = panicked.into_panic();
    assert_eq!(payload.downcast_ref::<String>().unwrap(), "borrowed");
    assert!(left.is_goexit());
    assert!(child);
}

#[marmot::test(max_procs = 2)]
async fn forgotten_handles_change_nothing() {
    let (count, before) = (AtomicUsize::new(0), num_goroutine());
    scope(|s| {
        for _ in 0..10 {
            let counted = Counted::new(&count);
            std::mem::forget(s.go(async move {
                sleep(ms(1)).await;
                drop(counted);
            }));
        }
    });
    assert_eq!(live(&count), 0);
    let panicked = text_of(|| {
        scope(|s| {
            std::mem::forget(s.go(async { panic!("forgotten") }));
        });
    });
    assert_eq!(panicked, "forgotten");
    assert_eq!(num_goroutine(), before);
}

#[marmot::test(max_procs = 1)]
async fn a_child_that_never_ends_is_aborted() {
    let count = AtomicUsize::new(0);
    let errors = scope(|s| {
        let handles = [0, 1].map(|number| {
            let counted = Counted::new(&count);
            s.go(async move {
                let _counted = counted;
                if number == 0 {
                    select! {}
                }
                loop {
                    gosched().await;
                }
            })
        });
        sleep_blocking(ms(2));
        handles[0].abort();
        let other = handles[1].abort_handle();
        s.go(async move { other.abort() });
        handles.map(|handle| handle.join_blocking().unwrap_err())
    });
    assert!(errors.iter().all(JoinError::is_cancelled));
    assert_eq!(live(&count), 0);
}

/// Sleeps as a plain thread does, in the body of a scope.
fn sleep_blocking(duration: Duration) {
    runtime::blocking(|| std::thread::sleep(duration));
}

#[marmot::test]
async fn children_inherit_the_ambient_context() {
    let ctx = Context::background().with_value(7_u32);
    let value = || Context::current().value::<u32>().copied();
    let inherited =
        ctx.scope(async { scope(|s| s.go(async { value() }).join_blocking().unwrap()) });
    assert_eq!(inherited.await, Some(7));
    assert_eq!(
        scope(|s| s.go(async { value() }).join_blocking().unwrap()),
        None
    );
}

#[marmot::test]
async fn a_goexit_in_the_body_ends_the_goroutine_when_its_children_have_ended() {
    let (tx, rx) = chan(1);
    let ended = go!(async move {
        let text = String::from("borrowed");
        scope(|s| {
            s.go(async {
                sleep(ms(2)).await;
                tx.send(text.len()).await.unwrap();
            });
            marmot::block_on(goexit());
        });
    });
    assert!(ended.await.unwrap_err().is_goexit());
    assert_eq!(rx.try_recv(), Ok(8));
}

#[test]
fn outside_a_runtime_it_says_what_to_write() {
    let panicked = text_of(|| scope(|_| ()));
    assert!(panicked.contains("#[marmot::main]"), "{panicked}");
}

#[test]
fn it_works_on_the_thread_of_block_on() {
    let mut value = 0;
    marmot::block_on(async {
        scope(|s| {
            s.go(async { value += 1 });
        });
    });
    assert_eq!(value, 1);
}

/// A runtime ends while a scope is open: children that wait, children in a poll, and a child
/// that is started too late. Nothing borrowed may go before they have.
fn a_runtime_ends_under_a_scope(end: fn(Runtime)) {
    let rt = Runtime::builder()
        .max_procs(2)
        .panic(Panic::Report)
        .deadlock(Deadlock::Off)
        .build()
        .unwrap();
    let (tx, rx) = std::sync::mpsc::channel();
    let (opened, is_open) = std::sync::mpsc::channel();
    rt.spawn(async move {
        let count = AtomicUsize::new(0);
        let words = StdMutex::new(vec![String::from("borrowed")]);
        let late = scope(|s| {
            for number in 0..20 {
                let counted = Counted::new(&count);
                let words = &words;
                s.go(async move {
                    let _counted = counted;
                    match number % 3 {
                        0 => std::future::pending::<()>().await,
                        1 => sleep(secs(3600)).await,
                        _ => runtime::blocking(|| std::thread::sleep(ms(100))),
                    }
                    words.lock().unwrap().push(number.to_string());
                });
            }
            opened.send(()).unwrap();
            runtime::blocking(|| std::thread::sleep(ms(50)));
            let late = s.go(async { words.lock().unwrap().len() });
            late.join_blocking().unwrap_err().is_cancelled()
        });
        tx.send((live(&count), late)).unwrap();
    });
    is_open.recv().unwrap();
    end(rt);
    let patience = Duration::from_secs(60);
    assert_eq!(rx.recv_timeout(patience), Ok((0, true)));
}

#[test]
fn a_runtime_that_is_dropped_under_a_scope_drops_the_children_first() {
    a_runtime_ends_under_a_scope(drop);
}

#[test]
fn a_runtime_without_patience_drops_the_children_first() {
    a_runtime_ends_under_a_scope(|rt| rt.shutdown_timeout(Duration::ZERO));
}
