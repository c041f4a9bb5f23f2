//! async-channel, the channel of smol; under tokio it is selected over with tokio's macro.

use std::fmt::Debug;

use async_channel::{Receiver, Sender, bounded, unbounded};
use benches::peer::{Abilities, Capacity, Channel, Value};

/// `async_channel`.
#[derive(Debug)]
pub struct AsyncChannel;

impl Channel for AsyncChannel {
    const CAN: Abilities = Abilities {
        rendezvous: false,
        ..Abilities::ALL
    };

    type Tx<T: Value + Debug + Unpin> = Sender<T>;
    type Rx<T: Value + Debug + Unpin> = Receiver<T>;

    fn new<T: Value + Debug + Unpin>(capacity: Capacity) -> (Sender<T>, Receiver<T>) {
        match capacity {
            Capacity::Bounded(capacity) => bounded(capacity),
            Capacity::Unbounded => unbounded(),
            Capacity::Rendezvous => panic!("async-channel has no capacity 0"),
        }
    }

    async fn send<T: Value + Debug + Unpin>(tx: &mut Sender<T>, value: T) -> bool {
        tx.send(value).await.is_ok()
    }

    async fn recv<T: Value + Debug + Unpin>(rx: &mut Receiver<T>) -> Option<T> {
        rx.recv().await.ok()
    }

    fn clone_rx<T: Value + Debug + Unpin>(rx: &Receiver<T>) -> Receiver<T> {
        rx.clone()
    }

    async fn recv_shared<T: Value + Debug + Unpin>(rx: &Receiver<T>) -> Option<T> {
        rx.recv().await.ok()
    }

    async fn recv_of_2<T: Value + Debug + Unpin>(rxs: &mut [Receiver<T>; 2]) -> Option<T> {
        let [a, b] = rxs;
        tokio::select! {
            v = a.recv() => v.ok(),
            v = b.recv() => v.ok(),
        }
    }

    async fn recv_of_8<T: Value + Debug + Unpin>(rxs: &mut [Receiver<T>; 8]) -> Option<T> {
        let [a, b, c, d, e, f, g, h] = rxs;
        tokio::select! {
            v = a.recv() => v.ok(),
            v = b.recv() => v.ok(),
            v = c.recv() => v.ok(),
            v = d.recv() => v.ok(),
            v = e.recv() => v.ok(),
            v = f.recv() => v.ok(),
            v = g.recv() => v.ok(),
            v = h.recv() => v.ok(),
        }
    }
}
