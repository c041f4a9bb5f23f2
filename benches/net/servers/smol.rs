//! smol's executor on threads of its own, as many as there are workers, and its sockets.

use std::io;
use std::net::TcpListener as StdListener;
use std::thread;

use futures::io::{AsyncReadExt as _, AsyncWriteExt as _};
use smol::net::{TcpListener, TcpStream};
use smol::{Async, Executor};

use crate::conns::{BUFFER_BYTES, answer};
use crate::plan::Kind;

pub(crate) fn start(kind: Kind, workers: usize, listener: StdListener) {
    let executor: &'static Executor<'static> = Box::leak(Box::default());
    executor
        .spawn(async move {
            let listener = TcpListener::from(Async::new(listener).expect("it can be registered"));
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                stream.set_nodelay(true).expect("an option of TCP");
                executor.spawn(echo(stream, kind)).detach();
            }
        })
        .detach();
    for _ in 0..workers {
        thread::spawn(|| smol::block_on(executor.run(std::future::pending::<()>())));
    }
}

async fn echo(mut stream: TcpStream, kind: Kind) -> io::Result<()> {
    let mut buffer = [0; BUFFER_BYTES];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            some => {
                answer(kind, &mut buffer[..some]);
                stream.write_all(&buffer[..some]).await?;
            }
        }
    }
}
