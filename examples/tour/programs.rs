//! The programs of the tour: where each is, what it may print, how long it takes.
//!
//! The programs themselves are in `seeds`, one file each.

use std::io;
use std::time::Duration;

use crate::check::Verdict;
use crate::child::{self, Run};
use crate::{permitted, seeds, server};

/// One program of the tour.
pub(crate) struct Program {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// Its main function, runtime and all.
    pub(crate) main: fn(),
    pub(crate) check: fn(&Run) -> Verdict,
    /// Runs it as a process of its own.
    pub(crate) visit: Visitor,
    /// What the verdict depends on beside the program.
    pub(crate) order: Order,
    /// About how long it sleeps or works, in seconds: those that take longest begin first.
    pub(crate) seconds: f64,
}

/// Runs the program of this name for at most so long.
pub(crate) type Visitor = fn(&str, Duration) -> io::Result<Run>;

/// What the output of a program depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// On nothing that could disturb it.
    Any,
    /// On one P the order is fixed, unless the machine stands still at the wrong moment.
    OneP,
    /// Main ends first; this is all that is printed if the goroutines are cut off in time, which
    /// Go promises as little as we do.
    CutOff(&'static str),
    /// It sleeps and hopes that the others have got on meanwhile.
    Clock,
}

/// Those that are not here: they compile neither in Go nor here; see the crate's documentation.
pub(crate) const NOT_RUN: [&str; 4] = ["P3", "P4", "P12", "P27"];

#[rustfmt::skip]
pub(crate) static PROGRAMS: &[Program] = &[
    program("P1", "the totals of a shop, in sequence", seeds::p01_store_totals::main, permitted::p1, Order::Any, 0.0),
    program("P2", "the same with go, nobody waits", seeds::p02_store_totals_go::main, permitted::p2, Order::CutOff("main function started\nTotal: $0.00\nmain function complete\n"), 0.0),
    program("P5", "the same through a channel", seeds::p05_store_totals_channel::main, permitted::p5, Order::Clock, 0.3),
    program("P6", "a racy counter", seeds::p06_racy_counter::main, permitted::p6, Order::Any, 0.0),
    program("P7", "an atomic counter", seeds::p07_atomic_counter::main, permitted::p7, Order::Any, 0.0),
    program("P8", "fork and join with a sleep", seeds::p08_fork_join_sleep::main, permitted::p8, Order::OneP, 1.0),
    program("P9", "an argument, nobody waits", seeds::p09_argument::main, permitted::p9, Order::CutOff(""), 0.0),
    program("P10", "go with a named function", seeds::p10_named_function::main, permitted::p10, Order::Any, 0.0),
    program("P11", "a wait group in a loop", seeds::p11_wait_group_loop::main, permitted::p11, Order::OneP, 0.0),
    program("P13", "is it closed?", seeds::p13_comma_ok::main, permitted::p13, Order::Any, 0.0),
    program("P14", "reading under a mutex", seeds::p14_mutex::main, permitted::p14, Order::Any, 0.0),
    program("P15", "an atomic getter", seeds::p15_atomic_getter::main, permitted::p15, Order::Any, 0.0),
    program("P16", "a captured loop variable", seeds::p16_loop_variable::main, permitted::p16, Order::OneP, 0.0),
    program("P17", "letters on one P", seeds::p17_letters::main, permitted::p17, Order::OneP, 0.0),
    program("P17a", "letters, no wait", seeds::p17a_no_wait::main, permitted::p17a, Order::CutOff("Start Goroutines\nWaiting To Finish\n\nTerminating Program\n"), 0.0),
    program("P17b", "letters, no done", seeds::p17b_no_done::main, permitted::p17b, Order::OneP, 0.0),
    program("P17c", "letters, add(1) for two", seeds::p17c_add_one::main, permitted::p17c, Order::OneP, 0.0),
    program("P18", "ten hashes each on one P", seeds::p18_hashes::main, permitted::p18, Order::OneP, 0.0),
    program("P18a", "50,000 hashes each, time slices", seeds::p18a_time_slices::main, permitted::p18a, Order::Clock, 0.4),
    program("P19", "letters on two Ps", seeds::p19_letters_two_procs::main, permitted::p19, Order::Any, 0.0),
    program("P20", "a plain call", seeds::p20_plain_call::main, permitted::p20, Order::Any, 0.0),
    program("P21", "go, no wait", seeds::p21_go_no_wait::main, permitted::p21, Order::CutOff("Good Bye!\n"), 0.0),
    program("P22", "go, and a sleep of 1 s", seeds::p22_go_sleep::main, permitted::p22, Order::Clock, 1.0),
    program("P23", "a greeting through a channel", seeds::p23_greeting::main, permitted::p23, Order::Clock, 4.0),
    program("P24", "a greeting and a close", seeds::p24_greeting_close::main, permitted::p24, Order::Clock, 4.0),
    program("P25", "five goroutines, five receives", seeds::p25_five_receives::main, permitted::p25, Order::OneP, 0.0),
    program("P26", "five goroutines, count and done", seeds::p26_count_and_done::main, permitted::p26, Order::Any, 0.0),
    program("P28", "send and receive in one goroutine", seeds::p28_one_goroutine::main, permitted::p28, Order::Any, 0.0),
    program("P29", "sender and receiver", seeds::p29_sender_receiver::main, permitted::p29, Order::Any, 0.0),
    program("P30", "send before the receiver starts", seeds::p30_send_first::main, permitted::p28, Order::Any, 0.0),
    program("P31", "a channel of both directions", seeds::p31_bidirectional::main, permitted::p28, Order::Any, 0.0),
    program("P32", "unidirectional channels", seeds::p32_unidirectional::main, permitted::p29, Order::Any, 0.0),
    program("P33", "the type of a channel", seeds::p33_type_of_channel::main, permitted::p33, Order::Any, 0.0),
    program("P34", "the same, called buffered", seeds::p34_type_of_channel_again::main, permitted::p33, Order::Any, 0.0),
    program("P35", "var and make", seeds::p35_var_and_make::main, permitted::p35, Order::Any, 0.0),
    program("P36", "why sleep", seeds::p36_why_sleep::main, permitted::p36, Order::Any, 0.0),
    program("P37", "a receive without a sender", seeds::p37_deadlock::main, permitted::p28, Order::Any, 0.0),
    program("P38", "close, and a loop with comma-ok", seeds::p38_close_loop::main, permitted::p38, Order::Any, 0.0),
    program("P39", "range over a channel", seeds::p39_range::main, permitted::p39, Order::Any, 0.0),
    program("P40", "len of a channel", seeds::p40_len::main, permitted::p40, Order::Any, 0.0),
    program("P41", "cap of a channel", seeds::p41_cap::main, permitted::p41, Order::Any, 0.0),
    program("P42", "two goroutines, no wait", seeds::p42_two_no_wait::main, permitted::p42, Order::CutOff(""), 0.0),
    program("P43", "two goroutines, sleep of 2 s", seeds::p43_two_sleep::main, permitted::p43, Order::OneP, 2.0),
    program("P44", "two goroutines, wait group", seeds::p44_two_wait_group::main, permitted::p44, Order::OneP, 0.0),
    program("P45", "an HTTP server", || _ = seeds::p45_http_server::main(), permitted::p45, Order::Any, 0.0).served(),
    program("P46", "pi from random points", seeds::p46_monte_carlo_pi::main, permitted::p46, Order::Any, 0.2),
    program("P47", "a function called", seeds::p47_call::main, permitted::p47, Order::Any, 0.0),
    program("P48", "go, no wait", seeds::p48_go::main, permitted::p48, Order::CutOff("main execution started\nmain execution stopped\n"), 0.0),
    program("P49", "go, main sleeps 10 ms", seeds::p49_go_sleep::main, permitted::p47, Order::Clock, 0.0),
    program("P50", "the goroutine sleeps 1 ms", seeds::p50_both_sleep::main, permitted::p47, Order::Clock, 0.0),
    program("P51", "the goroutine sleeps 15 ms", seeds::p51_cut_off::main, permitted::p51, Order::Clock, 0.0),
    program("P52", "characters and digits", seeds::p52_chars_and_digits::main, permitted::p52, Order::OneP, 0.0),
    program("P53", "characters and digits, timed", seeds::p53_chars_and_digits_timed::main, permitted::p53, Order::Clock, 0.2),
    program("P54", "an anonymous goroutine", seeds::p54_anonymous::main, permitted::p47, Order::Clock, 0.0),
];

const fn program(
    id: &'static str,
    title: &'static str,
    main: fn(),
    check: fn(&Run) -> Verdict,
    order: Order,
    seconds: f64,
) -> Program {
    Program {
        id,
        title,
        main,
        check,
        visit: child::run,
        order,
        seconds,
    }
}

impl Program {
    /// It is a server: its answers are looked at, and then it is ended.
    const fn served(mut self) -> Program {
        self.visit = server::ask;
        self
    }
}

/// The program of this name.
pub(crate) fn find(id: &str) -> Option<&'static Program> {
    PROGRAMS
        .iter()
        .find(|program| program.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_has_a_name_of_its_own() {
        for program in PROGRAMS {
            assert!(std::ptr::eq(
                find(program.id).expect("it is in the list"),
                program
            ));
        }
    }

    #[test]
    fn all_fifty_four_are_accounted_for() {
        let known = |id: &str| find(id).is_some() || NOT_RUN.contains(&id);
        let missing: Vec<String> = (1..=54)
            .map(|n| format!("P{n}"))
            .filter(|id| !known(id))
            .collect();
        assert_eq!(missing, Vec::<String>::new());
    }
}
