//! Servers that end well: each runs as a process of its own, which is this test started again,
//! with clients of std, and is sent a signal.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use marmot::signal::{self, Signal};

#[path = "../graceful_shutdown.rs"]
mod graceful_shutdown;
#[path = "../static_files.rs"]
mod static_files;

const CHILD: &str = "MARMOT_TEST_CHILD";
/// A test that waits longer for one answer has failed.
const LIMIT: Duration = Duration::from_secs(60);

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// A server in a process of its own, killed if its test fails.
struct Server {
    process: Child,
    says: BufReader<ChildStdout>,
    addr: SocketAddr,
}

impl Server {
    /// The test, whose part in the child is to be the server.
    fn start(test: &str, args: &[&str]) -> Server {
        let mut process = Command::new(std::env::current_exe().expect("a test knows its own file"))
            .args(args)
            .args(["--exact", test, "--nocapture"])
            .env(CHILD, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started again");
        let says = BufReader::new(process.stdout.take().expect("piped"));
        let mut server = Server {
            process,
            says,
            addr: SocketAddr::from(([0; 4], 0)),
        };
        let line = server.hear(" on ");
        let (_, addr) = line.rsplit_once(['/', ' ']).expect("it tells where");
        server.addr = addr.parse().expect("an address");
        server
    }

    /// The next line that it says with this in it.
    fn hear(&mut self, what: &str) -> String {
        loop {
            let mut line = String::new();
            let length = self.says.read_line(&mut line).expect("text");
            assert!(length > 0, "it ended and never said {what:?}");
            if line.contains(what) {
                return line.trim_end().to_owned();
            }
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).expect("it listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a socket");
        stream
    }

    fn send(&self, signal: Signal) {
        signal::send(self.process.id(), signal).expect("it is there");
    }

    fn ends(&mut self) -> ExitStatus {
        self.process.wait().expect("a process")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("an answer");
    line.trim_end().to_owned()
}

#[test]
fn at_sigterm_what_was_begun_is_finished_and_the_status_is_0() {
    let test = "at_sigterm_what_was_begun_is_finished_and_the_status_is_0";
    if is_child() {
        let status = graceful_shutdown::main();
        unreachable!("main ends the process, not {status:?}");
    }
    let mut server = Server::start(test, &[]);
    let (busy, idle) = (server.connect(), server.connect());
    let mut hears_busy = BufReader::new(busy.try_clone().expect("a descriptor"));
    let mut hears_idle = BufReader::new(idle.try_clone().expect("a descriptor"));
    // Both are being served.
    for (mut to, from) in [(&busy, &mut hears_busy), (&idle, &mut hears_idle)] {
        to.write_all(b"first\n").expect("it reads");
        assert_eq!(line(from), "done: first");
    }
    (&busy).write_all(b"second\n").expect("it reads");
    std::thread::sleep(Duration::from_millis(50));
    server.send(Signal::TERM);
    assert_eq!(line(&mut hears_idle), "good bye");
    let answer = line(&mut hears_busy);
    // (On a slow machine the signal may have come before the line.)
    if answer != "good bye" {
        assert_eq!(answer, "done: second");
        assert_eq!(line(&mut hears_busy), "good bye");
    }
    assert_eq!(server.hear("signal"), "terminated signal received");
    server.hear("all have finished");
    assert!(TcpStream::connect(server.addr).is_err(), "nobody listens");
    assert_eq!(server.ends().code(), Some(0));
}

#[test]
fn the_second_signal_ends_it_at_once() {
    use std::os::unix::process::ExitStatusExt;
    let test = "the_second_signal_ends_it_at_once";
    if is_child() {
        let status = graceful_shutdown::main();
        unreachable!("main ends the process, not {status:?}");
    }
    let mut server = Server::start(test, &[]);
    let _stuck = unread(&server);
    server.send(Signal::INT);
    server.hear("interrupt signal received");
    server.send(Signal::INT);
    assert_eq!(server.ends().signal(), Some(Signal::INT.as_raw()));
}

#[test]
fn who_does_not_finish_is_cut_off_after_a_while() {
    let test = "who_does_not_finish_is_cut_off_after_a_while";
    if is_child() {
        let status = graceful_shutdown::main();
        unreachable!("main ends the process, not {status:?}");
    }
    let mut server = Server::start(test, &[]);
    let _stuck = unread(&server);
    server.send(Signal::TERM);
    server.hear("some have not finished");
    assert_eq!(server.ends().code(), Some(0));
}

/// A connection whose answer, which has begun, finds no room: nobody reads more than its beginning.
fn unread(server: &Server) -> TcpStream {
    let mut busy = server.connect();
    let long = vec![b'x'; 20_000_000];
    busy.write_all(&long).expect("it reads");
    busy.write_all(b"\n").expect("it reads");
    busy.read_exact(&mut [0; 100]).expect("it answers");
    busy
}

/// Status, headers and body of one answer on a connection that stays open.
fn ask(stream: &mut BufReader<TcpStream>, request: &str) -> (u16, String, Vec<u8>) {
    let head_only = request.starts_with("HEAD");
    let text = format!("{request} HTTP/1.1\r\nHost: test\r\n\r\n");
    stream
        .get_mut()
        .write_all(text.as_bytes())
        .expect("it reads");
    let status = line(stream);
    let mut headers = String::new();
    while stream.read_line(&mut headers).expect("headers") > 2 {}
    let headers = headers.to_lowercase();
    let length = headers
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length
        .expect("it tells its length")
        .parse()
        .expect("a number");
    let mut body = vec![0; if head_only { 0 } else { length }];
    stream.read_exact(&mut body).expect("a body");
    let status = status
        .split(' ')
        .nth(1)
        .expect("a status")
        .parse()
        .expect("a number");
    (status, headers, body)
}

#[test]
fn a_directory_is_served_and_nothing_beside_it() {
    let test = "a_directory_is_served_and_nothing_beside_it";
    if is_child() {
        let status = static_files::main();
        unreachable!("main ends the process, not {status:?}");
    }
    let root = std::env::temp_dir().join(format!("marmot-static-{}", std::process::id()));
    let big: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 3) as u8).collect();
    std::fs::create_dir_all(root.join("public/a dir")).expect("a place for tests");
    std::fs::write(root.join("secret.txt"), "not for you").expect("ours");
    std::fs::write(root.join("public/index.html"), "<p>hello").expect("ours");
    std::fs::write(root.join("public/a dir/big.bin"), &big).expect("ours");
    let public = root.join("public");
    let link = std::os::unix::fs::symlink::<&str, _>;
    link("index.html", public.join("inside")).expect("ours");
    link("../secret.txt", public.join("outside")).expect("ours");
    link("../..", public.join("up")).expect("ours");
    link("nowhere", public.join("dangling")).expect("ours");
    let fifo = Command::new("mkfifo").arg(public.join("fifo")).status();
    assert!(fifo.expect("it is part of every Unix").success());
    let mut server = Server::start(test, &[public.to_str().expect("plain"), "127.0.0.1:0"]);

    let mut client = BufReader::new(server.connect());
    let (status, headers, body) = ask(&mut client, "GET /");
    assert_eq!((status, body.as_slice()), (200, &b"<p>hello"[..]));
    assert!(headers.contains("content-type: text/html"), "{headers}");
    let (status, _, body) = ask(&mut client, "GET /a%20dir/big.bin");
    assert!(status == 200 && body == big);
    let part = "GET / HTTP/1.1\r\nRange: bytes=0-1\r\nNote: it ends with";
    let (status, _, body) = ask(&mut client, part);
    assert_eq!((status, body.as_slice()), (200, &b"<p>hello"[..]));
    let (status, headers, _) = ask(&mut client, "HEAD /a%20dir/big.bin");
    assert_eq!(status, 200);
    assert!(headers.contains("content-length: 3000000"), "{headers}");
    for (request, status) in [
        ("GET /missing", 404),
        ("GET /index.html/below", 404),
        ("GET /a%20dir", 404),
        ("POST /", 405),
        ("GET /../secret.txt", 400),
        ("GET /%2e%2e/secret.txt", 400),
        ("GET /a%20dir/..%2f..%2f..%2fsecret.txt", 400),
        ("GET /%zz", 400),
        ("GET /%00", 400),
        ("GET /inside", 200),
        ("GET /outside", 403),
        ("GET /up/", 403),
        ("GET /dangling", 404),
        // Nobody writes there, and nobody waits for it.
        ("GET /fifo", 403),
    ] {
        assert_eq!(ask(&mut client, request).0, status, "{request}");
    }

    // An idle connection does not hold the end up.
    let _idle = server.connect();
    server.send(Signal::TERM);
    assert_eq!(client.read(&mut [0]).expect("its end"), 0);
    server.hear("all have finished");
    assert_eq!(server.ends().code(), Some(0));
    std::fs::remove_dir_all(&root).expect("ours");
}

#[test]
fn an_answer_that_nobody_reads_does_not_hold_the_end_up() {
    let test = "an_answer_that_nobody_reads_does_not_hold_the_end_up";
    if is_child() {
        let status = static_files::main();
        unreachable!("main ends the process, not {status:?}");
    }
    let root = std::env::temp_dir().join(format!("marmot-unread-{}", std::process::id()));
    std::fs::create_dir_all(&root).expect("a place for tests");
    let file = std::fs::File::create(root.join("long")).expect("ours");
    // More than all buffers on the way hold.
    file.set_len(100_000_000).expect("room for a file of zeros");
    let mut server = Server::start(test, &[root.to_str().expect("plain"), "127.0.0.1:0"]);
    let mut client = server.connect();
    client
        .write_all(b"GET /long HTTP/1.1\r\nHost: test\r\n\r\n")
        .expect("it reads");
    client.read_exact(&mut [0; 1000]).expect("it begins");
    server.send(Signal::TERM);
    server.hear("some have not finished");
    assert_eq!(server.ends().code(), Some(0));
    std::fs::remove_dir_all(&root).expect("ours");
}
