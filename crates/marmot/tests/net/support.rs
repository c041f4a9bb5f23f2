//! Running a test on our runtime, and in a process of its own.

use std::future::Future;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use marmot::__private::{Options, test};
use marmot::net::{TcpListener, TcpStream};
use marmot::prelude::*;
use marmot_testing::within;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// None of the tests needs a tenth of it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Runs a program as a test of its own, on one P and on two.
#[track_caller]
pub(crate) fn on_each<F>(program: fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for procs in [1, 2] {
        on(procs, program);
    }
}

/// Runs a program as a test of its own.
#[track_caller]
pub(crate) fn on<F>(procs: usize, program: impl FnOnce() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    within(LIMIT, move || {
        // Servers go on until the end of their test.
        let options = Options::new().max_procs(procs).leaks("off");
        test(options, "net", program);
    });
}

const CHILD: &str = "MARMOT_TEST_CHILD";

/// In the parent: a child that runs only this test, named as the test harness names it, with
/// its stdin and stdout. In the child: nothing, and the caller goes on with the test itself.
pub(crate) fn child(name: &str) -> Option<Child> {
    if std::env::var_os(CHILD).is_some() {
        return None;
    }
    let child = Command::new(std::env::current_exe().expect("a test knows its own file"))
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    Some(child.expect("the test can be started again"))
}

/// Lets this process have so many descriptors, or as many as it may; says how many.
pub(crate) fn allow_descriptors(wanted: u64) -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(wanted).min(wanted);
    limit.current = Some(allowed);
    setrlimit(Resource::Nofile, Rlimit { ..limit }).expect("it is within the hard limit");
    allowed
}

pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a port")
}

/// A connection, from both ends.
pub(crate) async fn pair() -> (TcpStream, TcpStream) {
    let listener = listener().await;
    let addr = listener.local_addr().expect("bound");
    let client = TcpStream::connect(addr).await.expect("it listens");
    let (server, _) = listener.accept().await.expect("a connection");
    (client, server)
}

/// Serves each connection with `serve` in a goroutine of its own.
pub(crate) fn serving<F>(listener: TcpListener, serve: fn(TcpStream) -> F) -> Arc<TcpListener>
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = Arc::new(listener);
    drop(go!([listener], async move {
        while let Ok((stream, _)) = listener.accept().await {
            go!(serve(stream));
        }
    }));
    listener
}

/// Gives back what comes, until it ends.
pub(crate) async fn echo(stream: TcpStream) {
    let mut buffer = [0; 1024];
    while let Ok(some @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..some]).await.is_err() {
            break;
        }
    }
}
