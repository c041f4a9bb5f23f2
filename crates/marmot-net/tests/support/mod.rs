//! What the tests of this crate share: executors, and pairs of sockets.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::future::Future;
use std::time::Duration;

use futures::executor::ThreadPool;
use futures::future::RemoteHandle;
use futures::task::SpawnExt;
use marmot_net::{TcpListener, TcpStream};
use marmot_testing::within;
use marmot_wait::park;

/// Nothing here takes that long.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Runs a test under three executors that are not ours, inside a watchdog. Sockets are then
/// served by the fallback thread.
pub(crate) fn everywhere<F: Future<Output = ()> + Send + 'static>(test: fn(Spawner) -> F) {
    within(LIMIT, move || park::block_on(test(Spawner::pool())));
    within(LIMIT, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .expect("a runtime");
        runtime.block_on(test(Spawner::pool()));
    });
    within(LIMIT, move || {
        let spawner = Spawner::pool();
        let handle = spawner.spawn(test(spawner.clone()));
        park::block_on(handle);
    });
}

/// Starts tasks on futures' thread pool.
#[derive(Clone)]
pub(crate) struct Spawner(ThreadPool);

impl Spawner {
    fn pool() -> Spawner {
        let pool = ThreadPool::builder().pool_size(2).create();
        Spawner(pool.expect("threads"))
    }

    pub(crate) fn spawn<R: Send + 'static>(
        &self,
        task: impl Future<Output = R> + Send + 'static,
    ) -> RemoteHandle<R> {
        self.0.spawn_with_handle(task).expect("the pool runs")
    }
}

/// A connection on loopback, from both ends.
pub(crate) async fn pair() -> (TcpStream, TcpStream) {
    let listener = listener().await;
    let client = TcpStream::connect(listener.local_addr().expect("bound")).await;
    let (server, peer) = listener.accept().await.expect("a connection");
    let client = client.expect("the listener listens");
    assert_eq!(client.local_addr().expect("connected"), peer);
    (client, server)
}

pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a port")
}
