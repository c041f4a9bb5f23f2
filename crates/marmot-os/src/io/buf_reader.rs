//! A buffer in front of a reader, and what ends with a byte: lines.
//!
//! ```text
//!    0        start        searched          end        len
//!    ├──────────┼──────────────┼──────────────┼──────────┤
//!    │ consumed │ no delimiter │ not looked at│ room     │
//! ```
//!
//! A line stays in the buffer, which grows if it must, until all of it is there: so dropping a
//! future in the middle of one loses nothing.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use futures::io::{AsyncBufRead, AsyncRead};

/// How much is asked for at once, in bytes: as in std.
const CAPACITY: usize = 8 * 1024;

/// Reads from `R` in pieces of 8 KiB and gives what is asked for: a few bytes, a line.
///
/// It implements futures' `AsyncRead` and `AsyncBufRead`.
///
/// # Examples
///
/// ```
/// use marmot_os::io::BufReader;
///
/// # marmot_wait::park::block_on(async {
/// let mut reader = BufReader::new(&b"one\ntwo\nthree"[..]);
/// let mut line = String::new();
/// assert_eq!(reader.read_line(&mut line).await?, 4);
/// assert_eq!(line, "one\n");
/// let mut lines = reader.lines();
/// assert_eq!(lines.next_line().await?.as_deref(), Some("two"));
/// assert_eq!(lines.next_line().await?.as_deref(), Some("three"));
/// assert_eq!(lines.next_line().await?, None);
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct BufReader<R> {
    inner: R,
    buf: Vec<u8>,
    start: usize,
    /// Up to here there is no delimiter, if the one looked for is `delimiter`.
    searched: usize,
    delimiter: u8,
    end: usize,
    capacity: usize,
}

impl<R> BufReader<R> {
    /// With a buffer of 8 KiB, which grows if a line is longer.
    pub fn new(inner: R) -> BufReader<R> {
        BufReader::with_capacity(CAPACITY, inner)
    }

    /// With a buffer of this many bytes, at least one.
    pub fn with_capacity(capacity: usize, inner: R) -> BufReader<R> {
        BufReader {
            inner,
            buf: Vec::new(),
            start: 0,
            searched: 0,
            delimiter: b'\n',
            end: 0,
            capacity: capacity.max(1),
        }
    }

    /// What has been read and not yet given.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    /// The reader.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader. What is read from it directly is missing here.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The reader; what is in the buffer is lost.
    pub fn into_inner(self) -> R {
        self.inner
    }

    fn take(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
        self.searched = self.searched.max(self.start);
        if self.start == self.end {
            (self.start, self.searched, self.end) = (0, 0, 0);
            if self.buf.len() > self.capacity {
                // A long line has gone, and takes its room with it.
                self.buf = Vec::new();
            }
        }
    }

    /// Makes room behind what is there.
    fn make_room(&mut self) {
        if self.end < self.buf.len() {
            return;
        }
        if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.searched -= self.start;
            self.start = 0;
        }
        if self.end == self.buf.len() {
            let more = (self.buf.len() * 2).max(self.capacity);
            self.buf.resize(more, 0);
        }
    }
}

impl<R: AsyncRead + Unpin> BufReader<R> {
    /// Reads more; zero at the end.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.make_room();
        let room = &mut self.buf[self.end..];
        let got = ready!(Pin::new(&mut self.inner).poll_read(cx, room))?;
        self.end += got;
        Poll::Ready(Ok(got))
    }

    /// Waits until the buffer begins with a piece that ends with `delimiter`, or with the end of
    /// all; its length.
    fn poll_piece(&mut self, cx: &mut Context<'_>, delimiter: u8) -> Poll<io::Result<usize>> {
        if self.delimiter != delimiter {
            self.delimiter = delimiter;
            self.searched = self.start;
        }
        loop {
            let found = memchr::memchr(delimiter, &self.buf[self.searched..self.end]);
            if let Some(at) = found {
                return Poll::Ready(Ok(self.searched + at + 1 - self.start));
            }
            self.searched = self.end;
            if ready!(self.poll_more(cx))? == 0 {
                return Poll::Ready(Ok(self.end - self.start));
            }
        }
    }

    fn poll_read_until(
        &mut self,
        cx: &mut Context<'_>,
        delimiter: u8,
        bytes: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let length = ready!(self.poll_piece(cx, delimiter))?;
        bytes.extend_from_slice(&self.buffer()[..length]);
        self.take(length);
        Poll::Ready(Ok(length))
    }

    fn poll_read_line(
        &mut self,
        cx: &mut Context<'_>,
        line: &mut String,
    ) -> Poll<io::Result<usize>> {
        let length = ready!(self.poll_piece(cx, b'\n'))?;
        let text = std::str::from_utf8(&self.buffer()[..length]).map(|text| line.push_str(text));
        self.take(length);
        Poll::Ready(text.map(|()| length).map_err(|_| not_text()))
    }

    /// Reads up to `delimiter`, which it includes, or to the end, and adds that to `bytes`;
    /// gives how many, zero at the end.
    ///
    /// # Errors
    ///
    /// Those of the reader. What was read of the piece stays in the buffer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub fn read_until<'a>(
        &'a mut self,
        delimiter: u8,
        bytes: &'a mut Vec<u8>,
    ) -> impl Future<Output = io::Result<usize>> + 'a {
        poll_fn(move |cx| self.poll_read_until(cx, delimiter, bytes))
    }

    /// Reads a line with its end, or to the end of all, and adds it to `line`; gives its length,
    /// zero at the end of all.
    ///
    /// # Errors
    ///
    /// Those of the reader; what was read of the line stays in the buffer. `InvalidData` if it
    /// is not UTF-8: it is lost then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub fn read_line<'a>(
        &'a mut self,
        line: &'a mut String,
    ) -> impl Future<Output = io::Result<usize>> + 'a {
        poll_fn(move |cx| self.poll_read_line(cx, line))
    }

    /// Its lines, one after another, without their ends.
    pub fn lines(self) -> Lines<R> {
        Lines { reader: self }
    }

    /// What is between these bytes.
    pub fn split(self, delimiter: u8) -> Split<R> {
        Split {
            reader: self,
            delimiter,
        }
    }
}

fn not_text() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the line is not UTF-8")
}

impl<R: AsyncRead + Unpin> AsyncRead for BufReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.start == self.end && buf.len() >= self.capacity {
            // Nothing to be gained from a detour.
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let there = ready!(self.as_mut().poll_fill_buf(cx))?;
        let some = there.len().min(buf.len());
        buf[..some].copy_from_slice(&there[..some]);
        self.take(some);
        Poll::Ready(Ok(some))
    }
}

impl<R: AsyncRead + Unpin> AsyncBufRead for BufReader<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.start == this.end {
            ready!(this.poll_more(cx))?;
        }
        Poll::Ready(Ok(this.buffer()))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().take(amount);
    }
}

impl<R: fmt::Debug> fmt::Debug for BufReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufReader")
            .field("inner", &self.inner)
            .field("buffered", &(self.end - self.start))
            .finish_non_exhaustive()
    }
}

/// The lines of a reader, from [`BufReader::lines`]; a `Stream` too.
#[derive(Debug)]
pub struct Lines<R> {
    reader: BufReader<R>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The next line without its end (`\n` or `\r\n`); `None` after the last.
    ///
    /// # Errors
    ///
    /// Those of the reader; what was read of the line stays in the buffer. `InvalidData` if it
    /// is not UTF-8: then the next call gives the one after it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing, so it can be an arm of a `select!` in a loop.
    pub fn next_line(&mut self) -> impl Future<Output = io::Result<Option<String>>> + '_ {
        poll_fn(|cx| self.poll_next_line(cx))
    }

    fn poll_next_line(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<String>>> {
        let mut line = String::new();
        if ready!(self.reader.poll_read_line(cx, &mut line))? == 0 {
            return Poll::Ready(Ok(None));
        }
        if line.ends_with('\n') {
            line.pop();
            if line.ends_with('\r') {
                line.pop();
            }
        }
        Poll::Ready(Ok(Some(line)))
    }

    /// The reader, with what is in its buffer.
    pub fn into_inner(self) -> BufReader<R> {
        self.reader
    }
}

impl<R: AsyncRead + Unpin> Stream for Lines<R> {
    type Item = io::Result<String>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_next_line(cx).map(Result::transpose)
    }
}

/// What is between certain bytes of a reader, from [`BufReader::split`]; a `Stream` too.
#[derive(Debug)]
pub struct Split<R> {
    reader: BufReader<R>,
    delimiter: u8,
}

impl<R: AsyncRead + Unpin> Split<R> {
    /// The next piece without its end; `None` after the last.
    ///
    /// # Errors
    ///
    /// Those of the reader. What was read of the piece stays in the buffer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub fn next_segment(&mut self) -> impl Future<Output = io::Result<Option<Vec<u8>>>> + '_ {
        poll_fn(|cx| self.poll_next_segment(cx))
    }

    fn poll_next_segment(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Vec<u8>>>> {
        let (mut bytes, delimiter) = (Vec::new(), self.delimiter);
        if ready!(self.reader.poll_read_until(cx, delimiter, &mut bytes))? == 0 {
            return Poll::Ready(Ok(None));
        }
        if bytes.last() == Some(&delimiter) {
            bytes.pop();
        }
        Poll::Ready(Ok(Some(bytes)))
    }
}

impl<R: AsyncRead + Unpin> Stream for Split<R> {
    type Item = io::Result<Vec<u8>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_next_segment(cx).map(Result::transpose)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use futures::io::AsyncRead;
    use marmot_wait::park::block_on;

    use super::{BufReader, Future};

    /// Gives these pieces; between two of them it waits once.
    struct Pieces(VecDeque<&'static [u8]>, bool);

    impl Pieces {
        fn new(pieces: &[&'static [u8]]) -> Pieces {
            Pieces(pieces.iter().copied().collect(), false)
        }
    }

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            self.1 = !self.1;
            if self.1 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Some(piece) = self.0.pop_front() else {
                return Poll::Ready(Ok(0));
            };
            let some = piece.len().min(buf.len());
            buf[..some].copy_from_slice(&piece[..some]);
            if some < piece.len() {
                self.0.push_front(&piece[some..]);
            }
            Poll::Ready(Ok(some))
        }
    }

    #[test]
    fn a_line_that_is_longer_than_the_buffer_is_given_whole() {
        let pieces = Pieces::new(&[b"ab", b"cdefghij", b"k\r\nnext\n", b"\nlast"]);
        let mut lines = BufReader::with_capacity(3, pieces).lines();
        let mut all = Vec::new();
        while let Some(line) = block_on(lines.next_line()).expect("text") {
            all.push(line);
        }
        assert_eq!(all, ["abcdefghijk", "next", "", "last"]);
        assert_eq!(block_on(lines.next_line()).expect("the end"), None);
    }

    #[test]
    fn what_was_read_of_a_line_before_its_future_was_dropped_is_not_lost() {
        let pieces = Pieces::new(&[b"one ", b"line ", b"in pieces\nand ", b"another"]);
        let mut reader = BufReader::new(pieces);
        let mut line = String::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut drops = 0;
        // A new future for each poll.
        while pin!(reader.read_line(&mut line)).poll(&mut cx).is_pending() {
            drops += 1;
        }
        assert!(drops >= 3, "{drops}");
        assert_eq!(line, "one line in pieces\n");
        let mut lines = reader.lines();
        let rest = loop {
            if let Poll::Ready(rest) = pin!(lines.next_line()).poll(&mut cx) {
                break rest;
            }
        };
        assert_eq!(rest.expect("text").as_deref(), Some("and another"));
    }

    #[test]
    fn what_was_searched_for_one_end_is_searched_again_for_another() {
        let pieces = Pieces::new(&[b"x;a,b", b",c\n"]);
        let mut reader = BufReader::new(pieces);
        let mut cx = Context::from_waker(Waker::noop());
        let mut line = String::new();
        for _ in 0..2 {
            assert!(pin!(reader.read_line(&mut line)).poll(&mut cx).is_pending());
        }
        assert_eq!(reader.buffer(), b"x;a,b", "and no line yet");
        for (delimiter, expected) in [(b';', &b"x;"[..]), (b',', b"a,"), (b',', b"b,")] {
            let mut piece = Vec::new();
            let got = block_on(reader.read_until(delimiter, &mut piece)).expect("there");
            assert_eq!((got, piece.as_slice()), (expected.len(), expected));
        }
        block_on(reader.read_line(&mut line)).expect("text");
        assert_eq!(line, "c\n");
    }

    #[test]
    fn a_line_that_is_not_text_is_an_error_and_the_next_one_is_given() {
        let mut lines = BufReader::new(&b"\xff\xfe\nfine\n"[..]).lines();
        let error = block_on(lines.next_line()).expect_err("not text");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(
            block_on(lines.next_line()).expect("text").as_deref(),
            Some("fine")
        );
    }

    #[test]
    fn lines_bytes_and_pieces_come_from_one_buffer() {
        use futures::AsyncReadExt;
        let mut reader = BufReader::with_capacity(4, &b"a line\nbytes,then;pieces;"[..]);
        let mut line = String::new();
        block_on(reader.read_line(&mut line)).expect("text");
        let mut bytes = [0; 5];
        block_on(reader.read_exact(&mut bytes)).expect("there are more");
        assert_eq!((line.as_str(), &bytes), ("a line\n", b"bytes"));
        let mut comma = Vec::new();
        block_on(reader.read_until(b',', &mut comma)).expect("there is one");
        assert_eq!(comma, b",");
        let mut split = reader.split(b';');
        let mut next = || block_on(split.next_segment()).expect("there");
        assert_eq!(next().as_deref(), Some(&b"then"[..]));
        assert_eq!(next().as_deref(), Some(&b"pieces"[..]));
        assert_eq!(next(), None);
    }

    #[test]
    fn the_room_of_a_long_line_is_given_back() {
        let long: Vec<u8> = vec![b'x'; 100_000];
        let mut reader = BufReader::with_capacity(16, &long[..]);
        let mut bytes = Vec::new();
        assert_eq!(
            block_on(reader.read_until(b'\n', &mut bytes)).expect("bytes"),
            100_000
        );
        assert!(reader.buf.capacity() <= 16);
    }
}
