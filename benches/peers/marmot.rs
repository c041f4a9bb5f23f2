//! Marmot: the only file here that names it.

pub use marmot::{fs, process::Command};
use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use benches::peer::{Abilities, Capacity, Channel, Runtime, Value};
use marmot::chan::{Receiver, Sender, chan, unbounded};
use marmot::runtime::{self, JoinHandle};
use marmot::{select, time};
use tokio::sync::oneshot;

/// The runtime, as `#[marmot::main]` makes it but for the number of Ps.
#[derive(Debug)]
pub struct Marmot(runtime::Runtime);

impl Runtime for Marmot {
    type Handle<T: Value> = JoinHandle<T>;
    // We have no one-value channel; tokio's runs under any executor.
    type Put<T: Value> = oneshot::Sender<T>;
    type Take<T: Value> = oneshot::Receiver<T>;

    fn start(workers: usize) -> Self {
        let rt = runtime::Runtime::builder()
            .max_procs(workers)
            .build()
            .expect("a runtime can be started");
        Self(rt)
    }

    fn run<F>(&self, root: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Value,
    {
        let root = self.0.spawn(root);
        self.0.block_on(root).expect("the root does not panic")
    }

    fn go_from_outside<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(self.0.spawn(task));
    }

    fn spawn<F>(task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Value,
    {
        marmot::spawn(task)
    }

    fn go<F>(task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(marmot::spawn(task));
    }

    async fn join<T: Value>(handle: JoinHandle<T>) -> T {
        handle.await.expect("the goroutine does not panic")
    }

    async fn yield_now() {
        runtime::gosched().await;
    }

    async fn sleep(time: Duration) {
        time::sleep(time).await;
    }

    fn once<T: Value>() -> (oneshot::Sender<T>, oneshot::Receiver<T>) {
        oneshot::channel()
    }

    fn put<T: Value>(end: oneshot::Sender<T>, value: T) {
        assert!(end.send(value).is_ok(), "somebody takes it");
    }

    async fn take<T: Value>(end: oneshot::Receiver<T>) -> T {
        end.await.expect("a value is put")
    }
}

/// Marmot's channel. It runs under any executor, so it takes part twice: with our
/// scheduler, and on tokio.
#[derive(Debug)]
pub struct Chan;

impl Channel for Chan {
    const CAN: Abilities = Abilities::ALL;

    type Tx<T: Value + Debug + Unpin> = Sender<T>;
    type Rx<T: Value + Debug + Unpin> = Receiver<T>;

    fn new<T: Value + Debug + Unpin>(capacity: Capacity) -> (Sender<T>, Receiver<T>) {
        match capacity {
            Capacity::Rendezvous => chan(0),
            Capacity::Bounded(capacity) => chan(capacity),
            Capacity::Unbounded => unbounded(),
        }
    }

    async fn send<T: Value + Debug + Unpin>(tx: &mut Sender<T>, value: T) -> bool {
        tx.send(value).await.is_ok()
    }

    async fn recv<T: Value + Debug + Unpin>(rx: &mut Receiver<T>) -> Option<T> {
        rx.recv().await
    }

    fn clone_rx<T: Value + Debug + Unpin>(rx: &Receiver<T>) -> Receiver<T> {
        rx.clone()
    }

    async fn recv_shared<T: Value + Debug + Unpin>(rx: &Receiver<T>) -> Option<T> {
        rx.recv().await
    }

    async fn recv_of_2<T: Value + Debug + Unpin>(rxs: &mut [Receiver<T>; 2]) -> Option<T> {
        let [a, b] = rxs;
        select! {
            v = a.recv() => v,
            v = b.recv() => v,
        }
    }

    async fn recv_of_8<T: Value + Debug + Unpin>(rxs: &mut [Receiver<T>; 8]) -> Option<T> {
        let [a, b, c, d, e, f, g, h] = rxs;
        select! {
            v = a.recv() => v,
            v = b.recv() => v,
            v = c.recv() => v,
            v = d.recv() => v,
            v = e.recv() => v,
            v = f.recv() => v,
            v = g.recv() => v,
            v = h.recv() => v,
        }
    }
}

/// A ticker.
pub fn ticker(distance: Duration) -> time::Ticker {
    time::Ticker::new(distance)
}
