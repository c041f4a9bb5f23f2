//! flume, its asynchronous half, on tokio; selected over with tokio's macro.

use std::fmt::Debug;

use benches::peer::{Abilities, Capacity, Channel, Value};
use flume::{Receiver, Sender, bounded, unbounded};

/// `flume`.
#[derive(Debug)]
pub struct Flume;

impl Channel for Flume {
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
        tx.send_async(value).await.is_ok()
    }

    async fn recv<T: Value + Debug + Unpin>(rx: &mut Receiver<T>) -> Option<T> {
        rx.recv_async().await.ok()
    }

    fn clone_rx<T: Value + Debug + Unpin>(rx: &Receiver<T>) -> Receiver<T> {
        rx.clone()
    }

    async fn recv_shared<T: Value + Debug + Unpin>(rx: &Receiver<T>) -> Option<T> {
        rx.recv_async().await.ok()
    }

    async fn recv_of_2<T: Value + Debug + Unpin>(rxs: &mut [Receiver<T>; 2]) -> Option<T> {
        let [a, b] = rxs;
        tokio::select! {
            v = a.recv_async() => v.ok(),
            v = b.recv_async() => v.ok(),
        }
    }

    async fn recv_of_8<T: Value + Debug + Unpin>(rxs: &mut [Receiver<T>; 8]) -> Option<T> {
        let [a, b, c, d, e, f, g, h] = rxs;
        tokio::select! {
            v = a.recv_async() => v.ok(),
            v = b.recv_async() => v.ok(),
            v = c.recv_async() => v.ok(),
            v = d.recv_async() => v.ok(),
            v = e.recv_async() => v.ok(),
            v = f.recv_async() => v.ok(),
            v = g.recv_async() => v.ok(),
            v = h.recv_async() => v.ok(),
        }
    }
}
