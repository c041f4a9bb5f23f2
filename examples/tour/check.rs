//! What a program may print: small checkers, put together by `permitted.rs`.
//!
//! A [`Reader`] goes over the output piece by piece, lines or words. Each question takes what it
//! is about and complains if that is not there; `end` complains about what is left over. Where Go
//! fixes an order only on one P, `any_order` and `whole_first` ask for that order exactly when the
//! program ran on one.

use std::collections::BTreeSet;
use std::fmt::Display;

/// `Err` says what is wrong with the output.
pub(crate) type Verdict = Result<(), String>;

/// The output, in pieces, and how far it has been looked at.
pub(crate) struct Reader<'a> {
    pieces: Vec<&'a str>,
    at: usize,
    /// Whether the order of one P is asked for.
    strict: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn lines(text: &'a str, strict: bool) -> Reader<'a> {
        Reader {
            pieces: text.lines().collect(),
            at: 0,
            strict,
        }
    }

    pub(crate) fn words(text: &'a str, strict: bool) -> Reader<'a> {
        Reader {
            pieces: text.split_whitespace().collect(),
            at: 0,
            strict,
        }
    }

    /// What has not been looked at yet.
    pub(crate) fn rest(&self) -> &[&'a str] {
        &self.pieces[self.at..]
    }

    /// The next piece, whatever it is.
    pub(crate) fn next(&mut self) -> Result<&'a str, String> {
        let piece = self.rest().first().copied();
        self.at += 1;
        piece.ok_or_else(|| "the output ends too early".to_owned())
    }

    /// The next `count` pieces.
    pub(crate) fn take(&mut self, count: usize) -> Result<Vec<&'a str>, String> {
        (0..count).map(|_| self.next()).collect()
    }

    /// The next piece is this one.
    pub(crate) fn line(&mut self, want: &str) -> Verdict {
        match self.next()? {
            got if got == want => Ok(()),
            got => Err(format!("expected {want:?}, got {got:?}")),
        }
    }

    /// The next pieces are these.
    pub(crate) fn all(&mut self, want: &[&str]) -> Verdict {
        want.iter().try_for_each(|want| self.line(want))
    }

    /// The next pieces are these, in any order; on one P in just this one.
    pub(crate) fn any_order(&mut self, want: &[&str]) -> Verdict {
        let got = self.take(want.len())?;
        match self.strict {
            true => exactly(&got, want),
            false => permutation(&got, want),
        }
    }

    /// The next pieces are those of all streams, each in its order, mixed in any way; on one P
    /// the first stream comes whole, then the second, and so on.
    pub(crate) fn whole_first(&mut self, streams: &[Vec<String>]) -> Verdict {
        let got = self.take(streams.iter().map(Vec::len).sum())?;
        match self.strict {
            true => exactly(&got, &streams.concat()),
            false => interleaving(&got, streams),
        }
    }

    /// Nothing is left.
    pub(crate) fn end(&self) -> Verdict {
        match self.rest() {
            [] => Ok(()),
            rest => Err(format!("unexpected: {}", rest.join(" / "))),
        }
    }

    /// Nothing is left but perhaps one of these.
    pub(crate) fn end_or(&self, rare: &[&str]) -> Verdict {
        match self.rest() {
            [one] if rare.contains(one) => Ok(()),
            _ => self.end(),
        }
    }
}

/// The same pieces in the same order.
pub(crate) fn exactly(got: &[&str], want: &[impl AsRef<str> + Display]) -> Verdict {
    let differs = (0..got.len().max(want.len()))
        .find(|&i| got.get(i).copied() != want.get(i).map(AsRef::as_ref));
    match differs {
        None => Ok(()),
        Some(i) => {
            let want = want.get(i).map_or("the end", AsRef::as_ref);
            let got = got.get(i).copied().unwrap_or("the end");
            Err(format!(
                "expected {want:?} as number {}, got {got:?}",
                i + 1
            ))
        }
    }
}

/// The same pieces in any order.
pub(crate) fn permutation(got: &[&str], want: &[&str]) -> Verdict {
    let sorted = |pieces: &[&str]| {
        let mut pieces: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
        pieces.sort();
        pieces
    };
    match sorted(got) == sorted(want) {
        true => Ok(()),
        false => Err(format!("not a permutation of {want:?}: {got:?}")),
    }
}

/// Some of the pieces, none twice.
pub(crate) fn selection(got: &[&str], of: &[&str]) -> Verdict {
    let unique: BTreeSet<_> = got.iter().collect();
    match unique.len() == got.len() && got.iter().all(|piece| of.contains(piece)) {
        true => Ok(()),
        false => Err(format!("not a selection from {of:?}: {got:?}")),
    }
}

/// All streams, each complete and in its own order, mixed in any way.
pub(crate) fn interleaving(got: &[&str], streams: &[Vec<String>]) -> Verdict {
    let whole: Vec<usize> = streams.iter().map(Vec::len).collect();
    match reachable(got, streams)?.contains(&whole) {
        true => Ok(()),
        false => Err(format!("a stream is incomplete: {}", tail(got))),
    }
}

/// The beginnings of the streams, each in its own order, mixed in any way.
pub(crate) fn beginnings(got: &[&str], streams: &[Vec<String>]) -> Verdict {
    reachable(got, streams).map(|_| ())
}

/// How far one can be in each stream after all of `got`. Several answers are possible where
/// streams share pieces.
fn reachable(got: &[&str], streams: &[Vec<String>]) -> Result<BTreeSet<Vec<usize>>, String> {
    let mut states = BTreeSet::from([vec![0; streams.len()]]);
    for (number, piece) in got.iter().enumerate() {
        states = states
            .iter()
            .flat_map(|state| steps(state, piece, streams))
            .collect();
        if states.is_empty() {
            return Err(format!(
                "{piece:?} as number {} is out of order",
                number + 1
            ));
        }
    }
    Ok(states)
}

/// The states after `piece`: one for each stream that goes on with it.
fn steps(state: &[usize], piece: &str, streams: &[Vec<String>]) -> Vec<Vec<usize>> {
    let goes_on = |&stream: &usize| {
        streams[stream]
            .get(state[stream])
            .is_some_and(|next| next == piece)
    };
    let step = |stream: usize| {
        let mut after = state.to_vec();
        after[stream] += 1;
        after
    };
    (0..streams.len()).filter(goes_on).map(step).collect()
}

/// How many runs of neighbours there are that `kind` does not tell apart.
pub(crate) fn blocks<K: PartialEq>(got: &[&str], kind: impl Fn(&str) -> K) -> usize {
    let changes = got
        .windows(2)
        .filter(|pair| kind(pair[0]) != kind(pair[1]))
        .count();
    changes + usize::from(!got.is_empty())
}

/// A number within bounds, both included.
pub(crate) fn number(text: &str, from: f64, to: f64) -> Verdict {
    match text.parse::<f64>() {
        Ok(number) if (from..=to).contains(&number) => Ok(()),
        Ok(number) => Err(format!("{number} is not between {from} and {to}")),
        Err(_) => Err(format!("{text:?} is not a number")),
    }
}

/// Stderr of a process that died as Go's do: exactly one line that begins `fatal error: ` or
/// `panic: `, and this is it.
pub(crate) fn last_words(stderr: &str, want: &str) -> Verdict {
    let fatal = |line: &&str| line.starts_with("fatal error: ") || line.starts_with("panic: ");
    let found: Vec<&str> = stderr.lines().filter(fatal).collect();
    match found[..] {
        [one] if one == want => Ok(()),
        [] => Err(format!("stderr has no line {want:?}")),
        _ => Err(format!("expected {want:?} and nothing else, got {found:?}")),
    }
}

/// The last few pieces, for a message.
fn tail(got: &[&str]) -> String {
    let from = got.len().saturating_sub(4);
    format!("ends with {:?}", &got[from..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    fn split(words: &str) -> Vec<&str> {
        words.split_whitespace().collect()
    }

    #[test]
    fn fixed_lines_are_read_one_by_one() {
        let mut out = Reader::lines("a\nb\n\nc\n", false);
        assert_eq!(out.all(&["a", "b", "", "c"]), Ok(()));
        assert_eq!(out.end(), Ok(()));
    }

    #[test]
    fn a_wrong_line_is_refused() {
        assert!(Reader::lines("a\nx\n", false).all(&["a", "b"]).is_err());
    }

    #[test]
    fn a_missing_line_is_refused() {
        assert!(Reader::lines("a\n", false).all(&["a", "b"]).is_err());
    }

    #[test]
    fn a_line_too_many_is_refused() {
        let mut out = Reader::lines("a\nb\n", false);
        assert_eq!(out.line("a"), Ok(()));
        assert!(out.end().is_err());
        assert!(out.end_or(&["c"]).is_err());
        assert_eq!(out.end_or(&["b"]), Ok(()));
    }

    #[test]
    fn a_rare_line_may_come_only_once() {
        assert!(Reader::lines("b\nb\n", false).end_or(&["b"]).is_err());
        assert_eq!(Reader::lines("", false).end_or(&["b"]), Ok(()));
    }

    #[test]
    fn any_order_means_any_order_unless_on_one_p() {
        let ask = |strict| Reader::lines("b\na\n", strict).any_order(&["a", "b"]);
        assert_eq!(ask(false), Ok(()));
        assert!(ask(true).is_err());
        assert_eq!(Reader::lines("a\nb\n", true).any_order(&["a", "b"]), Ok(()));
    }

    #[test]
    fn a_permutation_has_each_piece_as_often_as_it_should() {
        assert_eq!(permutation(&["b", "a", "a"], &["a", "b", "a"]), Ok(()));
        assert!(permutation(&["b", "b", "a"], &["a", "b", "a"]).is_err());
        assert!(permutation(&["a", "b"], &["a", "b", "a"]).is_err());
    }

    #[test]
    fn a_selection_repeats_nothing_and_adds_nothing() {
        let of = ["1", "2", "3"];
        assert_eq!(selection(&[], &of), Ok(()));
        assert_eq!(selection(&["3", "1"], &of), Ok(()));
        assert!(selection(&["3", "3"], &of).is_err());
        assert!(selection(&["4"], &of).is_err());
    }

    #[test]
    fn streams_may_mix_but_not_change() {
        let streams = [stream("a b c"), stream("A B")];
        assert_eq!(interleaving(&split("a A b B c"), &streams), Ok(()));
        assert_eq!(interleaving(&split("A B a b c"), &streams), Ok(()));
        assert!(interleaving(&split("a A c B b"), &streams).is_err());
        assert!(interleaving(&split("a A b B"), &streams).is_err());
        assert!(interleaving(&split("a A b B c c"), &streams).is_err());
        assert!(interleaving(&split("a A x b B c"), &streams).is_err());
    }

    #[test]
    fn streams_that_share_pieces_are_told_apart_in_every_way() {
        let streams = [stream("a b c"), stream("a b d")];
        assert_eq!(interleaving(&split("a a b d b c"), &streams), Ok(()));
        assert!(interleaving(&split("a b a d"), &streams).is_err());
        assert_eq!(interleaving(&split("a b d a b c"), &streams), Ok(()));
        assert!(interleaving(&split("a b d a c b"), &streams).is_err());
    }

    #[test]
    fn beginnings_may_stop_anywhere_but_skip_nothing() {
        let streams = [stream("a b c"), stream("A B")];
        assert_eq!(beginnings(&[], &streams), Ok(()));
        assert_eq!(beginnings(&split("A a"), &streams), Ok(()));
        assert!(beginnings(&split("b"), &streams).is_err());
        assert!(beginnings(&split("A B C"), &streams).is_err());
    }

    #[test]
    fn on_one_p_the_first_stream_comes_whole() {
        let streams = [stream("A B"), stream("a b")];
        let ask = |text, strict| Reader::words(text, strict).whole_first(&streams);
        assert_eq!(ask("A B a b", true), Ok(()));
        assert!(ask("A a B b", true).is_err());
        assert_eq!(ask("A a B b", false), Ok(()));
        assert!(ask("A a B", false).is_err());
    }

    #[test]
    fn blocks_count_the_changes() {
        let kind = |piece: &str| piece.chars().next();
        assert_eq!(blocks(&[], kind), 0);
        assert_eq!(blocks(&split("a1 a2 a3"), kind), 1);
        assert_eq!(blocks(&split("a1 b1 b2 a2"), kind), 3);
    }

    #[test]
    fn a_number_is_in_its_bounds() {
        assert_eq!(number("44", 44.0, 6042.0), Ok(()));
        assert!(number("43", 44.0, 6042.0).is_err());
        assert!(number("many", 44.0, 6042.0).is_err());
    }

    #[test]
    fn last_words_are_said_once() {
        let want = "fatal error: x";
        assert_eq!(
            last_words("fatal error: x\n\ngoroutine 1 [y]:\n", want),
            Ok(())
        );
        assert!(last_words("", want).is_err());
        assert!(last_words("fatal error: z\n", want).is_err());
        assert!(last_words("panic: a\nfatal error: x\n", want).is_err());
        assert!(last_words("  fatal error: x\n", want).is_err());
    }
}
