//! What each program may print: one function a program, in the words of `check.rs`.
//!
//! They permit all that Go's own programs print, and no more. What comes in a fixed order only on
//! one P is asked for in that order when the tour runs with GOMAXPROCS=1.

use std::time::Duration;

use sha1::{Digest, Sha1};

use crate::check::{
    Reader, Verdict, beginnings, blocks, exactly, interleaving, last_words, number, selection,
};
use crate::child::Run;

const DEADLOCK: &str = "fatal error: all goroutines are asleep - deadlock!";

// ---- shapes that several programs share ------------------------------------------------------

impl Run {
    /// It ended as a program should, and what it printed can be looked at by lines.
    fn lines(&self) -> Result<Reader<'_>, String> {
        self.ended_with(0)?;
        Ok(Reader::lines(&self.stdout, self.one_p))
    }

    fn ended_with(&self, status: i32) -> Verdict {
        match self.status {
            Some(got) if got == status => Ok(()),
            Some(got) => Err(format!(
                "exit status {got} instead of {status}: {}",
                self.complaint()
            )),
            None => Err(format!(
                "ended by force after {:.1} s",
                self.took.as_secs_f64()
            )),
        }
    }

    fn took_at_least(&self, time: Duration) -> Verdict {
        match self.took >= time {
            true => Ok(()),
            false => Err(format!("took {:?}, less than {time:?}", self.took)),
        }
    }

    fn complaint(&self) -> &str {
        self.stderr.lines().next().unwrap_or("nothing on stderr")
    }
}

/// Just these lines.
fn fixed(run: &Run, want: &[&str]) -> Verdict {
    let mut out = run.lines()?;
    out.all(want)?;
    out.end()
}

/// These lines, and somewhere among them perhaps one of another goroutine's.
fn fixed_and_rarely(run: &Run, want: &[&str], rare: &str) -> Verdict {
    let out = run.lines()?;
    let (others, lines): (Vec<&str>, Vec<&str>) =
        out.rest().iter().partition(|line| **line == rare);
    selection(&others, &[rare])?;
    exactly(&lines, want)
}

/// Just these lines in any order; on one P in this one.
fn unordered(run: &Run, want: &[&str]) -> Verdict {
    let mut out = run.lines()?;
    out.any_order(want)?;
    out.end()
}

/// Nothing was printed; then the runtime saw that nothing could run any more.
fn deadlock(run: &Run) -> Verdict {
    died_of_deadlock(run)?;
    exactly(&[run.stdout.trim_end()], &[""])
}

fn died_of_deadlock(run: &Run) -> Verdict {
    last_words(&run.stderr, DEADLOCK)?;
    run.ended_with(2)
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

// ---- P1 to P5: the shop ----------------------------------------------------------------------

fn shop() -> [Vec<String>; 3] {
    let category = |name: &str, products: &[&str], subtotal: &str| {
        let line = |product: &&str| format!("{name} product: {product}");
        let mut lines: Vec<String> = products.iter().map(line).collect();
        lines.push(format!("{name} subtotal: {subtotal}"));
        lines
    };
    [
        category("Watersports", &["Kayak", "Lifejacket"], "$328.95"),
        category(
            "Soccer",
            &["Soccer Ball", "Corner Flags", "Stadium"],
            "$79554.45",
        ),
        category(
            "Chess",
            &["Thinking Cap", "Unsteady Chair", "Bling-Bling King"],
            "$1291.00",
        ),
    ]
}

/// The categories in any order, each in one piece.
pub(crate) fn p1(run: &Run) -> Verdict {
    let mut out = run.lines()?;
    out.line("main function started")?;
    let mut categories = shop().to_vec();
    while let Some(first) = out.rest().first()
        && let Some(at) = categories.iter().position(|lines| lines[0] == *first)
    {
        let lines = categories.swap_remove(at);
        exactly(&out.take(lines.len())?, &lines)?;
    }
    exactly(&[], &categories.concat())?;
    out.all(&["Total: $81174.40", "main function complete"])?;
    out.end()
}

/// Main's lines, and at most the beginnings of the categories.
pub(crate) fn p2(run: &Run) -> Verdict {
    let main = [
        "main function started",
        "Total: $0.00",
        "main function complete",
    ];
    let mut out = run.lines()?;
    out.line(main[0])?;
    let (of_main, others): (Vec<&str>, Vec<&str>) =
        out.rest().iter().partition(|line| main.contains(line));
    exactly(&of_main, &main[1..])?;
    beginnings(&others, &shop())
}

/// The categories mixed; faster than one after the other.
pub(crate) fn p5(run: &Run) -> Verdict {
    let mut out = run.lines()?;
    out.line("main function started")?;
    interleaving(&out.take(11)?, &shop())?;
    out.all(&["Total: $81174.40", "main function complete"])?;
    out.end()?;
    run.took_at_least(Duration::from_millis(300))?;
    match run.took < Duration::from_millis(800) {
        true => Ok(()),
        false => Err(format!(
            "took {:?}: the categories did not overlap",
            run.took
        )),
    }
}

// ---- P6 to P16 -------------------------------------------------------------------------------

pub(crate) fn p6(run: &Run) -> Verdict {
    let mut out = run.lines()?;
    number(out.next()?, 44.0, 6042.0)?;
    out.end()
}

pub(crate) fn p7(run: &Run) -> Verdict {
    fixed(run, &["6042"])
}

/// On several Ps a goroutine may be quicker than main's second line.
pub(crate) fn p8(run: &Run) -> Verdict {
    let mut out = run.lines()?;
    out.line("Start...")?;
    out.any_order(&["End", "func 2", "func 1"])?;
    out.end()
}

pub(crate) fn p9(run: &Run) -> Verdict {
    run.lines()?.end_or(&["10 "])
}

pub(crate) fn p10(run: &Run) -> Verdict {
    fixed(run, &["15"])
}

pub(crate) fn p11(run: &Run) -> Verdict {
    unordered(run, &["9", "0", "1", "2", "3", "4", "5", "6", "7", "8"])
}

pub(crate) fn p13(run: &Run) -> Verdict {
    fixed(
        run,
        &["Channel is open!", "Channel is open!", "Channel is closed!"],
    )
}

pub(crate) fn p14(run: &Run) -> Verdict {
    fixed(run, &["42"])
}

pub(crate) fn p15(run: &Run) -> Verdict {
    fixed(run, &["10"])
}

/// One line with the numbers from 0 to 20; on one P the last comes first.
pub(crate) fn p16(run: &Run) -> Verdict {
    let mut out = run.lines()?;
    let numbers = out.next()?;
    out.end()?;
    let want: Vec<String> = [20]
        .into_iter()
        .chain(0..20)
        .map(|n: i32| n.to_string())
        .collect();
    let want: Vec<&str> = want.iter().map(String::as_str).collect();
    let mut numbers = Reader::words(numbers, run.one_p);
    numbers.any_order(&want)?;
    numbers.end()
}

// ---- P17 and P19: the letters ----------------------------------------------------------------

/// Upper case first: it is the one started last.
fn alphabets() -> [Vec<String>; 2] {
    let three = |first: char| {
        let letters = (0..3).flat_map(|_| (first..).take(26));
        letters.map(String::from).collect()
    };
    [three('A'), three('a')]
}

/// The letters before main's last line, and those after it. On several Ps the first letters may
/// be quicker than main's second line.
fn letters(run: &Run, one_p: bool) -> Result<(Vec<&str>, Vec<&str>), String> {
    let rest = run.stdout.strip_prefix("Start Goroutines\n");
    let rest = rest.ok_or("the first line is wrong")?;
    let second = rest.split_once("Waiting To Finish\n");
    let (early, rest) = second.ok_or("the second line is missing")?;
    if one_p && !early.is_empty() {
        return Err("letters before the second line".to_owned());
    }
    let (before, after) = rest
        .split_once("\nTerminating Program\n")
        .unwrap_or((rest, ""));
    let before = early.split_whitespace().chain(before.split_whitespace());
    Ok((before.collect(), after.split_whitespace().collect()))
}

fn both_alphabets(got: &[&str], upper_first: bool) -> Verdict {
    match upper_first {
        true => exactly(got, &alphabets().concat()),
        false => interleaving(got, &alphabets()),
    }
}

fn terminated(run: &Run) -> Verdict {
    match run.stdout.contains("\nTerminating Program\n") {
        true => run.ended_with(0),
        false => Err("no line \"Terminating Program\"".to_owned()),
    }
}

pub(crate) fn p17(run: &Run) -> Verdict {
    let (before, after) = letters(run, run.one_p)?;
    both_alphabets(&before, run.one_p)?;
    exactly(&after, &[] as &[&str])?;
    terminated(run)
}

pub(crate) fn p17a(run: &Run) -> Verdict {
    let (before, after) = letters(run, run.one_p)?;
    beginnings(&[before, after].concat(), &alphabets())?;
    terminated(run)
}

pub(crate) fn p17b(run: &Run) -> Verdict {
    let (before, after) = letters(run, run.one_p)?;
    both_alphabets(&before, run.one_p)?;
    exactly(&after, &[] as &[&str])?;
    died_of_deadlock(run)
}

/// One alphabet at least; then main's last line, or the panic of the second `done`.
pub(crate) fn p17c(run: &Run) -> Verdict {
    let (before, after) = letters(run, run.one_p)?;
    beginnings(&[before.clone(), after].concat(), &alphabets())?;
    let whole = |alphabet: &Vec<String>| {
        interleaving(&only(&before, alphabet), std::slice::from_ref(alphabet))
    };
    let [upper, lower] = alphabets();
    whole(&upper).or_else(|of_upper| whole(&lower).map_err(|_| of_upper))?;
    if run.one_p {
        exactly(&before, &upper)?;
    }
    match run.status {
        Some(2) => last_words(&run.stderr, "panic: sync: negative WaitGroup counter"),
        _ => terminated(run),
    }
}

/// Those pieces that are of this stream.
fn only<'a>(got: &[&'a str], stream: &[String]) -> Vec<&'a str> {
    let mine = |piece: &&&str| stream.iter().any(|own| own == **piece);
    got.iter().filter(mine).copied().collect()
}

/// It sets two Ps itself, whatever the environment says.
pub(crate) fn p19(run: &Run) -> Verdict {
    let (before, after) = letters(run, false)?;
    both_alphabets(&before, false)?;
    exactly(&after, &[] as &[&str])?;
    terminated(run)
}

// ---- P18: the hashes -------------------------------------------------------------------------

/// B first: it is the one started last.
fn hashes(rounds: u32) -> [Vec<String>; 2] {
    let stream = |prefix: &str| {
        let mut lines: Vec<String> = (1..=rounds)
            .map(|n| format!("{prefix}: {n:05}: {}", sha1(n)))
            .collect();
        lines.push(format!("Completed {prefix}"));
        lines
    };
    [stream("B"), stream("A")]
}

fn sha1(number: u32) -> String {
    let digest = Sha1::digest(number.to_string());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn p18(run: &Run) -> Verdict {
    let mut out = run.lines()?;
    out.all(&["Create Goroutines", "Waiting To Finish"])?;
    out.whole_first(&hashes(10))?;
    out.line("Terminating Program")?;
    out.end()
}

/// The two take turns: were nobody ever stopped there would be two blocks.
pub(crate) fn p18a(run: &Run) -> Verdict {
    let mut out = run.lines()?;
    out.all(&["Create Goroutines", "Waiting To Finish"])?;
    let streams = hashes(50_000);
    let got = out.take(streams.iter().map(Vec::len).sum())?;
    interleaving(&got, &streams)?;
    out.line("Terminating Program")?;
    out.end()?;
    match hash_blocks(&got) {
        0..=2 => Err("one came whole after the other".to_owned()),
        _ => Ok(()),
    }
}

/// How often A and B took turns.
pub(crate) fn hash_blocks(lines: &[&str]) -> usize {
    let of_a = |line: &str| line.starts_with("A: ") || line == "Completed A";
    blocks(lines, of_a)
}

// ---- P20 to P44 ------------------------------------------------------------------------------

pub(crate) fn p20(run: &Run) -> Verdict {
    fixed(run, &["01", "a.... HI"])
}

pub(crate) fn p21(run: &Run) -> Verdict {
    fixed_and_rarely(run, &["Good Bye!"], "Hello World!")
}

pub(crate) fn p22(run: &Run) -> Verdict {
    fixed(run, &["Hello World!", "Good Bye!"])?;
    run.took_at_least(Duration::from_secs(1))
}

const GREETING: [&str; 3] = [
    "Greeter waiting to send greeting!",
    "Greeter completed",
    "Greeting received",
];

pub(crate) fn p23(run: &Run) -> Verdict {
    fixed(run, &[&GREETING[..], &["Hello vignesh"]].concat())?;
    run.took_at_least(Duration::from_secs(4))
}

pub(crate) fn p24(run: &Run) -> Verdict {
    fixed(
        run,
        &[&GREETING[..], &["Hello Rwitesh", "Channel is closed!"]].concat(),
    )?;
    run.took_at_least(Duration::from_secs(4))
}

pub(crate) fn p25(run: &Run) -> Verdict {
    unordered(run, &["5", "1", "2", "3", "4"])
}

pub(crate) fn p26(run: &Run) -> Verdict {
    selection(run.lines()?.rest(), &["1", "2", "3", "4", "5"])
}

pub(crate) fn p28(run: &Run) -> Verdict {
    deadlock(run)
}

pub(crate) fn p29(run: &Run) -> Verdict {
    fixed(run, &["Received: 42"])
}

/// Rust's names for Go's `string` and `chan string`.
pub(crate) fn p33(run: &Run) -> Verdict {
    fixed(run, &["msg-type String", "ch-type Chan<String>", "hello"])
}

pub(crate) fn p35(run: &Run) -> Verdict {
    let mut out = run.lines()?;
    out.line("Value of the channel: <nil>")?;
    out.line("Type of the channel: Chan<i32>")?;
    address(out.next()?.strip_prefix("Value of the channel1: "))?;
    out.line("Type of the channel1: Chan<i32>")?;
    out.end()
}

fn address(text: Option<&str>) -> Verdict {
    let digits = text.and_then(|text| text.strip_prefix("0x"));
    match digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
        Some(1..) => Ok(()),
        _ => Err(format!("{text:?} is no address")),
    }
}

/// The hellos may be late; the rest is fixed.
pub(crate) fn p36(run: &Run) -> Verdict {
    let out = run.lines()?;
    let (hellos, rest): (Vec<&str>, Vec<&str>) =
        out.rest().iter().partition(|line| **line == "hello");
    exactly(
        &rest,
        &[
            "world",
            "world",
            "world",
            "world",
            "world",
            "After adding Final_cc 15",
        ],
    )?;
    exactly(&hellos, &["hello"; 5])
}

pub(crate) fn p38(run: &Run) -> Verdict {
    let open = "Channel Open  GeeksforGeeks true";
    fixed(run, &[open, open, open, open, "Channel Close  false"])
}

pub(crate) fn p39(run: &Run) -> Verdict {
    fixed(run, &["GFG", "gfg", "Geeks", "GeeksforGeeks"])
}

pub(crate) fn p40(run: &Run) -> Verdict {
    fixed(run, &["Length of the channel is:  4"])
}

pub(crate) fn p41(run: &Run) -> Verdict {
    fixed(run, &["Capacity of the channel is:  5"])
}

pub(crate) fn p42(run: &Run) -> Verdict {
    selection(run.lines()?.rest(), &["Hello World!", "Good Bye!"])
}

pub(crate) fn p43(run: &Run) -> Verdict {
    unordered(run, &["Good Bye!", "Hello World!"])?;
    run.took_at_least(Duration::from_secs(2))
}

pub(crate) fn p44(run: &Run) -> Verdict {
    unordered(run, &["Good Bye!", "Hello World!"])
}

// ---- P45 to P54 ------------------------------------------------------------------------------

/// The bodies of its answers to `/bar` and to `/`, while another client says nothing.
pub(crate) fn p45(run: &Run) -> Verdict {
    fixed(run, &["Hello, \"/bar\"", "404 page not found"])
}

/// Five standard deviations for ten million points.
pub(crate) fn p46(run: &Run) -> Verdict {
    let mut out = run.lines()?;
    let pi = out.next()?.strip_prefix("Pi: ").ok_or("no line \"Pi: \"")?;
    number(
        pi,
        std::f64::consts::PI - 0.0026,
        std::f64::consts::PI + 0.0026,
    )?;
    out.end()
}

const STARTED: &str = "main execution started";
const STOPPED: &str = "main execution stopped";

pub(crate) fn p47(run: &Run) -> Verdict {
    fixed(run, &[STARTED, "Hello World!", STOPPED])
}

pub(crate) fn p48(run: &Run) -> Verdict {
    fixed_and_rarely(run, &[STARTED, STOPPED], "Hello World!")
}

pub(crate) fn p51(run: &Run) -> Verdict {
    fixed(run, &[STARTED, STOPPED])?;
    run.took_at_least(Duration::from_millis(10))
}

/// Both groups in order, mixed in any way, perhaps cut off; on one P the digits come first.
pub(crate) fn p52(run: &Run) -> Verdict {
    run.ended_with(0)?;
    let rest = run
        .stdout
        .strip_prefix(STARTED)
        .ok_or("the first line is wrong")?;
    let (before, after) = rest.split_once(STOPPED).ok_or("the last line is missing")?;
    let got: Vec<&str> = before
        .split_whitespace()
        .chain(after.split_whitespace())
        .collect();
    let digits = owned(&["1", "2", "3", "4", "5"]);
    let letters = owned(&["H", "e", "l", "l", "o"]);
    match run.one_p {
        true => beginnings(&got, &[[digits, letters].concat()]),
        false => beginnings(&got, &[digits, letters]),
    }
}

/// Each line at its time: never early, and late by less than 25 ms.
pub(crate) fn p53(run: &Run) -> Verdict {
    let mut out = run.lines()?;
    timed(out.next()?, STARTED, 0)?;
    let got = out.take(10)?;
    let names: Vec<&str> = got
        .iter()
        .map(|line| line.split(' ').next().unwrap_or(line))
        .collect();
    let streams = [
        owned(&["H", "e", "l", "l", "o"]),
        owned(&["1", "2", "3", "4", "5"]),
    ];
    interleaving(&names, &streams)?;
    for (stream, step_ms) in streams.iter().zip([10, 30]) {
        let lines = only_named(&got, stream);
        for ((line, name), number) in lines.iter().zip(stream).zip(0..) {
            timed(line, name, number * step_ms)?;
        }
    }
    out.line("")?;
    timed(out.next()?, STOPPED, 200)?;
    out.end()
}

fn only_named<'a>(got: &[&'a str], stream: &[String]) -> Vec<&'a str> {
    let mine = |line: &&&str| {
        stream
            .iter()
            .any(|name| line.split(' ').next() == Some(name))
    };
    got.iter().filter(mine).copied().collect()
}

/// `NAME at time TIME`, where the time is the one given or a little more.
fn timed(line: &str, name: &str, at_ms: u64) -> Verdict {
    let time = line
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix(" at time "));
    let time = time
        .and_then(duration)
        .ok_or_else(|| format!("expected \"{name} at time ..\", got {line:?}"))?;
    let at = Duration::from_millis(at_ms);
    match time {
        time if time < at => Err(format!("{line:?} is too early, by {:?}", at - time)),
        time if time >= at + Duration::from_millis(25) => {
            Err(format!("{line:?} is too late, by {:?}", time - at))
        }
        _ => Ok(()),
    }
}

/// Reads what `{:?}` writes for a `Duration`.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| c != '.' && !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "ns" => 1e-9,
        "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        _ => return None,
    };
    Some(Duration::from_secs_f64(
        number.parse::<f64>().ok()? * seconds,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stdout: &str) -> Run {
        Run {
            stdout: stdout.to_owned(),
            stderr: String::new(),
            status: Some(0),
            took: Duration::from_secs(5),
            one_p: false,
        }
    }

    fn on_one_p(stdout: &str) -> Run {
        Run {
            one_p: true,
            ..run(stdout)
        }
    }

    fn died(stdout: &str, stderr: &str) -> Run {
        Run {
            status: Some(2),
            stderr: stderr.to_owned(),
            ..run(stdout)
        }
    }

    const SHOP: &str = "main function started\n\
        Chess product: Thinking Cap\nChess product: Unsteady Chair\nChess product: Bling-Bling King\n\
        Chess subtotal: $1291.00\n\
        Soccer product: Soccer Ball\nSoccer product: Corner Flags\nSoccer product: Stadium\n\
        Soccer subtotal: $79554.45\n\
        Watersports product: Kayak\nWatersports product: Lifejacket\n\
        Watersports subtotal: $328.95\n\
        Total: $81174.40\nmain function complete\n";

    #[test]
    fn the_shop_lists_each_category_in_one_piece() {
        assert_eq!(p1(&run(SHOP)), Ok(()));
        let mixed = SHOP.replace("Watersports product: Kayak\n", "").replace(
            "Soccer product: Stadium\n",
            "Soccer product: Stadium\nWatersports product: Kayak\n",
        );
        assert!(p1(&run(&mixed)).is_err());
        assert!(p1(&run(&SHOP.replace("Chess subtotal: $1291.00\n", ""))).is_err());
        assert!(p1(&run(&SHOP.replace("81174", "81175"))).is_err());
    }

    #[test]
    fn the_shop_through_a_channel_may_mix_its_categories_but_must_overlap() {
        let quick = |text: &str| Run {
            took: Duration::from_millis(310),
            ..run(text)
        };
        assert_eq!(p5(&quick(SHOP)), Ok(()));
        assert!(p5(&run(SHOP)).is_err(), "it took five seconds");
        let late = SHOP
            .replace("Total: $81174.40\n", "")
            .replace("Chess sub", "Total: $81174.40\nChess sub");
        assert!(p5(&quick(&late)).is_err());
    }

    #[test]
    fn the_shop_that_nobody_waits_for_prints_beginnings() {
        let main = "main function started\nTotal: $0.00\nmain function complete\n";
        assert_eq!(p2(&run(main)), Ok(()));
        assert_eq!(
            p2(&run(&format!("{main}Chess product: Thinking Cap\n"))),
            Ok(())
        );
        assert!(p2(&run(&format!("{main}Chess product: Unsteady Chair\n"))).is_err());
        assert!(p2(&run(&main.replace("0.00", "1.00"))).is_err());
    }

    #[test]
    fn a_goroutine_that_was_started_last_comes_first_on_one_p() {
        let text = "Start...\nEnd\nfunc 1\nfunc 2\n";
        assert_eq!(p8(&run(text)), Ok(()));
        assert!(p8(&on_one_p(text)).is_err());
        assert_eq!(p8(&on_one_p("Start...\nEnd\nfunc 2\nfunc 1\n")), Ok(()));
        assert!(p8(&on_one_p("Start...\nfunc 2\nEnd\nfunc 1\n")).is_err());
        assert!(p8(&run("func 1\nStart...\nEnd\nfunc 2\n")).is_err());
    }

    #[test]
    fn the_numbers_of_the_loop_come_each_once_in_a_line() {
        let numbers: String = (0..=20).map(|n| format!("{n} ")).collect();
        assert_eq!(p16(&run(&format!("{numbers}\n"))), Ok(()));
        assert!(p16(&on_one_p(&format!("{numbers}\n"))).is_err());
        assert!(p16(&run(&"21 ".repeat(21))).is_err());
    }

    fn letters_between(last: &str, letters: &[Vec<String>]) -> String {
        format!(
            "Start Goroutines\nWaiting To Finish\n{} {last}",
            letters.concat().join(" ")
        )
    }

    #[test]
    fn letters_are_whole_alphabets() {
        let [upper, lower] = alphabets();
        let last = "\nTerminating Program\n";
        let upper_first = letters_between(last, &[upper.clone(), lower.clone()]);
        let lower_first = letters_between(last, &[lower.clone(), upper.clone()]);
        assert_eq!(p17(&run(&upper_first)), Ok(()));
        assert_eq!(p17(&run(&lower_first)), Ok(()));
        assert_eq!(p17(&on_one_p(&upper_first)), Ok(()));
        assert!(p17(&on_one_p(&lower_first)).is_err());
        assert!(p17(&run(&upper_first.replace("z a", "a z"))).is_err());
        assert!(p17(&run(&letters_between(last, &[upper]))).is_err());
        let early = upper_first.replacen("Waiting To Finish\nA B ", "A B Waiting To Finish\n", 1);
        assert_eq!(p19(&run(&early)), Ok(()));
        assert!(p17(&on_one_p(&early)).is_err());
    }

    #[test]
    fn letters_without_a_wait_are_cut_off() {
        let none = "Start Goroutines\nWaiting To Finish\n\nTerminating Program\n";
        assert_eq!(p17a(&run(none)), Ok(()));
        assert_eq!(p17a(&run(&format!("{none}A B a "))), Ok(()));
        assert!(p17a(&run(&format!("{none}B "))).is_err());
        assert!(p17a(&run("Start Goroutines\nWaiting To Finish\n")).is_err());
    }

    #[test]
    fn letters_without_done_end_in_a_deadlock() {
        let text = letters_between("", &alphabets());
        assert_eq!(
            p17b(&died(&text, &format!("{DEADLOCK}\n\ngoroutine 1 [...]:\n"))),
            Ok(())
        );
        assert!(p17b(&died(&text, "killed\n")).is_err());
        assert!(p17b(&run(&text)).is_err());
        let fewer = letters_between("", &alphabets()[..1]);
        assert!(p17b(&died(&fewer, DEADLOCK)).is_err());
    }

    #[test]
    fn one_done_too_many_ends_main_or_panics() {
        let [upper, lower] = alphabets();
        let one = letters_between("\nTerminating Program\n", std::slice::from_ref(&upper));
        assert_eq!(p17c(&run(&one)), Ok(()));
        assert_eq!(p17c(&on_one_p(&one)), Ok(()));
        let both = letters_between("", &[upper.clone(), lower]);
        assert_eq!(
            p17c(&died(&both, "panic: sync: negative WaitGroup counter\n")),
            Ok(())
        );
        assert!(p17c(&died(&both, "panic: another\n")).is_err());
        let half = letters_between("\nTerminating Program\n", &[upper[..70].to_vec()]);
        assert!(p17c(&run(&half)).is_err());
    }

    #[test]
    fn sha1_is_sha1() {
        assert_eq!(sha1(1), "356a192b7913b04c54574d18c28d46e6395428ab");
    }

    #[test]
    fn hashes_come_b_first_on_one_p() {
        let text = |streams: [Vec<String>; 2]| {
            format!(
                "Create Goroutines\nWaiting To Finish\n{}\nTerminating Program\n",
                streams.concat().join("\n")
            )
        };
        let [b, a] = hashes(10);
        assert_eq!(p18(&on_one_p(&text([b.clone(), a.clone()]))), Ok(()));
        assert!(p18(&on_one_p(&text([a.clone(), b.clone()]))).is_err());
        assert_eq!(p18(&run(&text([a.clone(), b.clone()]))), Ok(()));
        assert!(p18(&run(&text([a.clone(), b[..10].to_vec()]))).is_err());
        assert!(p18(&run(&text([a, b]).replace("356a", "356b"))).is_err());
    }

    #[test]
    fn time_slices_need_turns() {
        let [b, a] = hashes(50_000);
        let text = |lines: Vec<String>| {
            format!(
                "Create Goroutines\nWaiting To Finish\n{}\nTerminating Program\n",
                lines.join("\n")
            )
        };
        assert!(p18a(&run(&text([b.clone(), a.clone()].concat()))).is_err());
        let turns = [&b[..100], &a[..100], &b[100..], &a[100..]].concat();
        assert_eq!(p18a(&run(&text(turns))), Ok(()));
    }

    #[test]
    fn a_rare_line_may_come_anywhere_but_once() {
        assert_eq!(p21(&run("Good Bye!\n")), Ok(()));
        assert_eq!(p21(&run("Hello World!\nGood Bye!\n")), Ok(()));
        assert!(p21(&run("Hello World!\nHello World!\nGood Bye!\n")).is_err());
        assert!(p21(&run("Hello World!\n")).is_err());
    }

    #[test]
    fn a_greeting_takes_four_seconds() {
        let text = format!("{}\nHello vignesh\n", GREETING.join("\n"));
        assert_eq!(p23(&run(&text)), Ok(()));
        let hasty = Run {
            took: Duration::from_secs(3),
            ..run(&text)
        };
        assert!(p23(&hasty).is_err());
    }

    #[test]
    fn a_deadlock_needs_its_message_its_status_and_silence() {
        assert_eq!(deadlock(&died("", DEADLOCK)), Ok(()));
        assert!(deadlock(&died("Received: 42\n", DEADLOCK)).is_err());
        assert!(deadlock(&died("", "")).is_err());
        let wrong_status = Run {
            status: Some(1),
            ..died("", DEADLOCK)
        };
        assert!(deadlock(&wrong_status).is_err());
        let hung = Run {
            status: None,
            ..died("", DEADLOCK)
        };
        assert!(deadlock(&hung).is_err());
    }

    #[test]
    fn an_address_is_not_nil() {
        let text = |value: &str| {
            format!(
                "Value of the channel: <nil>\nType of the channel: Chan<i32>\n\
                 Value of the channel1: {value}\nType of the channel1: Chan<i32>\n"
            )
        };
        assert_eq!(p35(&run(&text("0x432080"))), Ok(()));
        assert!(p35(&run(&text("0x0"))).is_err());
        assert!(p35(&run(&text("<nil>"))).is_err());
    }

    #[test]
    fn pi_is_near_pi() {
        assert_eq!(p46(&run("Pi: 3.1415\n")), Ok(()));
        assert!(p46(&run("Pi: 3.1445\n")).is_err());
        assert!(p46(&run("Pi: x\n")).is_err());
    }

    #[test]
    fn digits_come_before_characters_on_one_p() {
        let text = |middle: &str| format!("{STARTED}\n{middle}{STOPPED}\n");
        assert_eq!(p52(&on_one_p(&text("1 2 3 4 5 H e l l o "))), Ok(()));
        assert!(p52(&on_one_p(&text("H e l l o 1 2 3 4 5 "))).is_err());
        assert_eq!(p52(&run(&text("H 1 e 2 l "))), Ok(()));
        assert!(p52(&run(&text("H l e l o "))).is_err());
    }

    fn timed_lines(at: [(&str, &str); 12]) -> String {
        let mut lines: Vec<String> = at
            .iter()
            .map(|(name, time)| format!("{name} at time {time}"))
            .collect();
        lines[11].insert(0, '\n');
        lines.join("\n") + "\n"
    }

    #[test]
    fn timed_lines_are_neither_early_nor_late() {
        let good = [
            (STARTED, "90ns"),
            ("1", "80.5µs"),
            ("H", "90.5µs"),
            ("e", "10.1ms"),
            ("l", "20.2ms"),
            ("2", "30.1ms"),
            ("l", "30.3ms"),
            ("o", "40.4ms"),
            ("3", "60.1ms"),
            ("4", "90.1ms"),
            ("5", "120.4ms"),
            (STOPPED, "0.2001s"),
        ];
        assert_eq!(p53(&run(&timed_lines(good))), Ok(()));
        let mut early = good;
        early[3].1 = "9.9ms";
        assert!(p53(&run(&timed_lines(early))).is_err());
        let mut late = good;
        late[10].1 = "150ms";
        assert!(p53(&run(&timed_lines(late))).is_err());
        let mut swapped = good;
        swapped.swap(3, 7);
        assert!(p53(&run(&timed_lines(swapped))).is_err());
    }
}
