//! What `select!` promises, one test for each promise.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::ops::DerefMut;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use marmot_chan::{Chan, Receiver, Recv, Select, SendError, TryRecvError, chan, select, unbounded};
use marmot_wait::park::block_on;

fn poll_once<P: DerefMut<Target: Future>>(
    mut future: Pin<P>,
) -> Poll<<P::Target as Future>::Output> {
    let mut cx = Context::from_waker(Waker::noop());
    future.as_mut().poll(&mut cx)
}

fn full<T>(values: impl IntoIterator<Item = T>) -> Receiver<T> {
    let (tx, rx) = unbounded();
    for value in values {
        tx.try_send(value).unwrap_or_else(|_| panic!("unbounded"));
    }
    rx
}

#[test]
fn the_arm_that_has_a_value_is_chosen() {
    block_on(async {
        let (_tx, empty) = chan::<i32>(1);
        let rx = full([7]);
        let got = select! {
            Some(v) = empty.recv() => v + 100,
            Some(v) = rx.recv() => v,
        };
        assert_eq!(got, 7);
    });
}

#[test]
fn a_waiting_select_is_woken_by_a_peer_and_leaves_the_other_lines() {
    let (a_tx, a) = chan(0);
    let (b_tx, b) = chan(0);
    let mut waiting = Box::pin(async {
        select! {
            v = a.recv() => ("a", v),
            v = b.recv() => ("b", v),
        }
    });
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(b_tx.try_send(2), Ok(()));
    assert!(a_tx.try_send(1).is_err(), "decided: it takes nothing else");
    assert_eq!(poll_once(waiting), Poll::Ready(("b", Some(2))));
    assert!(a_tx.try_send(1).is_err());
}

#[test]
fn a_losing_send_delivers_nothing_and_gives_its_value_back() {
    let (out, out_rx) = chan(0);
    let (tx, rx) = chan(1);
    let mut next = Some("value");
    {
        let mut waiting = pin!(async {
            select! {
                Ok(()) = out.send_from(&mut next) => "sent",
                Some(()) = rx.recv() => "received",
            }
        });
        assert!(poll_once(waiting.as_mut()).is_pending());
        tx.try_send(()).unwrap();
        assert_eq!(poll_once(waiting), Poll::Ready("received"));
    }
    assert_eq!(next, Some("value"));
    assert_eq!(out_rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_winning_send_delivers_exactly_its_value() {
    let (out, out_rx) = chan(0);
    let (_tx, rx) = chan::<()>(0);
    let mut waiting = Box::pin(async {
        select! {
            _ = rx.recv() => "received",
            Ok(()) = out.send(5) => "sent",
        }
    });
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(out_rx.try_recv(), Ok(5));
    assert_eq!(out_rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(poll_once(waiting), Poll::Ready("sent"));
}

#[test]
fn default_runs_only_if_nothing_is_ready() {
    block_on(async {
        let (tx, rx) = chan(1);
        let empty = select! { v = rx.recv() => v, default => Some(0) };
        assert_eq!(empty, Some(0));
        select! { tx <- 1 => {}, default => panic!("there is room") }
        select! { tx <- 2 => panic!("it is full"), default => {} }
        let one = select! { v = rx.recv() => v, default => Some(0) };
        assert_eq!(one, Some(1));
        tx.close();
        for _ in 0..10 {
            select! { v = <-rx => assert_eq!(v, None), default => panic!("closed is ready") }
        }
    });
}

#[test]
fn only_a_default_is_allowed_and_so_is_only_an_else() {
    block_on(async {
        assert_eq!(select! { default => 1 }, 1);
        assert_eq!(select! { else => 2 }, 2);
    });
}

#[test]
fn the_arrows_take_handles_and_references_to_them() {
    block_on(async {
        let ch = Chan::new(4);
        let (tx, rx) = (ch.sender(), ch.receiver());
        let (tx_ref, rx_ref, ch_ref) = (&tx, &rx, &ch);
        select! { ch <- 1 => {} }
        select! { ch_ref <- 2 => {} }
        select! { tx <- 3 => {} }
        select! { tx_ref <- 4 => {} }
        assert_eq!(select! { v = <-ch => v }, Some(1));
        assert_eq!(select! { v = <-ch_ref => v }, Some(2));
        assert_eq!(select! { v = <-rx => v }, Some(3));
        assert_eq!(select! { v = <-rx_ref => v }, Some(4));
        select! { <-rx => panic!("empty"), default => {} }
        ch.close();
        select! { <-ch.receiver() => {} }
    });
}

#[test]
#[should_panic(expected = "send on closed channel")]
fn an_arrow_send_on_a_closed_channel_panics() {
    let (tx, _rx) = chan(1);
    tx.close();
    block_on(async {
        select! { tx <- 1 => {}, default => {} }
    });
}

#[test]
#[should_panic(expected = "send on closed channel")]
fn an_arrow_send_that_waits_panics_when_the_channel_is_closed() {
    let (tx, _rx) = chan(0);
    let mut waiting = Box::pin(async {
        select! { tx <- 1 => {} }
    });
    assert!(poll_once(waiting.as_mut()).is_pending());
    tx.close();
    let _ = poll_once(waiting);
}

#[test]
fn an_arrow_send_is_out_when_the_receivers_are_merely_gone() {
    let (tx, rx) = chan(0);
    let mut waiting = Box::pin(async {
        select! { tx <- 1 => "sent", else => "out" }
    });
    assert!(poll_once(waiting.as_mut()).is_pending());
    drop(rx);
    assert_eq!(poll_once(waiting), Poll::Ready("out"));
    assert_eq!(
        block_on(async {
            select! { tx <- 1 => 1, default => 2 }
        }),
        2
    );
}

#[test]
fn any_future_can_be_an_arm() {
    block_on(async {
        let (_tx, rx) = chan::<i32>(0);
        let got = select! {
            v = rx.recv() => v.unwrap_or(0),
            v = async { 5 } => v,
        };
        assert_eq!(got, 5);
        let mut later = pin!(async { 6 });
        assert_eq!(select! { v = &mut later => v, _ = pending::<()>() => 0 }, 6);
        assert_eq!(select! { v = ready(7) => v }, 7);
    });
}

#[test]
fn a_receiver_or_an_option_of_one_can_be_an_arm() {
    block_on(async {
        assert_eq!(select! { v = full([1]) => v }, Some(1));
        assert_eq!(select! { v = Some(full([2])) => v }, Some(2));
        let rx = full([3, 4]);
        assert_eq!(select! { v = &rx => v }, Some(3));
        assert_eq!(select! { v = Some(rx.recv()) => v }, Some(4));
        let none: Option<Receiver<i32>> = None;
        assert_eq!(select! { v = none => v, default => Some(9) }, Some(9));
        let none: Option<Recv<'_, i32>> = None;
        assert_eq!(select! { v = none => v, else => Some(9) }, Some(9));
        assert_eq!(select! { v = Some(ready(5)) => v, else => 0 }, 5);
        let never = None::<std::future::Ready<i32>>;
        assert_eq!(select! { v = never => v, else => 6 }, 6);
    });
}

#[test]
fn nil_channels_wait_for_ever_and_are_never_chosen() {
    let nil = Chan::<i32>::nil();
    let mut waiting = Box::pin(async {
        select! { v = <-nil => v, nil <- 1 => None, v = Receiver::never() => v }
    });
    for _ in 0..3 {
        assert!(poll_once(waiting.as_mut()).is_pending());
    }
    let rx = full([1]);
    assert_eq!(
        block_on(async {
            select! { v = <-nil => v, v = <-rx => v }
        }),
        Some(1)
    );
    assert_eq!(
        block_on(async {
            select! { _ = <-nil => 1, nil <- 1 => 2, default => 3 }
        }),
        3
    );
}

#[test]
fn a_select_without_arms_waits_for_ever() {
    let mut waiting = pin!(async {
        select! {}
    });
    marmot_wait::note::clear();
    let polled: Poll<()> = poll_once(waiting.as_mut());
    assert!(polled.is_pending());
    assert_eq!(
        marmot_wait::note::take().reason,
        marmot_wait::WaitReason::SelectNoCases
    );
}

#[test]
fn a_mismatch_disables_the_arm_for_this_call() {
    let (tx, rx) = chan::<i32>(1);
    let (other_tx, other) = chan::<i32>(1);
    drop(tx);
    let mut waiting = Box::pin(async {
        select! {
            Some(v) = rx.recv() => v,
            Some(v) = other.recv() => v + 10,
            else => 0,
        }
    });
    assert!(poll_once(waiting.as_mut()).is_pending());
    other_tx.try_send(1).unwrap();
    assert_eq!(poll_once(waiting), Poll::Ready(11));
    drop(other_tx);
    let got = block_on(async {
        select! { Some(v) = rx.recv() => v, Some(v) = other.recv() => v, else => -1 }
    });
    assert_eq!(got, -1);
}

#[test]
#[should_panic(expected = "all arms of the select! are disabled")]
fn all_arms_out_without_an_else_panics() {
    let (tx, rx) = chan::<i32>(1);
    drop(tx);
    block_on(async {
        select! { Some(_) = rx.recv() => {} }
    });
}

#[test]
fn patterns_of_all_kinds_are_checked_without_moving_the_value() {
    block_on(async {
        let text = full(["a".to_owned()]);
        let got = select! { Some(mut s) = text.recv() => { s.push('b'); s } };
        assert_eq!(got, "ab");
        let five = 5;
        let refs = full([&five]);
        assert_eq!(select! { Some(&n) = refs.recv() => n }, 5);
        let pairs = full([(1, Some(2)), (3, None)]);
        let got = select! { Some((a @ 1..=2, Some(b))) = pairs.recv() => a + b, else => 0 };
        assert_eq!(got, 3);
        let got = select! { Some((_, Some(b))) = pairs.recv() => b, else => 0 };
        assert_eq!(got, 0);
        let results = full([Err::<i32, _>("bad")]);
        assert_eq!(
            select! { Some(Ok(_) | Err("bad")) = results.recv() => 1, else => 2 },
            1
        );
    });
}

#[test]
fn conditions_come_first_then_operands_once_in_source_order() {
    let log = RefCell::new(Vec::new());
    let say = |word: &'static str| log.borrow_mut().push(word);
    let (tx, _rx) = chan(1);
    let (_idle, rx) = chan::<i32>(0);
    let value = |v: i32| {
        say("value");
        v
    };
    let sender = || {
        say("channel");
        &tx
    };
    block_on(async {
        select! {
            biased;
            _ = { say("op 0"); rx.recv() }, if { say("if 0"); true } => {}
            _ = { say("op 1"); pending::<()>() }, if { say("if 1"); false } => {}
            sender() <- value(1), if { say("if 2"); true } => say("body"),
        }
    });
    assert_eq!(
        *log.borrow(),
        [
            "if 0", "if 1", "if 2", "op 0", "op 1", "channel", "value", "body"
        ]
    );
}

#[test]
fn a_disabled_arm_is_not_polled() {
    block_on(async {
        let rx = full([1]);
        let got = select! {
            _ = poll_fn(|_| -> Poll<()> { panic!("polled") }), if false => 0,
            Some(v) = rx.recv(), if true => v,
        };
        assert_eq!(got, 1);
        assert_eq!(select! { Some(v) = rx.recv(), if false => v, else => 9 }, 9);
    });
}

#[test]
fn operands_are_dropped_before_the_body_runs() {
    struct Tells<'a>(&'a Cell<bool>);
    impl Drop for Tells<'_> {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    block_on(async {
        let dropped = Cell::new(false);
        let tells = Tells(&dropped);
        let (tx, _rx) = chan(1);
        let mut next = Some(1);
        select! {
            _ = async move { let _tells = tells; pending::<()>().await } => {}
            Ok(()) = tx.send_from(&mut next) => {
                assert!(dropped.get());
                next = Some(2);
            }
        }
        assert_eq!(next, Some(2));
    });
}

#[test]
fn break_continue_return_and_question_mark_work_in_bodies() {
    async fn run(rx: &Receiver<i32>) -> Result<i32, SendError<()>> {
        let mut sum = 0;
        'outer: loop {
            loop {
                select! {
                    Some(1) = rx.recv() => continue,
                    else => {}
                }
                select! {
                    Some(v) = rx.recv() => {
                        sum += v;
                        match v {
                            2 => break,
                            3 => continue 'outer,
                            4 => break 'outer,
                            5 => return Ok(sum),
                            6 => Err(SendError(()))?,
                            _ => ready(()).await,
                        }
                    }
                    else => return Ok(-sum),
                }
            }
        }
        Ok(sum * 100)
    }
    let run = |values: &[i32]| block_on(run(&full(values.to_vec())));
    assert_eq!(run(&[1, 0, 2, 0, 4]), Ok(600));
    assert_eq!(run(&[0, 3, 0, 5]), Ok(8));
    assert_eq!(run(&[0, 6]), Err(SendError(())));
    assert_eq!(run(&[0, 7]), Ok(-7));
}

#[test]
fn the_match_spelling_means_the_same() {
    block_on(async {
        let (tx, rx) = chan(1);
        let enabled = true;
        let run = async || {
            select!(match any {
                Some(v) if enabled && rx.len() < 9 && rx.recv() => v,
                Some(_) if (enabled || rx.is_closed()) && Receiver::<i32>::never().recv() => 0,
                _ => -1,
            })
        };
        assert_eq!(run().await, -1);
        tx.try_send(5).unwrap();
        assert_eq!(run().await, 5);
        let got = select!(match biased {
            _ if !enabled && ready(1) => 1,
            Ok(()) if tx.send(6) => {
                2
            }
            v if ready(3) => v,
        });
        assert_eq!((got, rx.try_recv()), (2, Ok(6)));
    });
}

#[test]
fn biased_takes_the_first_ready_arm() {
    block_on(async {
        let (a, b) = (full(0..50), full(0..50));
        for n in 0..50 {
            let got = select! {
                biased;
                _ = pending::<()>() => -1,
                Some(v) = a.recv() => v,
                Some(v) = b.recv() => v + 1000,
                v = ready(5000) => v,
            };
            assert_eq!(got, n);
        }
        for n in 0..50 {
            let got = select! {
                biased;
                v = ready(n) => v,
                Some(v) = b.recv() => v + 1000,
            };
            assert_eq!(got, n);
        }
    });
}

/// Pearson's statistic for counts that should be equal.
fn chi_squared(counts: &[u32]) -> f64 {
    let total: u32 = counts.iter().sum();
    let expected = f64::from(total) / counts.len() as f64;
    counts
        .iter()
        .map(|&count| (f64::from(count) - expected).powi(2) / expected)
        .sum()
}

#[test]
fn the_choice_among_ready_arms_is_uniform() {
    // 4 arms, 3 degrees of freedom: above 24 once in 40,000 runs of this test.
    block_on(async {
        let (a, b, c) = (full(0..9000), full(0..9000), full(0..9000));
        let (tx, _rx) = unbounded();
        let idle = Receiver::<i32>::never();
        let mut counts = [0_u32; 4];
        for _ in 0..8000 {
            let chosen = select! {
                _ = a.recv() => 0,
                _ = idle.recv() => unreachable!(),
                _ = idle.recv() => unreachable!(),
                _ = b.recv() => 1,
                tx <- 1 => 2,
                _ = c.recv() => 3,
            };
            counts[chosen] += 1;
        }
        assert!(chi_squared(&counts) < 24.0, "{counts:?}");
    });
}

#[test]
fn the_choice_is_uniform_with_futures_among_the_arms() {
    block_on(async {
        let (a, b) = (full(0..9000), full(0..9000));
        let mut counts = [0_u32; 4];
        for _ in 0..8000 {
            let chosen = select! {
                _ = a.recv() => 0,
                _ = pending::<()>() => unreachable!(),
                _ = ready(()) => 1,
                _ = b.recv() => 2,
                _ = async {} => 3,
            };
            counts[chosen] += 1;
        }
        assert!(chi_squared(&counts) < 24.0, "{counts:?}");
    });
}

#[test]
fn both_ends_of_a_channel_in_one_select_never_match_each_other() {
    for capacity in [0, 1] {
        let (tx, rx) = chan(capacity);
        let mut one = Box::pin(async {
            select! { tx <- 1 => None, v = rx.recv() => v }
        });
        if capacity == 1 {
            assert_eq!(poll_once(one), Poll::Ready(None));
            continue;
        }
        assert!(poll_once(one.as_mut()).is_pending());
        assert!(poll_once(one.as_mut()).is_pending());
        let mut two = Box::pin(async {
            select! { tx <- 2 => None, v = rx.recv() => v }
        });
        let (Poll::Ready(second), Poll::Ready(first)) = (poll_once(two.as_mut()), poll_once(one))
        else {
            panic!("the two match each other");
        };
        assert!(matches!((first, second), (None, Some(1)) | (Some(2), None)));
    }
}

#[test]
fn the_same_channel_may_be_there_several_times() {
    let (tx, rx) = chan(0);
    let mut waiting = Box::pin(async {
        select! { Some(v) = rx.recv() => v, Some(v) = rx.recv() => v, Some(v) = <-rx => v }
    });
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    assert!(tx.try_send(2).is_err());
    assert_eq!(poll_once(waiting), Poll::Ready(1));
}

#[test]
fn a_peer_that_comes_by_while_futures_are_polled_is_not_missed() {
    let (tx, rx) = chan(0);
    let polls = Cell::new(0);
    let offered = RefCell::new(None);
    let mut waiting = Box::pin(async {
        select! {
            v = rx.recv() => v,
            _ = poll_fn(|cx| {
                polls.set(polls.get() + 1);
                if polls.get() == 2 {
                    assert!(tx.try_send(1).is_err(), "nobody may decide now");
                    let mut send = Box::pin(tx.send(2));
                    assert!(send.as_mut().poll(cx).is_pending());
                    *offered.borrow_mut() = Some(send);
                }
                Poll::<()>::Pending
            }) => None,
        }
    });
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(poll_once(waiting), Poll::Ready(Some(2)));
}

#[test]
fn a_future_arm_that_uses_a_channel_of_the_select_meets_it_like_anybody() {
    block_on(async {
        let (tx, rx) = chan(0);
        for n in 0..20 {
            let got = select! {
                v = rx.recv() => v,
                _ = async { tx.send(n).await.unwrap(); pending::<()>().await } => None,
            };
            assert_eq!(got, Some(n));
        }
    });
}

#[test]
fn a_future_arm_never_completes_in_vain() {
    // A peer decides for the channel, and the future becomes ready: it is not polled.
    let (tx, rx) = chan(0);
    let is_ready = Cell::new(false);
    let taken = Cell::new(0);
    let mut waiting = Box::pin(async {
        select! {
            v = rx.recv() => v,
            _ = poll_fn(|_| {
                if is_ready.get() {
                    taken.set(taken.get() + 1);
                    return Poll::Ready(());
                }
                Poll::Pending
            }) => None,
        }
    });
    assert!(poll_once(waiting.as_mut()).is_pending());
    tx.try_send(1).unwrap();
    is_ready.set(true);
    assert_eq!(poll_once(waiting), Poll::Ready(Some(1)));
    assert_eq!(taken.get(), 0);
}

#[test]
fn an_operation_that_was_polled_before_can_be_an_arm() {
    let (tx, rx) = chan(0);
    let mut before = rx.recv();
    assert!(poll_once(pin!(&mut before)).is_pending());
    let mut waiting = Box::pin(async {
        select! { v = before => v, tx <- 5 => None }
    });
    assert!(
        poll_once(waiting.as_mut()).is_pending(),
        "it never matches itself"
    );
    assert_eq!(tx.try_send(6), Ok(()));
    assert_eq!(poll_once(waiting), Poll::Ready(Some(6)));

    let mut served = rx.recv();
    assert!(poll_once(pin!(&mut served)).is_pending());
    tx.try_send(7).unwrap();
    assert_eq!(
        block_on(async {
            select! { v = served => v }
        }),
        Some(7)
    );

    let mut waits = tx.send(8);
    assert!(poll_once(pin!(&mut waits)).is_pending());
    let mut waiting = Box::pin(async {
        select! { v = waits => v }
    });
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(rx.try_recv(), Ok(8));
    assert_eq!(poll_once(waiting), Poll::Ready(Ok(())));
}

#[test]
fn a_spent_budget_never_leads_to_default() {
    use marmot_wait::budget;
    let rx = full(0..1000);
    for with_future in [false, true] {
        let before = budget::begin(1);
        let mut run = Box::pin(async {
            for _ in 0..10 {
                if with_future {
                    select! {
                        Some(_) = async { rx.recv().await } => {}
                        default => panic!("a value is there"),
                    }
                } else {
                    select! { Some(_) = rx.recv() => {} default => panic!("a value is there") }
                }
            }
        });
        let mut polls = 1;
        while poll_once(run.as_mut()).is_pending() {
            polls += 1;
            budget::begin(1);
        }
        budget::restore(before);
        assert!(polls > 1, "the budget does not hold");
    }
}

#[test]
fn a_select_says_what_it_waits_for() {
    let (_tx, rx) = chan::<i32>(0);
    let before = line!();
    let mut waiting = Box::pin(async {
        select! { _ = rx.recv() => {} }
    });
    assert!(poll_once(waiting.as_mut()).is_pending());
    let note = marmot_wait::note::take();
    assert_eq!(note.reason, marmot_wait::WaitReason::Select);
    let place = note.place.unwrap();
    assert_eq!(place.line(), before + 2);
    assert!(place.file().ends_with("select.rs"));
}

#[test]
fn many_arms_are_no_problem() {
    block_on(async {
        let (_tx, e) = chan::<i32>(0);
        let rx = full([1]);
        let got = select! {
            v = e.recv() => v, v = e.recv() => v, v = e.recv() => v, v = e.recv() => v,
            v = e.recv() => v, v = e.recv() => v, v = e.recv() => v, v = e.recv() => v,
            v = e.recv() => v, v = e.recv() => v, v = e.recv() => v, v = e.recv() => v,
            v = e.recv() => v, v = e.recv() => v, v = e.recv() => v, v = e.recv() => v,
            v = e.recv() => v, v = e.recv() => v, v = e.recv() => v, v = e.recv() => v,
            v = rx.recv() => v, v = pending() => v,
        };
        assert_eq!(got, Some(1));
    });
}

#[test]
fn generic_arguments_and_closures_may_have_commas() {
    fn pick<A: Default, B>(b: B) -> (A, B) {
        (A::default(), b)
    }
    block_on(async {
        let got = select! {
            v = ready(pick::<i32, u8>(1)) => pick::<u8, _>(v),
            v = ready(pick::<i32, u8>(1)), if pick::<i32, u8>(0).0 == 0 => pick::<u8, _>(v),
        };
        assert_eq!(got, (0, (0, 1)));
        let add = select! { v = ready(1) => move |a: i32, b: i32| a + b + v, else => panic!() };
        assert_eq!(add(2, 3), 6);
    });
}

#[test]
fn a_dropped_select_gives_back_what_it_was_handed() {
    let (tx, rx) = chan(0);
    let (_other_tx, other) = chan::<i32>(0);
    let mut waiting = Box::pin(async {
        select! { v = rx.recv() => v, v = other.recv() => v }
    });
    assert!(poll_once(waiting.as_mut()).is_pending());
    tx.try_send(1).unwrap();
    drop(waiting);
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn two_selects_on_each_others_channels_meet() {
    let (a_tx, a_rx) = chan::<u32>(0);
    let (b_tx, b_rx) = chan::<u32>(0);
    let rounds = 3000;
    let run = |tx: marmot_chan::Sender<u32>, rx: Receiver<u32>| {
        thread::spawn(move || {
            block_on(async {
                let (mut sent, mut got) = (0, 0);
                while sent < rounds || got < rounds {
                    select! {
                        tx <- sent, if sent < rounds => sent += 1,
                        v = rx.recv(), if got < rounds => {
                            assert_eq!(v, Some(got));
                            got += 1;
                        }
                    }
                }
            });
        })
    };
    let one = run(a_tx, b_rx);
    let two = run(b_tx, a_rx);
    one.join().unwrap();
    two.join().unwrap();
}

#[test]
fn a_select_future_may_cross_threads_if_its_parts_may() {
    fn is_send<F: Future + Send>(future: F) -> F {
        future
    }
    let (tx, rx) = chan::<Arc<str>>(1);
    block_on(is_send(async move {
        select! {
            tx <- "x".into() => {},
            _ = rx.recv() => {},
            _ = pending::<()>() => {},
        }
    }));
}

#[test]
fn a_select_at_run_time_does_exactly_one_case() {
    block_on(async {
        let (a_tx, a) = chan::<i32>(1);
        let (b_tx, b) = chan::<String>(1);
        let mut select = Select::new();
        let from_a = select.recv(&a);
        let from_b = select.recv(&b);
        assert!(select.try_now().is_none());
        b_tx.try_send("b".into()).unwrap();
        let chosen = select.wait().await;
        assert!(chosen.index() == from_b && chosen.index() != from_a);
        assert_eq!(chosen.recv(&b).as_deref(), Some("b"));
        a_tx.try_send(1).unwrap();
        let chosen = select.wait().await;
        assert_eq!(chosen.index(), from_a);
        assert_eq!(chosen.recv(&a), Some(1));
        a_tx.close();
        let chosen = select.try_now().expect("closed is ready");
        assert_eq!(chosen.recv(&a), None);
    });
}

#[test]
fn a_select_at_run_time_sends_once_and_gives_back_on_close() {
    block_on(async {
        let (tx, rx) = chan::<i32>(0);
        let (other_tx, other) = chan::<i32>(0);
        let mut select = Select::new();
        let sent = select.send(&tx, 1);
        let received = select.recv(&other);
        {
            let mut wait = pin!(select.wait());
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "it has left");
        let mut wait = Box::pin(select.wait());
        assert!(poll_once(wait.as_mut()).is_pending());
        assert_eq!(rx.try_recv(), Ok(1));
        let Poll::Ready(chosen) = poll_once(wait.as_mut()) else {
            panic!("it was taken");
        };
        drop(wait);
        assert_eq!(chosen.index(), sent);
        assert_eq!(chosen.sent(&tx), Ok(()));
        assert!(select.try_now().is_none(), "the send is used up");
        other_tx.close();
        assert_eq!(select.try_now().unwrap().index(), received);
        let mut select = Select::new();
        select.send(&other_tx, 5);
        assert_eq!(select.try_now().unwrap().sent(&other_tx), Err(SendError(5)));
    });
}

#[test]
fn a_chosen_receive_that_nobody_fetches_gives_its_value_back() {
    let (tx, rx) = chan(2);
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    let mut select = Select::new();
    select.recv(&rx);
    drop(select.try_now());
    drop(select);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn a_select_at_run_time_takes_thousands_of_cases() {
    let channels: Vec<_> = (0..3000).map(|_| chan::<usize>(0)).collect();
    let mut select = Select::new();
    let all: Vec<_> = channels.iter().map(|(_, rx)| select.recv(rx)).collect();
    let mut wait = Box::pin(select.wait());
    assert!(poll_once(wait.as_mut()).is_pending());
    channels[1234].0.try_send(7).unwrap();
    assert!(channels[77].0.try_send(8).is_err());
    let Poll::Ready(chosen) = poll_once(wait.as_mut()) else {
        panic!("it was served");
    };
    assert_eq!(chosen.index(), all[1234]);
    assert_eq!(chosen.recv(&channels[1234].1), Some(7));
}
