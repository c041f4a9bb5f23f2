//! The same programs under foreign executors and on a plain thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures::executor::ThreadPool;
use marmot_context::errgroup::Group;
use marmot_context::rate::Limiter;
use marmot_context::{Context, ContextError};
use marmot_testing::within;
use marmot_time::ms;
use marmot_wait::park::block_on;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
type Spawn = dyn Fn(Task) + Send + Sync;

/// Runs a program under each executor; `spawn` starts a task of that executor.
fn everywhere<F>(program: impl Fn(Arc<Spawn>) -> F + Send + Clone + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    within(Duration::from_secs(20), move || {
        let threads: Arc<Spawn> = Arc::new(|task| drop(std::thread::spawn(|| block_on(task))));
        block_on(program(threads));

        let pool = ThreadPool::new().expect("a pool");
        let (tx, rx) = mpsc::channel();
        let there = pool.clone();
        let main = program(Arc::new(move |task| there.spawn_ok(task)));
        pool.spawn_ok(async move {
            main.await;
            tx.send(()).expect("the test waits");
        });
        rx.recv().expect("the program ended well");

        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .expect("a runtime");
        let handle = runtime.handle().clone();
        let main = program(Arc::new(move |task| drop(handle.spawn(task))));
        runtime
            .block_on(runtime.spawn(main))
            .expect("the program ended well");
    });
}

#[test]
fn a_cancel_wakes_all_that_wait_on_any_level() {
    everywhere(async |spawn: Arc<Spawn>| {
        let (root, cancel) = Context::background().with_cancel();
        let (tx, rx) = marmot_chan::chan(0);
        for n in 0..20 {
            let (ctx, own) = root.with_value(n).with_cancel();
            let tx = tx.clone();
            spawn(Box::pin(async move {
                let _own = own;
                assert_eq!(tx.send(()).await, Ok(()));
                ctx.done().await;
                assert_eq!(tx.send(()).await, Ok(()));
            }));
        }
        for _ in 0..20 {
            rx.recv().await;
        }
        cancel.cancel();
        for _ in 0..20 {
            rx.recv().await;
        }
    });
}

#[test]
fn a_timeout_ends_what_runs() {
    everywhere(async |_| {
        let (ctx, _cancel) = Context::background().with_timeout(ms(5));
        let never = std::future::pending::<()>();
        assert_eq!(ctx.run(never).await, Err(ContextError::DeadlineExceeded));
    });
}

#[test]
fn the_first_error_of_a_group_ends_the_others() {
    everywhere(async |_| {
        let (group, ctx) = Group::with_context(&Context::background());
        for n in 0..5 {
            let ctx = ctx.clone();
            group.go(async move {
                if n == 3 {
                    return Err("the third");
                }
                ctx.done().await;
                Err("because of the third")
            });
        }
        assert_eq!(group.wait().await.unwrap_err().to_string(), "the third");
    });
}

#[test]
fn a_limiter_is_shared() {
    everywhere(async |spawn: Arc<Spawn>| {
        let limiter = Limiter::new(2000.0, 2);
        let (tx, rx) = marmot_chan::chan(0);
        let got = Arc::new(AtomicUsize::new(0));
        for _ in 0..4 {
            let (limiter, tx, got) = (limiter.clone(), tx.clone(), Arc::clone(&got));
            spawn(Box::pin(async move {
                for _ in 0..3 {
                    limiter.wait(&Context::background()).await.expect("in time");
                    got.fetch_add(1, Ordering::SeqCst);
                }
                tx.send(()).await.expect("somebody listens");
            }));
        }
        for _ in 0..4 {
            rx.recv().await;
        }
        assert_eq!(got.load(Ordering::SeqCst), 12);
    });
}
