//! kanal, its asynchronous half, on tokio. It cannot be selected over: a receive that is
//! dropped may take a message with it.

use std::fmt::Debug;

use benches::peer::{Abilities, Capacity, Channel, Value};
use kanal::{AsyncReceiver, AsyncSender, bounded_async, unbounded_async};

/// `kanal`.
#[derive(Debug)]
pub struct Kanal;

impl Channel for Kanal {
    const CAN: Abilities = Abilities {
        select: false,
        ..Abilities::ALL
    };

    type Tx<T: Value + Debug + Unpin> = AsyncSender<T>;
    type Rx<T: Value + Debug + Unpin> = AsyncReceiver<T>;

    fn new<T: Value + Debug + Unpin>(capacity: Capacity) -> (AsyncSender<T>, AsyncReceiver<T>) {
        match capacity {
            Capacity::Rendezvous => bounded_async(0),
            Capacity::Bounded(capacity) => bounded_async(capacity),
            Capacity::Unbounded => unbounded_async(),
        }
    }

    async fn send<T: Value + Debug + Unpin>(tx: &mut AsyncSender<T>, value: T) -> bool {
        tx.send(value).await.is_ok()
    }

    async fn recv<T: Value + Debug + Unpin>(rx: &mut AsyncReceiver<T>) -> Option<T> {
        rx.recv().await.ok()
    }

    fn clone_rx<T: Value + Debug + Unpin>(rx: &AsyncReceiver<T>) -> AsyncReceiver<T> {
        rx.clone()
    }

    async fn recv_shared<T: Value + Debug + Unpin>(rx: &AsyncReceiver<T>) -> Option<T> {
        rx.recv().await.ok()
    }
}
