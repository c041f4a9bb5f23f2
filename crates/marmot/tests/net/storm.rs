//! A thousand signals a second for every thread: system calls are interrupted, and nobody notices.

#![expect(
    unsafe_code,
    reason = "to handle signals and to send them are C functions"
)]

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

use marmot::net::TcpStream;
use marmot::prelude::*;
use marmot_testing::within;

use crate::support::{LIMIT, child, echo, listener, on, serving};

/// Signals that came.
static SIGNALS: AtomicUsize = AtomicUsize::new(0);
const ENOUGH: usize = 3_000;

extern "C" fn count(_: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn a_storm_of_signals_disturbs_nobody() {
    if let Some(mut storm) = child("storm::a_storm_of_signals_disturbs_nobody") {
        let status = within(LIMIT, move || storm.wait().expect("a child"));
        return assert!(status.success());
    }
    on(2, || async {
        brew();
        let listener = serving(listener().await, echo);
        let addr = listener.local_addr().expect("bound");
        let clients: Vec<_> = (0..8).map(|_| go!(client(addr))).collect();
        for client in clients {
            client.await.expect("a client is not disturbed");
        }
        listener.close();
    });
}

async fn client(addr: std::net::SocketAddr) {
    // However long that takes: the machine may be busy.
    while SIGNALS.load(Ordering::Relaxed) < ENOUGH {
        let stream = TcpStream::connect(addr).await.expect("it listens");
        for size in [1, 1_000, 10_000] {
            let sent = vec![5; size];
            stream.write_all(&sent).await.expect("room");
            let mut back = vec![0; size];
            stream.read_exact(&mut back).await.expect("an echo");
            assert_eq!(back, sent);
            sleep(Duration::from_micros(300)).await;
        }
    }
}

/// From now on every thread but one gets a signal a millisecond. System calls that it interrupts
/// are not restarted. (The signals of an interval timer would all go to the main thread, which
/// only waits for the test.)
fn brew() {
    let handler: extern "C" fn(libc::c_int) = count;
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a plain C struct of integers and pointers, for which zeros are a value.
    let action = unsafe { action.assume_init_mut() };
    action.sa_sigaction = handler as libc::sighandler_t;
    // SAFETY: reads the action, which lives through the call; the handler only counts.
    let set = unsafe { libc::sigaction(libc::SIGALRM, action, std::ptr::null_mut()) };
    assert_eq!(set, 0);
    std::thread::spawn(|| {
        // SAFETY: has no preconditions.
        let own = unsafe { libc::gettid() };
        loop {
            std::thread::sleep(ms(1));
            threads().filter(|&tid| tid != own).for_each(strike);
        }
    });
}

fn threads() -> impl Iterator<Item = libc::pid_t> {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
    threads.filter_map(|thread| thread.ok()?.file_name().to_str()?.parse().ok())
}

fn strike(tid: libc::pid_t) {
    // SAFETY: sends a signal that has a handler to a thread of this process, if it is still there.
    let _gone = unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), tid, libc::SIGALRM) };
}
