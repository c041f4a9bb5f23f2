//! The echo server and its client.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::time::{Duration, Instant};

use crate::program::{Program, connect, test};

#[test]
fn a_client_of_std_gets_back_what_it_sends_and_its_end() {
    test(|| {
        let mut server = Program::start("echo_server", &["127.0.0.1:0"]);
        let addr = server.addr();
        let silent = connect(addr);
        let mut client = connect(addr);
        // More than all buffers on the way hold.
        let sent: Vec<u8> = (0..20_000_000_u32).map(|n| (n / 11) as u8).collect();
        let mut writer = client.try_clone().expect("a descriptor");
        let mine = sent.clone();
        let writing = std::thread::spawn(move || {
            writer.write_all(&mine).expect("the server reads");
            writer.shutdown(Shutdown::Write).expect("connected");
        });
        // They are full, and the server writes what there is room for.
        std::thread::sleep(Duration::from_millis(200));
        let mut back = Vec::new();
        client.read_to_end(&mut back).expect("an echo, and its end");
        writing.join().expect("no panic");
        assert!(back == sent);
        assert!(server.line().ends_with("has gone after 20000000 bytes"));
        drop(silent);
    });
}

#[test]
fn a_server_that_owes_an_answer_is_not_waited_for_for_ever() {
    test(|| {
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = silent.local_addr().expect("bound").to_string();
        let mut client = Program::start("echo_client", &[&addr]);
        let (mut server, _) = silent.accept().expect("a client");
        let begun = Instant::now();
        // Its input goes on for longer than its patience; that is no fault of the server's.
        let mut input = client.process.stdin.take().expect("piped");
        std::thread::sleep(Duration::from_millis(2_200));
        writeln!(input, "late").expect("it reads");
        let mut heard = [0; 5];
        server.read_exact(&mut heard).expect("it still sends");
        server.write_all(&heard).expect("it still reads");
        assert_eq!(client.line(), "late");
        drop(input);
        assert!(!client.process.wait().expect("a process").success());
        assert!(begun.elapsed() >= Duration::from_millis(4_200));
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
