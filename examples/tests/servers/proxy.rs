//! The proxy.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::time::{Duration, Instant};

use crate::program::{Program, connect, test};

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("bound").to_string();
    (listener, addr)
}

#[test]
fn a_question_that_has_ended_is_still_answered() {
    test(|| {
        let (target, addr) = listen();
        let mut proxy = Program::start("tcp_proxy", &["127.0.0.1:0", &addr]);
        let mut client = connect(proxy.addr());
        let (mut server, _) = target.accept().expect("the proxy connects");
        client.write_all(b"question").expect("it reads");
        client.shutdown(Shutdown::Write).expect("connected");
        let mut question = String::new();
        server.read_to_string(&mut question).expect("its end too");
        assert_eq!(question, "question");
        server.write_all(&[b'a'; 100_000]).expect("it reads");
        drop(server);
        let mut answer = Vec::new();
        client
            .read_to_end(&mut answer)
            .expect("an answer, and its end");
        assert_eq!(answer.len(), 100_000);
        assert!(proxy.line().ends_with("8 bytes there, 100000 back"));
    });
}

#[test]
fn a_connection_on_which_nothing_moves_is_given_up_and_one_that_moves_is_not() {
    test(|| {
        let (target, addr) = listen();
        let mut proxy = Program::start("tcp_proxy", &["127.0.0.1:0", &addr, "1.5"]);
        let mut client = connect(proxy.addr());
        let (mut server, _) = target.accept().expect("the proxy connects");
        let begun = Instant::now();
        // Bytes in one direction keep the other one alive: for longer than the limit.
        while begun.elapsed() < Duration::from_secs(2) {
            server.write_all(b".").expect("it reads");
            client.read_exact(&mut [0]).expect("it came through");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(client.read(&mut [0]).expect("the end"), 0);
        assert_eq!(server.read(&mut [0]).expect("the end"), 0);
        assert!(begun.elapsed() >= Duration::from_millis(3_400));
        assert!(proxy.line().ends_with("i/o timeout"));
    });
}

#[test]
fn when_one_side_breaks_off_the_other_is_let_go_at_once() {
    test(|| {
        let (target, addr) = listen();
        let mut proxy = Program::start("tcp_proxy", &["127.0.0.1:0", &addr, "3600"]);
        let mut client = connect(proxy.addr());
        let (server, _) = target.accept().expect("the proxy connects");
        client.write_all(b"unread").expect("it reads");
        while server.peek(&mut [0; 6]).expect("it passes on") < 6 {}
        // What is not read when it is closed breaks the connection.
        drop(server);
        let ended = client.read(&mut [0]);
        assert!(!ended.is_ok_and(|some| some > 0));
        assert!(proxy.line().contains("127.0.0.1"));
    });
}

#[test]
fn a_limit_may_be_longer_than_a_clock_can_tell_and_not_negative() {
    test(|| {
        let (target, addr) = listen();
        let mut proxy = Program::start("tcp_proxy", &["127.0.0.1:0", &addr, "1e19"]);
        let mut client = connect(proxy.addr());
        let (mut server, _) = target.accept().expect("the proxy connects");
        client.write_all(b".").expect("it reads");
        server.read_exact(&mut [0]).expect("it came through");
        let mut none = Program::start("tcp_proxy", &["127.0.0.1:0", &addr, "-1"]);
        assert_eq!(none.process.wait().expect("a process").code(), Some(1));
    });
}

#[test]
fn without_a_target_a_client_is_let_go() {
    test(|| {
        let (gone, addr) = listen();
        drop(gone);
        let mut proxy = Program::start("tcp_proxy", &["127.0.0.1:0", &addr]);
        let mut client = connect(proxy.addr());
        assert_eq!(client.read(&mut [0]).expect("the end"), 0);
        assert!(proxy.line().contains("dial tcp"));
    });
}
