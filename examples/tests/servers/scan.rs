//! The port scanner.

use std::net::TcpListener;

use crate::program::{Program, test};

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
