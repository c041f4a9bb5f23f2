//! What a handler does that does something: it turns a number over and over.
//!
//! ```text
//!   request   turns, u32 │ a number, u64 │ ...     little endian
//!   answer    turns      │ what it became │ ...    the rest as it came
//! ```
//!
//! A turn begins with what the last one gave, and takes a shift, an exclusive or and a
//! multiplication: how long that is depends on the processor and hardly on the compiler, so it
//! is the same work in Rust and in Go. No compiler can leave a turn out, and the client knows
//! the right answer. How many turns a microsecond takes is measured once, before all rows, in
//! processor time; requests then carry turns, the same number to all servers.

use std::hint::black_box;

use benches::measure::cost::thread_cpu_time;

use crate::conns::ECHO_BYTES;

/// Odd, with its ones well spread: 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// What all start with. Not 0, which would stay 0.
const NUMBER: u64 = 1;

/// Where a request has its number.
const TURNS_END: usize = size_of::<u32>();
const NUMBER_END: usize = TURNS_END + size_of::<u64>();

fn turn_over(mut number: u64, turns: u32) -> u64 {
    for _ in 0..turns {
        number = (number ^ (number >> 32)).wrapping_mul(MULTIPLIER);
    }
    number
}

/// A request for so many turns.
pub(crate) fn request(turns: u32) -> Vec<u8> {
    let mut request = vec![b'm'; ECHO_BYTES];
    request[..TURNS_END].copy_from_slice(&turns.to_le_bytes());
    request[TURNS_END..NUMBER_END].copy_from_slice(&NUMBER.to_le_bytes());
    request
}

/// Does what a request asks for, and makes the answer of it. A client sends requests whole.
pub(crate) fn answer(request: &mut [u8]) {
    let (turns, rest) = request.split_first_chunk_mut().expect("a request is whole");
    let number = rest.first_chunk_mut().expect("a request is whole");
    let turned = turn_over(u64::from_le_bytes(*number), u32::from_le_bytes(*turns));
    *number = turned.to_le_bytes();
}

/// How many turns there are to a microsecond of processor time: the most of several attempts,
/// since whatever disturbs one makes it longer.
pub(crate) fn turns_per_us() -> f64 {
    const TURNS: u32 = 1 << 20;
    let attempt = || {
        let before = thread_cpu_time();
        black_box(turn_over(black_box(NUMBER), black_box(TURNS)));
        thread_cpu_time() - before
    };
    let least = (0..9).map(|_| attempt()).min().unwrap_or_default();
    f64::from(TURNS) / (least.as_secs_f64() * 1e6)
}
