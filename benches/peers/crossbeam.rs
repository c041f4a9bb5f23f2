//! crossbeam-channel between threads: a task is a thread, a send and a receive block it.
//!
//! Not a runtime: it shows what the same exchange costs where the kernel schedules.

use std::fmt::Debug;
use std::future::Future;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use benches::peer::{Abilities, Capacity, Channel, Runtime, Value};
use crossbeam_channel::{Receiver, Select, Sender, bounded, unbounded};
use futures::executor::block_on;

/// A thread for each task.
#[derive(Debug)]
pub struct Threads;

impl Runtime for Threads {
    type Handle<T: Value> = JoinHandle<T>;
    type Put<T: Value> = Sender<T>;
    type Take<T: Value> = Receiver<T>;

    fn start(_workers: usize) -> Self {
        Self
    }

    fn run<F>(&self, root: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Value,
    {
        let root = Self::spawn(root);
        root.join().expect("the root does not panic")
    }

    fn go_from_outside<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::go(task);
    }

    fn spawn<F>(task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Value,
    {
        thread::spawn(move || block_on(task))
    }

    fn go<F>(task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(Self::spawn(task));
    }

    async fn join<T: Value>(handle: JoinHandle<T>) -> T {
        handle.join().expect("the task does not panic")
    }

    async fn yield_now() {
        thread::yield_now();
    }

    async fn sleep(time: Duration) {
        thread::sleep(time);
    }

    fn once<T: Value>() -> (Sender<T>, Receiver<T>) {
        bounded(1)
    }

    fn put<T: Value>(end: Sender<T>, value: T) {
        assert!(end.send(value).is_ok(), "somebody waits for it");
    }

    async fn take<T: Value>(end: Receiver<T>) -> T {
        end.recv().expect("a value is put")
    }
}

/// `crossbeam_channel`.
#[derive(Debug)]
pub struct Crossbeam;

impl Channel for Crossbeam {
    const CAN: Abilities = Abilities::ALL;

    type Tx<T: Value + Debug + Unpin> = Sender<T>;
    type Rx<T: Value + Debug + Unpin> = Receiver<T>;

    fn new<T: Value + Debug + Unpin>(capacity: Capacity) -> (Sender<T>, Receiver<T>) {
        match capacity {
            Capacity::Rendezvous => bounded(0),
            Capacity::Bounded(capacity) => bounded(capacity),
            Capacity::Unbounded => unbounded(),
        }
    }

    async fn send<T: Value + Debug + Unpin>(tx: &mut Sender<T>, value: T) -> bool {
        tx.send(value).is_ok()
    }

    async fn recv<T: Value + Debug + Unpin>(rx: &mut Receiver<T>) -> Option<T> {
        rx.recv().ok()
    }

    fn clone_rx<T: Value + Debug + Unpin>(rx: &Receiver<T>) -> Receiver<T> {
        rx.clone()
    }

    async fn recv_shared<T: Value + Debug + Unpin>(rx: &Receiver<T>) -> Option<T> {
        rx.recv().ok()
    }

    async fn recv_of_2<T: Value + Debug + Unpin>(rxs: &mut [Receiver<T>; 2]) -> Option<T> {
        recv_of(rxs)
    }

    async fn recv_of_8<T: Value + Debug + Unpin>(rxs: &mut [Receiver<T>; 8]) -> Option<T> {
        recv_of(rxs)
    }
}

/// From whichever has something.
fn recv_of<T>(rxs: &[Receiver<T>]) -> Option<T> {
    let mut select = Select::new();
    for rx in rxs {
        select.recv(rx);
    }
    let chosen = select.select();
    let index = chosen.index();
    chosen.recv(&rxs[index]).ok()
}
