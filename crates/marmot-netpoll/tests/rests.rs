//! The thread at the poller where no runtime is: it burns nothing while it waits.
//!
//! In a program of its own, of which all the processor time is that thread's.

#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::time::Duration;

use marmot_netpoll::{Direction, Evented, Interest, Poller, Seat, pipes};
use marmot_testing::{ByHand, until, within};

const LIMIT: Duration = Duration::from_secs(20);

/// The processor time of this program so far.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("our own");
    let behind_name = stat.rsplit(')').next().expect("a name");
    let fields = behind_name.split_whitespace().skip(11).take(2);
    // In hundredths of a second: as the program, and as the system for it.
    let ticks = fields.map(|field| field.parse::<u64>().expect("a number"));
    Duration::from_millis(10 * ticks.sum::<u64>())
}

#[track_caller]
fn burns_nothing() {
    let before = cpu_time();
    std::thread::sleep(Duration::from_millis(300));
    let burnt = cpu_time() - before;
    assert!(burnt < Duration::from_millis(50), "{burnt:?}");
}

#[test]
fn the_fallback_sleeps_in_the_kernel_and_rests_while_a_runtime_is_there() {
    within(LIMIT, || {
        let poller = Poller::new().expect("a poller");
        let (mut sender, receiver) = pipes::new().expect("a pipe");
        let receiver = Evented::with_poller(&poller, receiver, Interest::READABLE);
        let receiver = receiver.expect("registered");
        let attempt = |mut pipe: &pipes::Receiver| pipe.read(&mut [0]);
        let mut read = ByHand::new(receiver.io(Direction::Read, attempt));
        read.expect_pending();
        burns_nothing();
        let seat = Seat::new(&poller);
        burns_nothing();
        drop(seat);
        sender.write_all(b"!").expect("room");
        until(LIMIT, "it looks again", || read.wakes() == 1);
        assert_eq!(read.expect_ready().expect("a byte"), 1);
    });
}
