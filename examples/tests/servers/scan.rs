//! The port scanner.

use std::net::TcpListener;

#[cfg(target_os = "linux")]
use marmot::net::{Dialer, ListenConfig};

use crate::program::{Program, test};

/// Its own, with room for what the system takes along.
#[cfg(target_os = "linux")]
const DESCRIPTORS: u32 = 100 + 40;

/// More ports that never answer than there may be attempts at a time.
#[cfg(target_os = "linux")]
async fn silent_ports() -> Vec<(marmot::net::TcpListener, marmot::net::TcpStream)> {
    let mut silent = Vec::new();
    // Below those that the system chooses, and close together.
    let mut port = 20_000 + u16::try_from(std::process::id() % 5_000).expect("small");
    while silent.len() < 2 * DESCRIPTORS as usize {
        port += 1;
        let config = ListenConfig::new().backlog(0);
        let Ok(listener) = config.bind(([127, 0, 0, 1], port)).await else {
            continue;
        };
        // Who comes after the first finds the queue full, and is not answered.
        let first = Dialer::new().connect(([127, 0, 0, 1], port)).await;
        silent.push((listener, first.expect("it listens")));
    }
    silent
}

#[cfg(target_os = "linux")]
#[test]
fn a_scan_has_no_more_attempts_at_a_time_than_it_says() {
    test(|| {
        let silent = marmot::block_on(silent_ports());
        let port = |at: usize| silent[at].0.local_addr().expect("bound").port().to_string();
        let (first, last) = (port(0), port(silent.len() - 1));
        let args = ["127.0.0.1", &first, &last];
        let scan = Program::start_with_few(DESCRIPTORS, "port_scan", &args);
        let lines = scan.lines_to_the_end();
        assert!(
            !lines.iter().any(|line| line.contains("unknown")),
            "{lines:?}"
        );
        assert_eq!(lines.len(), 1, "{lines:?}");
        // With fewer descriptors than attempts it does not say that a port is closed.
        let scan = Program::start_with_few(DESCRIPTORS / 2, "port_scan", &args);
        let lines = scan.lines_to_the_end();
        let of_dial = |line: &&String| line.contains(" is unknown: dial tcp 127.0.0.1:");
        assert_eq!(lines.iter().filter(of_dial).count(), lines.len() - 1);
        assert!(lines.len() > 1);
    });
}

#[test]
fn a_scan_of_nothing_says_so() {
    test(|| {
        let lines = Program::start("port_scan", &["127.0.0.1", "9", "8"]).lines_to_the_end();
        assert!(lines[0].starts_with("0 of 0 ports are open"), "{lines:?}");
    });
}

#[test]
fn the_scan_finds_the_ports_that_are_open() {
    test(|| {
        let listeners: Vec<_> = (0..3)
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"))
            .collect();
        let mut ports: Vec<u16> = listeners
            .iter()
            .map(|listener| listener.local_addr().expect("bound").port())
            .collect();
        ports.sort_unstable();
        // Others may have ports open in between.
        for port in &ports {
            let (first, last) = (port.saturating_sub(150), port.saturating_add(150));
            let scan = Program::start(
                "port_scan",
                &["127.0.0.1", &first.to_string(), &last.to_string()],
            );
            let lines: Vec<_> = scan.lines_to_the_end();
            assert!(lines.contains(&format!("{port} is open")), "{lines:?}");
            let summary = lines.last().expect("a summary");
            let count = usize::from(last - first) + 1;
            let end = format!("of {count} ports are open");
            assert!(summary.contains(&end), "{summary}");
        }
    });
}
