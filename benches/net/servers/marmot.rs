//! Marmot: a goroutine for each connection.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener as StdListener;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use marmot::go;
use marmot::net::{TcpListener, TcpStream};
use marmot::runtime::Runtime;

use crate::conns::{BUFFER_BYTES, GREETING, answer};
use crate::plan::Kind;

pub(crate) fn start(kind: Kind, workers: usize, listener: StdListener) {
    let runtime = Runtime::builder()
        .max_procs(workers)
        .build()
        .expect("a runtime can be started");
    drop(runtime.spawn(async move {
        let listener = TcpListener::from_std(listener).expect("it can be registered");
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("an option of TCP");
            match kind {
                Kind::Echo | Kind::Work => drop(go!(echo(stream, kind))),
                Kind::Http => drop(go!(http(stream))),
            }
        }
    }));
    // It serves until the process ends.
    std::mem::forget(runtime);
}

async fn echo(stream: TcpStream, kind: Kind) -> io::Result<()> {
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

async fn http(stream: TcpStream) {
    // What goes wrong concerns this connection only.
    let _broken = http1::Builder::new()
        .serve_connection(stream, service_fn(greet))
        .await;
}

async fn greet(_: Request<Incoming>) -> Result<Response<String>, Infallible> {
    Ok(Response::new(GREETING.to_owned()))
}
