//! Every form of one receive and of one send: plain or in a select of either spelling, with
//! other cases before and after, with and without a default. Each form is checked for its value
//! and for the order in which its parts are evaluated.

use std::collections::HashMap;

use marmot::prelude::*;
use std::sync::Mutex as Plain;

use crate::support::on_each;

/// What the parts of a form refer to; each notes its place in the source.
struct World {
    tx: Sender<u32>,
    rx: Receiver<u32>,
    idle_tx: Sender<u32>,
    idle_rx: Receiver<u32>,
    nil: Chan<u32>,
    steps: Plain<Vec<u32>>,
}

impl World {
    fn new() -> World {
        let (tx, rx) = chan(1);
        // Unbuffered, and nobody at the other end.
        let (idle_tx, idle_rx) = chan(0);
        World {
            tx,
            rx,
            idle_tx,
            idle_rx,
            nil: Chan::nil(),
            steps: Plain::default(),
        }
    }

    fn at<T>(&self, step: u32, part: T) -> T {
        self.steps.lock().unwrap().push(step);
        part
    }

    /// The steps were taken in the order of their numbers, and this many of them at least.
    #[track_caller]
    fn in_order(&self, form: &str, at_least: usize) {
        let steps = std::mem::take(&mut *self.steps.lock().unwrap());
        assert!(
            steps.is_sorted() && steps.len() >= at_least,
            "{form}: {steps:?}"
        );
    }
}

/// Calls a form with all surroundings in which it is ready: other cases that never are, nil
/// ones, switched-off ones, and a default, before and after.
macro_rules! surrounded {
    ($form:ident, $w:ident) => {
        $form!($w, [] []);
        $form!($w, [default => panic!("it is ready"),] []);
        $form!($w, [] [default => panic!("it is ready"),]);
        $form!($w, [_ = <-$w.at(1, &$w.idle_rx) => unreachable!(),] []);
        $form!($w, [] [_ = <-$w.at(4, &$w.idle_rx) => unreachable!(),]);
        $form!($w, [$w.at(1, &$w.idle_tx) <- $w.at(1, 9) => unreachable!(),] []);
        $form!($w, [] [$w.at(4, &$w.idle_tx) <- $w.at(4, 9) => unreachable!(),]);
        $form!($w, [_ = <-$w.at(1, &$w.nil) => unreachable!(),] [$w.at(4, &$w.nil) <- 9 => unreachable!(),]);
        $form!($w, [_ = None::<&Receiver<u32>>.map(|rx| rx.recv()) => unreachable!(),]
                   [_ = <-$w.at(4, None::<Receiver<u32>>) => unreachable!(),]);
        $form!($w, [_ = $w.at(1, &$w.rx).recv(), if $w.at(0, false) => unreachable!(),]
                   [$w.at(4, &$w.idle_tx) <- 9 => unreachable!(), default => panic!("it is ready"),]);
        $form!($w, [_ = <-$w.at(1, &$w.idle_rx) => unreachable!(), default => panic!("it is ready"),]
                   [_ = $w.at(4, std::future::pending::<()>()) => unreachable!(),]);
        $form!($w, [biased; _ = <-$w.at(1, &$w.idle_rx) => unreachable!(),] [_ = <-$w.at(4, &$w.idle_rx) => unreachable!(),]);
    };
}

/// A select with this arm in the middle; its value is in the buffer already.
macro_rules! receiving {
    ($w:ident, $name:literal, [$($before:tt)*] [$($after:tt)*], $($arm:tt)*) => {{
        $w.tx.send(7).await.unwrap();
        select! { $($before)* $($arm)* $($after)* }
        $w.in_order(concat!($name, ": ", stringify!($($before)* .. $($after)*)), 2);
    }};
}

macro_rules! new_variable {
    ($w:ident, $before:tt $after:tt) => {
        receiving!($w, "new variable", $before $after,
            v = <-$w.at(2, &$w.rx) => assert_eq!($w.at(5, v), Some(7)),);
        receiving!($w, "new variable, method", $before $after,
            v = $w.at(2, &$w.rx).recv() => { assert_eq!($w.at(5, v), Some(7)) });
    };
}

macro_rules! nothing {
    ($w:ident, $before:tt $after:tt) => {
        receiving!($w, "no variable", $before $after, _ = <-$w.at(2, &$w.rx) => $w.at(5, ()),);
        receiving!($w, "no pattern", $before $after, <-$w.at(2, &$w.rx) => $w.at(5, ()),);
    };
}

macro_rules! patterns {
    ($w:ident, $before:tt $after:tt) => {
        receiving!($w, "Some", $before $after,
            Some(v) = <-$w.at(2, &$w.rx) => assert_eq!($w.at(5, v), 7),);
        receiving!($w, "mut", $before $after,
            Some(mut v) = <-$w.at(2, &$w.rx) => { v += 1; assert_eq!($w.at(5, v), 8) });
        receiving!($w, "literal", $before $after,
            Some(7) = $w.at(2, &$w.rx).recv() => $w.at(5, ()),);
        receiving!($w, "at", $before $after,
            all @ Some(5..=7 | 9) = $w.at(2, &$w.rx).recv() => assert_eq!($w.at(5, all), Some(7)),);
    };
}

macro_rules! existing_variable {
    ($w:ident, $before:tt $after:tt) => {
        let (value, ok);
        receiving!($w, "variable and ok", $before $after,
            v = <-$w.at(2, &$w.rx) => (value, ok) = $w.at(5, (v.unwrap_or(0), v.is_some())),);
        assert_eq!((value, ok), (7, true));
    };
}

macro_rules! places {
    ($w:ident, $before:tt $after:tt) => {
        let mut boxed = Box::new(0);
        receiving!($w, "pointer", $before $after,
            Some(v) = <-$w.at(2, &$w.rx) => *$w.at(5, &mut *boxed) = v,);
        let mut map = HashMap::new();
        receiving!($w, "map cell", $before $after,
            Some(v) = <-$w.at(2, &$w.rx) => { map.insert($w.at(5, "key"), v); });
        let mut slots = [0; 3];
        receiving!($w, "slot", $before $after,
            Some(v) = <-$w.at(2, &$w.rx) => slots[$w.at(5, 1)] = v,);
        let object: Option<Box<dyn std::any::Any + Send>>;
        receiving!($w, "trait object", $before $after,
            Some(v) = <-$w.at(2, &$w.rx) => object = $w.at(5, Some(Box::new(v))),);
        let object = object.and_then(|any| any.downcast::<u32>().ok());
        assert_eq!((*boxed, map["key"], slots, object), (7, 7, [0, 7, 0], Some(Box::new(7))));
    };
}

/// A select with this arm in the middle; afterwards its value is in the buffer.
macro_rules! sending {
    ($w:ident, $name:literal, [$($before:tt)*] [$($after:tt)*], $($arm:tt)*) => {{
        select! { $($before)* $($arm)* $($after)* }
        $w.in_order(concat!($name, ": ", stringify!($($before)* .. $($after)*)), 3);
        assert_eq!($w.rx.try_recv(), Ok(7), $name);
    }};
}

macro_rules! sends {
    ($w:ident, $before:tt $after:tt) => {
        sending!($w, "arrow", $before $after,
            $w.at(2, &$w.tx) <- $w.at(3, 7) => $w.at(5, ()),);
        sending!($w, "method", $before $after,
            Ok(()) = $w.at(2, &$w.tx).send($w.at(3, 7)) => { $w.at(5, ()) });
        sending!($w, "result", $before $after,
            sent = $w.at(2, &$w.tx).send($w.at(3, 7)) => $w.at(5, sent.unwrap()),);
        sending!($w, "condition", $before $after,
            Ok(()) = $w.at(2, &$w.tx).send($w.at(3, 7)), if $w.at(0, true) => $w.at(5, ()),);
        let mut slot = Some(7);
        sending!($w, "slot", $before $after,
            Ok(()) = $w.at(2, &$w.tx).send_from($w.at(3, &mut slot)) => $w.at(5, ()),);
        assert_eq!(slot, None);
    };
}

#[test]
fn every_form_of_receive_gives_its_value_and_evaluates_in_order() {
    on_each(|| async {
        let w = World::new();
        w.tx.send(7).await.unwrap();
        assert_eq!(w.rx.recv().await, Some(7));
        surrounded!(new_variable, w);
        surrounded!(nothing, w);
        surrounded!(patterns, w);
    });
}

#[test]
fn a_received_value_goes_to_any_target_after_it_was_received() {
    on_each(|| async {
        let w = World::new();
        surrounded!(existing_variable, w);
        surrounded!(places, w);
    });
}

#[test]
fn every_form_of_send_delivers_its_value_and_evaluates_in_order() {
    on_each(|| async {
        let w = World::new();
        surrounded!(sends, w);
    });
}

/// Calls a form with all surroundings in which nothing is ready.
macro_rules! idle {
    ($form:ident, $w:ident) => {
        $form!($w, [] []);
        $form!($w, [_ = <-$w.nil => unreachable!(),] []);
        $form!($w, [] [$w.nil <- 9 => unreachable!(),]);
        $form!($w, [$w.idle_tx <- 9 => unreachable!(),] []);
        $form!($w, [] [_ = <-$w.idle_rx => unreachable!(),]);
        $form!($w, [_ = None::<&Receiver<u32>>.map(|rx| rx.recv()) => unreachable!(),] []);
        $form!($w, [_ = <-$w.rx, if false => unreachable!(),] [_ = std::future::pending::<()>() => {},]);
    };
}

macro_rules! untouched {
    ($w:ident, [$($before:tt)*] [$($after:tt)*]) => {
        // The default last, first and in the middle.
        let (mut value, mut ok, mut turns) = (1, true, 0);
        select! { $($before)* v = <-$w.rx => (value, ok) = (v.unwrap(), false), $($after)* default => turns += 1 }
        select! { default => turns += 1, $($before)* Some(v) = <-$w.rx => value = v, $($after)* }
        select! { $($before)* default => turns += 1, Some(v) = $w.rx.recv() => value = v, $($after)* }
        assert_eq!((value, ok, turns), (1, true, 3));
        $w.tx.send(0).await.unwrap();
        let mut slot = Some(7);
        select! { $($before)* $w.tx <- 7 => turns = 0, $($after)* default => turns += 1 }
        select! { default => turns += 1, $($before)* Ok(()) = $w.tx.send(7) => turns = 0, $($after)* }
        select! { $($before)* Ok(()) = $w.tx.send_from(&mut slot) => turns = 0, default => turns += 1, $($after)* }
        assert_eq!((slot, turns, $w.rx.try_recv(), $w.rx.len()), (Some(7), 6, Ok(0), 0));
    };
}

#[test]
fn a_form_that_is_not_ready_leaves_its_targets_untouched() {
    on_each(|| async {
        let w = World::new();
        idle!(untouched, w);
    });
}

#[test]
fn the_spelling_that_rustfmt_formats_takes_the_same_forms() {
    on_each(|| async {
        let w = World::new();
        for round in 0..4 {
            let got = select!(match any {
                _ if w.at(0, round > 9) && w.at(1, &w.rx).recv() => None,
                _ if w.at(1, &w.nil).recv() => None,
                sent if w.at(2, &w.tx).send(w.at(3, 7)) => Some(sent),
                _ => None,
            });
            assert_eq!(got, Some(Ok(())));
            w.in_order("match any, send", 3);
            let mut value;
            select!(match biased {
                _ if w.at(1, &w.idle_rx).recv() => unreachable!(),
                Some(v) if w.at(2, &w.rx).recv() => value = w.at(5, v),
                _ if w.at(4, &w.idle_tx).send(9) => unreachable!(),
            });
            assert_eq!(value, 7);
            w.in_order("match biased, receive", 4);
            select!(match any {
                Some(v) if w.rx.recv() => value = v,
                _ => value += 1,
            });
            assert_eq!(value, 8);
        }
    });
}

/// `break` in a body is the program's own: with a label it leaves what it names.
#[test]
fn break_leaves_what_it_names_and_never_only_the_select() {
    on_each(|| async {
        let (tx, rx) = chan(10);
        (0..10).for_each(|n| tx.try_send(n).unwrap());
        let mut seen = Vec::new();
        for round in 0..3 {
            // Leaves one, two or three cases, and the loop goes on.
            'select: {
                match round {
                    0 => {
                        select! { v = <-rx => { seen.extend(v); if v.is_some() { break 'select } } }
                    }
                    1 => {
                        select! { v = <-rx => { seen.extend(v); break 'select }, _ = std::future::pending::<()>() => {} }
                    }
                    _ => {
                        select! { _ = <-Chan::<i32>::nil() => {}, v = <-rx => { seen.extend(v); break 'select }, default => break 'select }
                    }
                }
                unreachable!("the block was left");
            }
        }
        assert_eq!(seen, [0, 1, 2]);
        let mut rounds = 0;
        loop {
            rounds += 1;
            select! { Some(n) = <-rx => if n == 5 { break }, else => unreachable!() }
        }
        assert_eq!((rounds, rx.len()), (3, 4));
        let mut seen = Vec::new();
        let value = 'outer: loop {
            seen.push(0);
            loop {
                select! {
                    Some(n) = <-rx => match n {
                        6 => continue 'outer,
                        8.. => break 'outer n,
                        n => seen.push(n),
                    },
                    else => unreachable!(),
                }
            }
        };
        assert_eq!((value, seen), (8, vec![0, 0, 7]));
    });
}
