//! hyper's client and server on our streams.

mod support;

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::{Body, Incoming};
use hyper::rt::{Executor as _, Timer as _};
use hyper::service::service_fn;
use hyper::{Request, Response, client, server};
use marmot_net::TcpStream;
use marmot_net::hyper::{Executor, Timer};
use marmot_wait::ambient::{self, Within};
use support::{Spawner, everywhere, listener};

async fn hello(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let body = read(request.into_body()).await;
    Ok(Response::new(format!("{} bytes", body.len())))
}

async fn read(body: Incoming) -> Vec<u8> {
    let (mut body, mut all) = (pin!(body), Vec::new());
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        if let Ok(data) = frame.expect("a frame").into_data() {
            all.extend_from_slice(&data);
        }
    }
    all
}

#[test]
fn a_request_gets_its_answer_twice_on_one_connection() {
    everywhere(|spawner: Spawner| async move {
        let listener = listener().await;
        let addr = listener.local_addr().expect("bound");
        let serving = spawner.spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            server::conn::http1::Builder::new()
                .timer(Timer)
                .serve_connection(stream, service_fn(hello))
                .await
        });
        let stream = TcpStream::connect(addr).await.expect("a server");
        let shaken = client::conn::http1::handshake(stream).await;
        let (mut ask, connection) = shaken.expect("a handshake");
        Executor.execute(async move { connection.await.expect("no error") });
        for len in [5, 100_000] {
            ask.ready().await.expect("the connection is open");
            let request = Request::post("/")
                .header("host", "here")
                .body("x".repeat(len));
            let answer = ask
                .send_request(request.expect("a request"))
                .await
                .expect("an answer");
            assert_eq!(
                read(answer.into_body()).await,
                format!("{len} bytes").into_bytes()
            );
        }
        drop(ask);
        serving.await.expect("the client's end");
    });
}

#[test]
fn a_timer_can_be_set_anew() {
    everywhere(|_| async {
        let begun = Instant::now();
        let mut sleep = Timer.sleep(Duration::from_secs(3600));
        Timer.reset(&mut sleep, begun + Duration::from_millis(2));
        sleep.await;
        assert!(begun.elapsed() >= Duration::from_millis(2));
    });
}

#[test]
fn a_task_of_hyper_inherits_what_is_ambient() {
    everywhere(|_| async {
        let (tell, told) = futures::channel::oneshot::channel();
        let inside = Within::new(Some(Arc::new(7)), async {
            Executor.execute(async { drop(tell.send(ambient::current())) });
        });
        inside.await;
        let number = told.await.expect("it runs").expect("something");
        assert_eq!(number.downcast_ref(), Some(&7));
    });
}
