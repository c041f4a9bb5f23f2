//! The page's server, as a client sees it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use marmot_scheduler::Runtime;
use marmot_testing::within;
use marmot_trace::{FlightRecorder, PageServer, page, serve};

const PATIENCE: Duration = Duration::from_secs(60);

/// A runtime and its page.
fn served() -> (Runtime, PageServer) {
    let runtime = Runtime::builder().max_procs(1).build().unwrap();
    let server = page().runtime(runtime.handle()).serve(":0").unwrap();
    (runtime, server)
}

/// Sends these bytes; all that comes back.
fn exchange(to: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    // One that is sent away before it was read may be reset instead of answered.
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(to: SocketAddr, target: &str) -> String {
    exchange(
        to,
        format!("GET {target} HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes(),
    )
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or_default()
}

#[test]
fn every_address_of_the_index_answers() {
    within(PATIENCE, || {
        let (runtime, server) = served();
        let waits = runtime.spawn(std::future::pending::<()>());
        let at = server.local_addr();
        assert!(at.ip().is_loopback());
        let index = get(at, "/debug/");
        for line in index.lines().filter(|line| line.starts_with('/')) {
            let target = line.split_whitespace().next().unwrap();
            if target.starts_with("/debug/trace") || target == "/debug/flight" {
                continue;
            }
            let answer = get(at, target);
            assert_eq!(status(&answer), "200", "{target}: {answer}");
            assert!(answer.contains("Content-Security-Policy"), "{target}");
        }
        let text = get(at, "/debug/goroutines?debug=2");
        assert!(text.contains("goroutine 1 ["), "{text}");
        assert!(text.contains("tests/page.rs"), "{text}");
        assert!(get(at, "/debug/goroutines").contains("goroutine profile: total 1"));
        assert!(get(at, "/debug/metrics").ends_with("# EOF\n"));
        assert!(get(at, "/debug/state.json").contains("\"total\":1"));
        drop(waits);
    });
}

#[test]
fn it_answers_while_every_p_is_stuck() {
    within(PATIENCE, || {
        let (runtime, server) = served();
        let (stuck, is_stuck) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let blocks = runtime.spawn(async move {
            stuck.send(()).unwrap();
            ends.recv().unwrap();
        });
        is_stuck.recv().unwrap();
        let text = get(server.local_addr(), "/debug/goroutines?debug=2");
        assert!(text.contains("goroutine 1 [running]"), "{text}");
        end.send(()).unwrap();
        runtime.block_on(blocks).unwrap();
    });
}

#[test]
fn it_can_only_be_read_from() {
    let (_runtime, server) = served();
    let at = server.local_addr();
    for method in ["POST", "PUT", "DELETE", "PATCH", "CONNECT"] {
        let request = format!("{method} / HTTP/1.1\r\nHost: {at}\r\nContent-Length: 3\r\n\r\nabc");
        let answer = exchange(at, request.as_bytes());
        assert_eq!(status(&answer), "405", "{answer}");
        assert!(answer.contains("Allow: GET, HEAD"), "{answer}");
    }
    let head = exchange(
        at,
        format!("HEAD / HTTP/1.1\r\nHost: {at}\r\n\r\n").as_bytes(),
    );
    assert_eq!(status(&head), "200");
    assert!(head.ends_with("\r\n\r\n"), "no body");
}

#[test]
fn a_name_that_points_here_by_a_trick_gets_nothing() {
    let (_runtime, server) = served();
    let request = b"GET /debug/goroutines HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    assert_eq!(status(&exchange(server.local_addr(), request)), "403");
    let script = b"GET /debug/trace HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n\r\n";
    assert_eq!(status(&exchange(server.local_addr(), script)), "403");
}

#[test]
fn bad_requests_are_answered_and_do_not_end_the_server() {
    let (_runtime, server) = served();
    let at = server.local_addr();
    let long = format!("GET /{} HTTP/1.1\r\nHost: {at}\r\n\r\n", "a".repeat(20_000));
    let many: [(&[u8], &str); 6] = [
        (b"\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\n\r\n", "400"),
        (b"GET / HTTP/3.0\r\nHost: localhost\r\n\r\n", "505"),
        (b"\xff\xff\xff\n\n", "400"),
        (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        (long.as_bytes(), "431"),
    ];
    for (request, wanted) in many {
        let answer = exchange(at, request);
        assert_eq!(
            status(&answer),
            wanted,
            "{}",
            String::from_utf8_lossy(request)
        );
    }
    for seconds in ["0", "-1", "NaN", "inf", "61", "x", ""] {
        let answer = get(at, &format!("/debug/trace?seconds={seconds}"));
        assert_eq!(status(&answer), "400", "seconds={seconds}");
    }
    assert_eq!(status(&get(at, "/debug/flight")), "404");
    assert_eq!(status(&get(at, "/debug/goroutines?debug=3")), "400");
    assert_eq!(status(&get(at, "/")), "200");
}

#[test]
fn too_many_requests_at_once_are_sent_away() {
    within(PATIENCE, || {
        let (_runtime, server) = served();
        let at = server.local_addr();
        // They send nothing, and hold a place each.
        let held: Vec<_> = (0..16).map(|_| TcpStream::connect(at).unwrap()).collect();
        let answer = get(at, "/");
        assert!(matches!(status(&answer), "503" | ""), "{answer}");
        drop(held);
        while status(&get(at, "/")) != "200" {
            std::thread::yield_now();
        }
    });
}

#[test]
fn a_trace_of_the_next_moment_comes_in_chunks() {
    within(PATIENCE, || {
        let runtime = Runtime::builder().max_procs(1).build().unwrap();
        let recorder = FlightRecorder::start().unwrap();
        let page = page().runtime(runtime.handle()).flight_recorder(recorder);
        let server = page.serve("127.0.0.1:0").unwrap();
        let at = server.local_addr();
        let answer = get(at, "/debug/trace?seconds=0.05");
        assert_eq!(status(&answer), "200", "{answer}");
        assert!(answer.contains("Transfer-Encoding: chunked"));
        assert!(answer.ends_with("\r\n0\r\n\r\n"), "the last chunk is there");
        assert_eq!(status(&get(at, "/debug/flight")), "200");
    });
}

#[test]
fn a_page_needs_a_runtime_and_an_address_of_this_machine() {
    let nothing = serve(":0").unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::NotFound);
    let runtime = Runtime::new().unwrap();
    let open = page()
        .runtime(runtime.handle())
        .serve("0.0.0.0:0")
        .unwrap_err();
    assert_eq!(open.kind(), std::io::ErrorKind::PermissionDenied);
}

#[test]
fn a_stopped_server_listens_no_more() {
    within(PATIENCE, || {
        let (_runtime, server) = served();
        let at = server.local_addr();
        server.stop();
        while TcpStream::connect(at).is_ok() {
            std::thread::yield_now();
        }
    });
}
