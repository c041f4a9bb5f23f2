//! smol's executor on threads of its own, as many as there are workers.
//!
//! `smol::spawn` reads the number of its threads once in a process, which will not do for
//! rows with one and with two; so this is what `smol::spawn` does, with a number. The
//! executor is never freed: a pointer to it is how a task finds it.

use std::cell::Cell;
use std::future::Future;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use benches::peer::{Runtime, Value};
use futures::channel::oneshot;
use smol::{Executor, Task, Timer};

type Static = &'static Executor<'static>;

thread_local! {
    static HERE: Cell<Option<Static>> = const { Cell::new(None) };
}

fn here() -> Static {
    HERE.get().expect("called from inside a task")
}

/// Threads that run one executor.
#[derive(Debug)]
pub struct Smol {
    executor: Static,
    stop: smol::channel::Sender<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Smol {
    fn drop(&mut self) {
        self.stop.close();
        for thread in self.threads.drain(..) {
            thread.join().expect("a worker does not panic");
        }
    }
}

impl Runtime for Smol {
    type Handle<T: Value> = Task<T>;
    type Put<T: Value> = oneshot::Sender<T>;
    type Take<T: Value> = oneshot::Receiver<T>;

    fn start(workers: usize) -> Self {
        let executor: Static = Box::leak(Box::default());
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let work = move |stopped: smol::channel::Receiver<()>| {
            HERE.set(Some(executor));
            // The channel carries nothing: it ends when it is closed.
            let _ended = smol::block_on(executor.run(stopped.recv()));
        };
        let threads = (0..workers)
            .map(|_| {
                let stopped = stopped.clone();
                thread::spawn(move || work(stopped))
            })
            .collect();
        Self {
            executor,
            stop,
            threads,
        }
    }

    fn run<F>(&self, root: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Value,
    {
        smol::block_on(self.executor.spawn(root))
    }

    fn go_from_outside<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.executor.spawn(task).detach();
    }

    fn spawn<F>(task: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Value,
    {
        here().spawn(task)
    }

    fn go<F>(task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        here().spawn(task).detach();
    }

    fn join<T: Value>(handle: Task<T>) -> impl Future<Output = T> + Send {
        handle
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        smol::future::yield_now()
    }

    async fn sleep(time: Duration) {
        Timer::after(time).await;
    }

    fn once<T: Value>() -> (oneshot::Sender<T>, oneshot::Receiver<T>) {
        oneshot::channel()
    }

    fn put<T: Value>(end: oneshot::Sender<T>, value: T) {
        assert!(end.send(value).is_ok(), "somebody waits for it");
    }

    async fn take<T: Value>(end: oneshot::Receiver<T>) -> T {
        end.await.expect("a value is put")
    }
}
