//! P45, the web server.

use std::io::{Read, Write};
use std::net::SocketAddr;

use crate::program::{Program, connect, test};

fn get(addr: SocketAddr, path: &str) -> String {
    let mut client = connect(addr);
    write!(
        client,
        "GET {path} HTTP/1.1\r\nHost: {addr}\r\nAccept: */*\r\n\r\n"
    )
    .expect("it reads");
    let mut answer = String::new();
    client
        .read_to_string(&mut answer)
        .expect("an answer, and its end");
    answer
}

#[test]
fn the_web_server_of_p45_answers_while_another_client_says_nothing() {
    test(|| {
        let mut server = Program::start_with("p45_http_server", &[], |it| it.env("PORT", "0"));
        let addr = server.addr();
        let mut slow = connect(addr);
        slow.write_all(b"GET /bar").expect("it reads");
        let answer = get(addr, "/bar");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nHello, \"/bar\""), "{answer}");
        assert!(answer.contains("\r\nContent-Length: 13\r\n"), "{answer}");
        let answer = get(addr, "/nothing");
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{answer}");
        slow.write_all(b" HTTP/1.1\r\n\r\n")
            .expect("it still reads");
        let mut answer = String::new();
        slow.read_to_string(&mut answer)
            .expect("an answer in the end");
        assert!(answer.ends_with("Hello, \"/bar\""), "{answer}");
    });
}
