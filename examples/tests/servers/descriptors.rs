//! The servers run out of descriptors, go on, and keep none of a client that has gone.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use marmot_testing::until;

use crate::program::{Program, connect, test};

/// So many a server may have.
const FEW: u32 = 40;
const PATIENCE: Duration = Duration::from_secs(30);

/// Says this, and that there will be no more; what comes back.
fn ask(addr: SocketAddr, question: &str) -> String {
    let mut client = connect(addr);
    client.write_all(question.as_bytes()).expect("it reads");
    client.shutdown(Shutdown::Write).expect("connected");
    rest(client)
}

fn get(addr: SocketAddr, path: &str) -> String {
    let mut client = connect(addr);
    write!(client, "GET {path} HTTP/1.0\r\n\r\n").expect("it reads");
    rest(client)
}

fn rest(mut client: TcpStream) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    answer
}

/// More clients than it has descriptors for, which stay until it has said so.
fn crowd(server: &mut Program, addr: SocketAddr) {
    let crowd: Vec<TcpStream> = (0..2 * FEW).map(|_| connect(addr)).collect();
    // "Too many open files": the proxy may find it out when it dials.
    while !server.line().contains("os error 24") {}
    drop(crowd);
}

#[test]
fn an_echo_server_survives_a_crowd() {
    test(|| {
        let mut server = Program::start_with_few(FEW, "echo_server", &["127.0.0.1:0"]);
        let addr = server.addr();
        crowd(&mut server, addr);
        assert_eq!(ask(addr, "hello"), "hello");
    });
}

#[test]
fn a_room_survives_a_crowd() {
    test(|| {
        let mut server = Program::start_with_few(FEW, "chat_server", &["127.0.0.1:0"]);
        let addr = server.addr();
        crowd(&mut server, addr);
        let mut guest = connect(addr);
        guest.write_all(b"Ann\n").expect("it reads");
        while server.line() != "Ann is here" {}
    });
}

#[test]
fn a_proxy_survives_a_crowd() {
    test(|| {
        let target = TcpListener::bind("127.0.0.1:0").expect("a port");
        let there = target.local_addr().expect("bound").to_string();
        std::thread::spawn(move || {
            for stream in target.incoming().flatten() {
                std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        let mut server = Program::start_with_few(FEW, "tcp_proxy", &["127.0.0.1:0", &there]);
        let addr = server.addr();
        crowd(&mut server, addr);
        // Of the crowd some may still be there, and a connection is dropped if it can't be passed on.
        until(PATIENCE, "an answer", || {
            let mut client = connect(addr);
            let mut back = [0; 5];
            let asked = client.write_all(b"hello");
            asked.and_then(|()| client.read_exact(&mut back)).is_ok() && &back == b"hello"
        });
    });
}

#[test]
fn web_servers_survive_a_crowd() {
    test(|| {
        let mut server = Program::start_with_few(FEW, "static_files", &[".", "127.0.0.1:0"]);
        let addr = server.addr();
        crowd(&mut server, addr);
        let answer = get(addr, "/none");
        assert!(answer.starts_with("HTTP/1.0 404 Not Found"), "{answer}");

        let mut server = Program::start_with_few(FEW, "p45_http_server", &[]);
        let addr = server.addr();
        let crowd: Vec<TcpStream> = (0..2 * FEW).map(|_| connect(addr)).collect();
        let all = || server.descriptors().0 >= FEW as usize;
        until(PATIENCE, "it has none left", all);
        drop(crowd);
        let answer = get(addr, "/bar");
        assert!(answer.ends_with("Hello, \"/bar\""), "{answer}");
    });
}

#[test]
fn a_server_that_ends_well_survives_a_crowd_and_keeps_none_of_it() {
    test(|| {
        let mut server = Program::start_with_few(FEW, "graceful_shutdown", &[]);
        let addr = server.addr();
        assert_eq!(ask(addr, "one\n"), "done: one\n");
        crowd(&mut server, addr);
        // But for that which listens.
        let gone = || server.descriptors().1 == 1;
        until(PATIENCE, "all of them are gone", gone);
        assert_eq!(ask(addr, "two\n"), "done: two\n");
    });
}
