//! The echo server and its client.

use std::io::{Read, Write};
use std::net::Shutdown;

use crate::program::{Program, connect, test};

#[test]
fn a_client_of_std_gets_back_what_it_sends_and_its_end() {
    test(|| {
        let mut server = Program::start("echo_server", &["127.0.0.1:0"]);
        let addr = server.addr();
        let silent = connect(addr);
        let mut client = connect(addr);
        let sent: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let mut writer = client.try_clone().expect("a descriptor");
        let mine = sent.clone();
        let writing = std::thread::spawn(move || {
            writer.write_all(&mine).expect("the server reads");
            writer.shutdown(Shutdown::Write).expect("connected");
        });
        let mut back = Vec::new();
        client.read_to_end(&mut back).expect("an echo, and its end");
        writing.join().expect("no panic");
        assert!(back == sent);
        assert!(server.line().ends_with("has gone after 100000 bytes"));
        drop(silent);
    });
}

#[test]
fn the_client_prints_what_comes_back_and_ends_with_its_input() {
    test(|| {
        let mut server = Program::start("echo_server", &["127.0.0.1:0"]);
        let addr = server.addr().to_string();
        let mut client = Program::start("echo_client", &[&addr]);
        let mut input = client.process.stdin.take().expect("piped");
        for line in ["hello", "", "good bye"] {
            writeln!(input, "{line}").expect("it reads");
            assert_eq!(client.line(), line);
        }
        drop(input);
        assert!(client.lines.next().is_none());
        assert!(client.process.wait().expect("a process").success());
        assert!(server.line().ends_with("has gone after 16 bytes"));
    });
}
