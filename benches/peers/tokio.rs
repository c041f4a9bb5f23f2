//! tokio's multi-thread runtime and its channels.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use benches::peer::{Abilities, Capacity, Channel, Runtime, Value};
use tokio::runtime::{self, Builder};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, JoinHandle};

/// `tokio::runtime`, everything enabled, as `#[tokio::main]` makes it.
#[derive(Debug)]
pub struct Tokio(runtime::Runtime);

impl Runtime for Tokio {
    type Handle<T: Value> = JoinHandle<T>;
    type Put<T: Value> = oneshot::Sender<T>;
    type Take<T: Value> = oneshot::Receiver<T>;

    fn start(workers: usize) -> Self {
        let rt = Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
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
        task::spawn(task)
    }

    fn go<F>(task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(task::spawn(task));
    }

    async fn join<T: Value>(handle: JoinHandle<T>) -> T {
        handle.await.expect("the task does not panic")
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        task::yield_now()
    }

    fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(time)
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

/// `tokio::sync::mpsc::channel`.
#[derive(Debug)]
pub struct Mpsc;

impl Channel for Mpsc {
    const CAN: Abilities = Abilities {
        rendezvous: false,
        unbounded: false,
        many_receivers: false,
        ..Abilities::ALL
    };

    type Tx<T: Value + Debug + Unpin> = mpsc::Sender<T>;
    type Rx<T: Value + Debug + Unpin> = mpsc::Receiver<T>;

    fn new<T: Value + Debug + Unpin>(capacity: Capacity) -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
        match capacity {
            Capacity::Bounded(capacity) => mpsc::channel(capacity),
            other => panic!("mpsc::channel has no {other:?}"),
        }
    }

    async fn send<T: Value + Debug + Unpin>(tx: &mut mpsc::Sender<T>, value: T) -> bool {
        tx.send(value).await.is_ok()
    }

    fn recv<T: Value + Debug + Unpin>(
        rx: &mut mpsc::Receiver<T>,
    ) -> impl Future<Output = Option<T>> + Send {
        rx.recv()
    }

    async fn recv_of_2<T: Value + Debug + Unpin>(rxs: &mut [mpsc::Receiver<T>; 2]) -> Option<T> {
        let [a, b] = rxs;
        tokio::select! {
            v = a.recv() => v,
            v = b.recv() => v,
        }
    }

    async fn recv_of_8<T: Value + Debug + Unpin>(rxs: &mut [mpsc::Receiver<T>; 8]) -> Option<T> {
        let [a, b, c, d, e, f, g, h] = rxs;
        tokio::select! {
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

/// `tokio::sync::mpsc::unbounded_channel`.
#[derive(Debug)]
pub struct UnboundedMpsc;

impl Channel for UnboundedMpsc {
    const CAN: Abilities = Abilities {
        rendezvous: false,
        bounded: false,
        unbounded: true,
        many_receivers: false,
        select: false,
    };

    type Tx<T: Value + Debug + Unpin> = mpsc::UnboundedSender<T>;
    type Rx<T: Value + Debug + Unpin> = mpsc::UnboundedReceiver<T>;

    fn new<T: Value + Debug + Unpin>(
        _capacity: Capacity,
    ) -> (mpsc::UnboundedSender<T>, mpsc::UnboundedReceiver<T>) {
        mpsc::unbounded_channel()
    }

    async fn send<T: Value + Debug + Unpin>(tx: &mut mpsc::UnboundedSender<T>, value: T) -> bool {
        tx.send(value).is_ok()
    }

    fn recv<T: Value + Debug + Unpin>(
        rx: &mut mpsc::UnboundedReceiver<T>,
    ) -> impl Future<Output = Option<T>> + Send {
        rx.recv()
    }
}
