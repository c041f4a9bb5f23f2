//! A process whose goroutines all wait leaves the machine alone.
//!
//! One test, so that nobody else's threads are in the process.

#![cfg(target_os = "linux")]

use std::fs;
use std::time::{Duration, Instant};

use marmot::net::{TcpListener, UdpSocket};
use marmot::prelude::*;
use marmot::runtime::Runtime;
use marmot_testing::within;

/// What the kernel has counted of the threads of the runtime.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Usage {
    /// How often they went to sleep of their own accord: each time somebody had woken them.
    wakes: u64,
    /// Nanoseconds on a CPU.
    cpu_ns: u64,
}

/// The sum over all threads but the one that asks.
fn usage() -> Usage {
    let this = fs::read_link("/proc/thread-self").expect("Linux has it");
    let this = this.file_name().expect("a number").to_owned();
    let mut usage = Usage {
        wakes: 0,
        cpu_ns: 0,
    };
    for task in fs::read_dir("/proc/self/task")
        .expect("Linux has it")
        .flatten()
    {
        if task.file_name() == this {
            continue;
        }
        let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let status = read("status");
        let wakes = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        usage.wakes += wakes.map_or(0, |count| count.trim().parse().expect("a number"));
        let ran = read("schedstat");
        usage.cpu_ns += ran
            .split(' ')
            .next()
            .map_or(0, |ns| ns.parse().unwrap_or(0));
    }
    usage
}

/// Waits until nothing has happened for a while.
fn settled() -> Usage {
    let begun = Instant::now();
    let mut before = usage();
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let now = usage();
        if now.wakes == before.wakes {
            return now;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it never comes to rest"
        );
        before = now;
    }
}

#[test]
fn an_idle_runtime_neither_wakes_nor_uses_a_cpu() {
    within(Duration::from_secs(120), idle);
}

fn idle() {
    let rt = Runtime::builder().max_procs(4).build().expect("it starts");
    let (tx, rx) = chan::<u32>(0);
    let tx = rt.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let socket = UdpSocket::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        go!(async move { listener.accept().await.map(drop) });
        go!(async move { socket.recv(&mut [0; 16]).await.map(drop) });
        go!(sleep(Duration::from_secs(3600)));
        for _ in 0..1000 {
            go!([rx], async move { rx.recv().await });
        }
        // Half of them take a value and end; the others go on waiting.
        for value in 0..500 {
            tx.send(value).await.expect("somebody receives");
        }
        tx
    });
    let before = settled();
    std::thread::sleep(Duration::from_secs(2));
    let after = usage();
    let (wakes, cpu_ns) = (after.wakes - before.wakes, after.cpu_ns - before.cpu_ns);
    assert!(wakes <= 2, "{wakes} wake-ups in two seconds");
    assert!(cpu_ns < 1_000_000, "{cpu_ns} ns of CPU in two seconds");
    rt.block_on(async move {
        for value in 0..500 {
            tx.send(value).await.expect("the others still receive");
        }
    });
}
