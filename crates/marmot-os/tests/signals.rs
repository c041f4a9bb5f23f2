//! What `signal` promises. What would disturb other tests happens in a child process.

#![cfg(unix)]

use std::future::Future;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use marmot_netpoll::Poller;
use marmot_os::signal::{self, Signal};
use marmot_testing::{CountingWaker, until, within};
use marmot_wait::park::block_on;

mod support;
use support::{PATIENCE, again, descriptors, is_child, raise, run_again};

/// A signal that only one test uses, of a kind that the system does not merge.
fn real_time(number: i32) -> Signal {
    let first = if cfg!(target_os = "linux") { 40 } else { 1 };
    Signal::from_raw(first + number).expect("there are so many")
}

/// Goes on listening: the kernel may still have one of the flood for a thread that has had no
/// CPU yet, and by default it ends the process.
fn keep<T>(listening: T) {
    std::mem::forget(listening);
}

#[test]
fn all_who_listen_get_a_signal() {
    within(PATIENCE, || {
        let one = signal::notify(&[Signal::USR1]);
        let other = signal::notify(&[Signal::USR1, Signal::USR2]);
        raise(Signal::USR1);
        assert_eq!(block_on(one.recv()), Some(Signal::USR1));
        assert_eq!(block_on(other.recv()), Some(Signal::USR1));
        raise(Signal::USR2);
        assert_eq!(block_on(other.recv()), Some(Signal::USR2));
        assert!(one.try_recv().is_err());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn signals_wait_for_a_slow_receiver() {
    within(PATIENCE, || {
        let signals = signal::notify(&[real_time(0)]);
        for _ in 0..30 {
            raise(real_time(0));
        }
        for _ in 0..30 {
            assert_eq!(block_on(signals.recv()), Some(real_time(0)));
        }
        assert!(signals.try_recv().is_err());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_flood_of_one_kind_pushes_no_other_out() {
    within(PATIENCE, || {
        let (flood, last) = (real_time(1), real_time(2));
        let signals = signal::notify(&[flood, last]);
        for _ in 0..5_000 {
            raise(flood);
        }
        raise(last);
        let mut many = 0;
        while block_on(signals.recv()) == Some(flood) {
            many += 1;
        }
        assert!((1..=5_000).contains(&many), "{many}");
        // And after that there is room again.
        raise(flood);
        assert_eq!(block_on(signals.recv()), Some(flood));
        keep(signals);
    });
}

#[test]
fn a_receiver_that_was_dropped_leaves_nothing_waiting() {
    if is_child() {
        let poller = Poller::global().expect("a poller");
        let before = descriptors();
        for _ in 0..50 {
            let signals = signal::notify(&[Signal::USR1]);
            let more = signals.clone();
            assert_eq!(poller.waiting_count(), 1);
            drop(signals);
            assert_eq!(poller.waiting_count(), 1);
            drop(more);
            assert_eq!(poller.waiting_count(), 0);
        }
        // The pipe stays.
        assert!(descriptors() <= before + 2, "{before}, {}", descriptors());
        return;
    }
    run_again("a_receiver_that_was_dropped_leaves_nothing_waiting");
}

/// Runs the test as a child, which is to die of this signal.
fn dies_of(test: &str, signal: Signal) {
    let status = again(test).output().expect("it can be started").status;
    assert_eq!(status.signal(), Some(signal.as_raw()), "{status}");
}

/// Waits for a signal that should end the process.
fn last_seconds() {
    std::thread::sleep(PATIENCE);
}

#[test]
fn the_last_receiver_gives_the_default_back() {
    let test = "the_last_receiver_gives_the_default_back";
    if !is_child() {
        return dies_of(test, Signal::TERM);
    }
    let one = signal::notify(&[Signal::TERM]);
    let other = signal::notify(&[Signal::TERM]);
    drop(one);
    raise(Signal::TERM);
    assert_eq!(block_on(other.recv()), Some(Signal::TERM));
    drop(other);
    raise(Signal::TERM);
    last_seconds();
}

#[test]
fn stop_gives_the_default_back_and_what_came_before_it() {
    let test = "stop_gives_the_default_back_and_what_came_before_it";
    if !is_child() {
        return dies_of(test, Signal::TERM);
    }
    for _ in 0..200 {
        let signals = signal::notify(&[Signal::TERM]);
        raise(Signal::TERM);
        signal::stop(&signals);
        assert_eq!(block_on(signals.recv()), Some(Signal::TERM));
        assert_eq!(block_on(signals.recv()), None);
        signal::stop(&signals);
    }
    raise(Signal::TERM);
    last_seconds();
}

#[cfg(target_os = "linux")]
#[test]
fn stop_leaves_other_listeners_alone() {
    within(PATIENCE, || {
        let one = signal::notify(&[real_time(7)]);
        let other = signal::notify(&[real_time(7)]);
        signal::stop(&one);
        raise(real_time(7));
        assert_eq!(block_on(other.recv()), Some(real_time(7)));
        assert_eq!(block_on(one.recv()), None);
        let (_sender, strange) = marmot_chan::chan::<Signal>(1);
        signal::stop(&strange);
        assert!(!strange.is_closed());
        keep(other);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_function_that_gets_a_signal_may_stop_the_listening_of_others() {
    within(PATIENCE, || {
        let signals = signal::notify(&[real_time(8)]);
        let stopped = signals.clone();
        let listening = signal::on(&[real_time(8)], move |_| signal::stop(&stopped));
        raise(real_time(8));
        assert_eq!(block_on(signals.recv()), Some(real_time(8)));
        while block_on(signals.recv()).is_some() {}
        keep(listening.expect("descriptors"));
    });
}

#[test]
fn reset_gives_the_default_back_though_somebody_listens() {
    let test = "reset_gives_the_default_back_though_somebody_listens";
    if !is_child() {
        return dies_of(test, Signal::ALRM);
    }
    let signals = signal::notify(&[Signal::ALRM, Signal::USR1]);
    signal::reset(&[Signal::ALRM]).expect("reset");
    raise(Signal::USR1);
    assert_eq!(block_on(signals.recv()), Some(Signal::USR1));
    raise(Signal::ALRM);
    last_seconds();
}

#[test]
fn an_ignored_signal_does_nothing_until_it_is_listened_to() {
    let test = "an_ignored_signal_does_nothing_until_it_is_listened_to";
    if !is_child() {
        return dies_of(test, Signal::HUP);
    }
    let before = signal::notify(&[Signal::HUP, Signal::USR1]);
    signal::ignore(&[Signal::HUP]).expect("ignored");
    assert!(signal::ignored(Signal::HUP));
    raise(Signal::HUP);
    raise(Signal::USR1);
    assert_eq!(block_on(before.recv()), Some(Signal::USR1));
    let signals = signal::notify(&[Signal::HUP]);
    assert!(!signal::ignored(Signal::HUP));
    raise(Signal::HUP);
    assert_eq!(block_on(signals.recv()), Some(Signal::HUP));
    assert!(before.try_recv().is_err(), "ignore took it away");
    signal::ignore(&[Signal::HUP]).expect("ignored");
    raise(Signal::HUP);
    signal::reset(&[Signal::HUP]).expect("reset");
    raise(Signal::HUP);
    last_seconds();
}

#[test]
fn what_was_ignored_at_the_start_is_ignored_in_the_end() {
    let test = "what_was_ignored_at_the_start_is_ignored_in_the_end";
    if is_child() {
        assert!(signal::ignored(Signal::HUP), "the shell has ignored it");
        let signals = signal::notify(&[Signal::HUP]);
        raise(Signal::HUP);
        assert_eq!(block_on(signals.recv()), Some(Signal::HUP));
        drop(signals);
        assert!(signal::ignored(Signal::HUP));
        raise(Signal::HUP);
        return;
    }
    let itself = again(test);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]);
    shell.arg(itself.get_program()).args(itself.get_args());
    for (name, value) in itself.get_envs() {
        shell.env(name, value.expect("only set"));
    }
    let output = shell.output().expect("a shell");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn naming_none_is_listening_to_all() {
    if is_child() {
        let signals = signal::notify(&[]);
        for signal in [
            Signal::INT,
            Signal::TERM,
            Signal::HUP,
            Signal::QUIT,
            Signal::CHLD,
        ] {
            raise(signal);
            assert_eq!(block_on(signals.recv()), Some(signal));
        }
        return;
    }
    run_again("naming_none_is_listening_to_all");
}

#[test]
fn a_handler_that_was_there_before_is_called_too_and_stays() {
    if is_child() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a foreign runtime");
        runtime.block_on(async {
            let kind = tokio::signal::unix::SignalKind::user_defined1();
            let mut theirs = tokio::signal::unix::signal(kind).expect("theirs");
            let ours = signal::notify(&[Signal::USR1]);
            raise(Signal::USR1);
            assert_eq!(ours.recv().await, Some(Signal::USR1));
            assert_eq!(theirs.recv().await, Some(()));
            drop(ours);
            raise(Signal::USR1);
            assert_eq!(theirs.recv().await, Some(()));
        });
        return;
    }
    run_again("a_handler_that_was_there_before_is_called_too_and_stays");
}

#[test]
fn a_handler_that_comes_later_and_calls_ours_keeps_it_working() {
    if is_child() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a foreign runtime");
        runtime.block_on(async {
            let ours = signal::notify(&[Signal::USR1]);
            let kind = tokio::signal::unix::SignalKind::user_defined1();
            let mut theirs = tokio::signal::unix::signal(kind).expect("theirs");
            raise(Signal::USR1);
            assert_eq!(ours.recv().await, Some(Signal::USR1));
            assert_eq!(theirs.recv().await, Some(()));
            drop(ours);
            raise(Signal::USR1);
            assert_eq!(
                theirs.recv().await,
                Some(()),
                "theirs was left in its place"
            );
        });
        return;
    }
    run_again("a_handler_that_comes_later_and_calls_ours_keeps_it_working");
}

#[test]
fn a_child_process_starts_with_the_default_of_what_we_listen_to() {
    if is_child() {
        let _signals = signal::notify(&[Signal::TERM]);
        let status = Command::new("sh")
            .args(["-c", "kill -TERM $$; exit 7"])
            .status();
        let status = status.expect("a shell");
        assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
        return;
    }
    run_again("a_child_process_starts_with_the_default_of_what_we_listen_to");
}

#[test]
fn a_function_is_called_until_its_listening_is_dropped() {
    within(PATIENCE, || {
        let calls = Arc::new(AtomicU32::new(0));
        let its = Arc::clone(&calls);
        let listening = signal::on(&[Signal::WINCH], move |signal| {
            assert_eq!(signal, Signal::WINCH);
            its.fetch_add(1, Ordering::Relaxed);
        });
        let listening = listening.expect("it can be listened to");
        raise(Signal::WINCH);
        until(PATIENCE, "it is called", || {
            calls.load(Ordering::Relaxed) == 1
        });
        drop(listening);
        // (By default it does nothing.)
        raise(Signal::WINCH);
        let after = signal::notify(&[Signal::WINCH]);
        raise(Signal::WINCH);
        assert_eq!(block_on(after.recv()), Some(Signal::WINCH));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    });
}

/// How often those who wait for Ctrl-C had been woken when it was made.
fn round(future: &signal::CtrlC) -> u64 {
    let text = format!("{future:?}");
    let (_, rest) = text.split_once("round: ").expect("it tells");
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    digits
        .and_then(|digits| digits.parse().ok())
        .expect("a number")
}

#[test]
fn all_who_wait_for_ctrl_c_get_it_and_one_that_nobody_waits_for_is_kept() {
    if is_child() {
        let poll = |future: &mut signal::CtrlC| {
            let waker = CountingWaker::new();
            let polled = std::pin::Pin::new(future).poll(&mut Context::from_waker(&waker.waker()));
            matches!(polled, Poll::Ready(Ok(())))
        };
        let (mut one, mut other) = (signal::ctrl_c(), signal::ctrl_c());
        assert!(!poll(&mut one) && !poll(&mut other));
        raise(Signal::INT);
        until(PATIENCE, "one is ready", || poll(&mut one));
        assert!(poll(&mut other));
        // Nobody waits now.
        raise(Signal::INT);
        block_on(signal::ctrl_c()).expect("it can be listened to");
        // One that was woken is dropped, as the losing arm of a select.
        let mut loser = signal::ctrl_c();
        assert!(!poll(&mut loser));
        let also = signal::notify(&[Signal::INT]);
        raise(Signal::INT);
        assert_eq!(block_on(also.recv()), Some(Signal::INT));
        // Not polled: that would take it.
        until(PATIENCE, "it was woken", || {
            round(&signal::ctrl_c()) > round(&loser)
        });
        drop(loser);
        block_on(signal::ctrl_c()).expect("it can be listened to");
        let mut none = signal::ctrl_c();
        assert!(!poll(&mut none), "each was had once");
        return;
    }
    run_again("all_who_wait_for_ctrl_c_get_it_and_one_that_nobody_waits_for_is_kept");
}

#[test]
fn a_ctrl_c_that_comes_before_the_one_before_was_noticed_is_one_of_its_own() {
    if is_child() {
        let poll = |future: &mut signal::CtrlC| {
            let polled = std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()));
            matches!(polled, Poll::Ready(Ok(())))
        };
        // One that waits, and is woken, and has not been polled since.
        let woken = || {
            let mut future = signal::ctrl_c();
            assert!(!poll(&mut future));
            raise(Signal::INT);
            until(PATIENCE, "it was woken", || {
                round(&signal::ctrl_c()) > round(&future)
            });
            future
        };
        let (mut first, mut second) = (woken(), woken());
        assert!(poll(&mut first) && poll(&mut second));
        drop((first, second));
        let (first, mut second) = (woken(), woken());
        drop(first);
        assert!(poll(&mut second));
        block_on(signal::ctrl_c()).expect("that of the first is kept");
        assert!(!poll(&mut signal::ctrl_c()), "each was had once");
        return;
    }
    run_again("a_ctrl_c_that_comes_before_the_one_before_was_noticed_is_one_of_its_own");
}

#[test]
fn a_storm_of_signals_from_many_threads_ends_with_the_last_one_delivered() {
    if !is_child() {
        return run_again("a_storm_of_signals_from_many_threads_ends_with_the_last_one_delivered");
    }
    within(PATIENCE, || {
        let signals = signal::notify(&[Signal::USR1, Signal::USR2]);
        let senders: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    for _ in 0..2_000 {
                        raise(Signal::USR1);
                    }
                })
            })
            .collect();
        // Listeners that come and go meanwhile.
        for _ in 0..200 {
            let passing = signal::notify(&[Signal::USR1]);
            raise(Signal::USR1);
            block_on(passing.recv());
            if senders.iter().all(std::thread::JoinHandle::is_finished) {
                break;
            }
        }
        for sender in senders {
            sender.join().expect("it only raises");
        }
        raise(Signal::USR2);
        while block_on(signals.recv()) != Some(Signal::USR2) {}
        keep(signals);
    });
}

#[test]
fn of_two_signals_that_come_at_once_neither_waits_for_the_next() {
    let test = "of_two_signals_that_come_at_once_neither_waits_for_the_next";
    if !is_child() {
        return run_again(test);
    }
    within(PATIENCE, || {
        let together = Arc::new(std::sync::Barrier::new(2));
        let threads = [Signal::USR1, Signal::USR2].map(|own| {
            let together = Arc::clone(&together);
            std::thread::spawn(move || {
                let signals = signal::notify(&[own]);
                for pause in 0..4_000_u32 {
                    together.wait();
                    // So that one comes at every point of the other's delivery.
                    let behind = if own == Signal::USR2 {
                        pause % 2_000
                    } else {
                        0
                    };
                    (0..behind).for_each(|_| std::hint::spin_loop());
                    raise(own);
                    assert_eq!(block_on(signals.recv()), Some(own));
                }
                keep(signals);
            })
        });
        for thread in threads {
            thread.join().expect("no panic");
        }
    });
}
