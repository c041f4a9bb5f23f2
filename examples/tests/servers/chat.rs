//! The chat server.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use crate::program::{Program, connect, test};

struct Guest {
    writer: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Guest {
    fn comes(addr: SocketAddr, name: &str) -> Guest {
        let writer = connect(addr);
        let reader = BufReader::new(writer.try_clone().expect("a descriptor"));
        let mut guest = Guest { writer, reader };
        guest.says(name);
        guest
    }

    fn says(&mut self, text: &str) {
        writeln!(self.writer, "{text}").expect("the server reads");
    }

    fn hears(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }
}

#[test]
fn what_one_says_all_others_hear() {
    test(|| {
        let mut server = Program::start("chat_server", &["127.0.0.1:0"]);
        let addr = server.addr();
        let mut ann = Guest::comes(addr, "Ann");
        assert_eq!(server.line(), "Ann is here");
        let mut bob = Guest::comes(addr, "Bob");
        assert_eq!(ann.hears(), "* Bob is here");
        let mut eve = Guest::comes(addr, "Eve");
        assert_eq!(
            (ann.hears(), bob.hears()),
            ("* Eve is here".into(), "* Eve is here".into())
        );
        ann.says("hello");
        assert_eq!(
            (bob.hears(), eve.hears()),
            ("Ann: hello".into(), "Ann: hello".into())
        );
        bob.says("good day");
        assert_eq!(
            (ann.hears(), eve.hears()),
            ("Bob: good day".into(), "Bob: good day".into())
        );
        drop(bob);
        assert_eq!(
            (ann.hears(), eve.hears()),
            ("* Bob has gone".into(), "* Bob has gone".into())
        );
    });
}

#[test]
fn a_guest_who_does_not_listen_is_shown_out_and_holds_nobody_up() {
    test(|| {
        let mut server = Program::start("chat_server", &["127.0.0.1:0"]);
        let addr = server.addr();
        let _deaf = Guest::comes(addr, "Deaf");
        assert_eq!(server.line(), "Deaf is here");
        let mut ann = Guest::comes(addr, "Ann");
        assert_eq!(server.line(), "Ann is here");
        let mut bob = Guest::comes(addr, "Bob");
        assert_eq!(ann.hears(), "* Bob is here");
        // Until the kernel's buffers are full, and then the room's.
        let long = "x".repeat(4_000);
        loop {
            bob.says(&long);
            match ann.hears().as_str() {
                "* Deaf is too slow" => break,
                heard => assert_eq!(heard.len(), "Bob: ".len() + long.len()),
            }
        }
    });
}

#[test]
fn a_line_without_end_is_the_end_of_a_guest() {
    test(|| {
        let mut server = Program::start("chat_server", &["127.0.0.1:0"]);
        let addr = server.addr();
        let mut ann = Guest::comes(addr, "Ann");
        assert_eq!(server.line(), "Ann is here");
        let mut bob = Guest::comes(addr, "Bob");
        assert_eq!(ann.hears(), "* Bob is here");
        bob.writer
            .write_all(&[b'x'; 4_096])
            .expect("the server reads");
        assert_eq!(ann.hears(), "* Bob has gone");
    });
}
