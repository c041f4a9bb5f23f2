//! The standard streams.
//!
//! ```text
//!   a terminal, a pipe, a socket:  watched; asked whether it is ready; then one read or write
//!   a file, and elsewhere:         in place, as files are
//! ```
//!
//! They are shared with other processes, and so are their flags: a descriptor that was made
//! non-blocking here would be so for the shell that started us. So they go on blocking, and
//! `poll` is asked before each call whether it would. If another process takes what there was in
//! between, the call does block, and its P goes to another thread; nothing worse happens.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::io::{AsyncRead, AsyncWrite};
use marmot_netpoll::{PollFill, Spare};

use crate::io::{BufReader, Lines};

#[cfg(not(unix))]
use in_place::Stream;
#[cfg(unix)]
use watched::Stream;

/// The standard input.
#[must_use]
pub fn stdin() -> Stdin {
    Stdin(())
}

/// The standard output.
#[must_use]
pub fn stdout() -> Stdout {
    Stdout(())
}

/// The standard error.
#[must_use]
pub fn stderr() -> Stderr {
    Stderr(())
}

/// The standard input, from [`stdin`]. All of these are the same one.
///
/// It has no buffer, and does not see what std's has. Of several who read at once each gets
/// some of it. It implements futures' `AsyncRead`, and tokio's with the feature `tokio-io`.
///
/// # Examples
///
/// ```no_run
/// # async fn f() -> std::io::Result<()> {
/// let mut lines = marmot_os::io::stdin().lines();
/// while let Some(line) = lines.next_line().await? {
///     println!("{line}");
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Copy)]
pub struct Stdin(());

impl Stdin {
    /// Reads what there is, up to the length of `buf`, waiting until there is something; zero is
    /// the end.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn read<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        Stream::stdin().read(Location::caller(), buf)
    }

    /// Its lines, through a buffer of their own.
    #[must_use]
    pub fn lines(self) -> Lines<Stdin> {
        BufReader::new(self).lines()
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Stream::stdin().poll_read(cx, buf)
    }
}

impl PollFill for Stdin {
    fn poll_fill(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<()>> {
        Stream::stdin().poll_fill(cx, spare)
    }
}

macro_rules! outputs {
    ($($(#[$doc:meta])* $name:ident $function:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// It has no buffer: nothing has to be flushed, and what `println!` has written and not
        /// ended with a line comes later. A write of up to 512 bytes, so most lines, goes out in
        /// one piece, whoever writes beside it. It implements futures' `AsyncWrite`, and tokio's
        /// with the feature `tokio-io`.
        ///
        /// # Examples
        ///
        /// ```
        /// # marmot_wait::park::block_on(async {
        #[doc = concat!("marmot_os::io::", stringify!($function), "().write_all(b\"a line\\n\").await?;")]
        /// # Ok::<(), std::io::Error>(()) })?;
        /// # Ok::<(), std::io::Error>(())
        /// ```
        #[derive(Clone, Copy)]
        pub struct $name(());

        impl $name {
            /// Writes as much as there is room for, waiting until there is some.
            ///
            /// # Errors
            ///
            /// Those of the system.
            ///
            /// # Cancel safety
            ///
            /// A dropped future that was not ready has written nothing.
            #[track_caller]
            pub fn write<'a>(
                &'a self,
                buf: &'a [u8],
            ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
                Stream::$function().write(Location::caller(), buf)
            }

            /// Writes all of `buf`.
            ///
            /// # Errors
            ///
            /// Those of the system.
            ///
            /// # Cancel safety
            ///
            /// Of a dropped future nobody knows how much it has written.
            #[track_caller]
            pub fn write_all<'a>(
                &'a self,
                buf: &'a [u8],
            ) -> impl Future<Output = io::Result<()>> + Send + 'a {
                let place = Location::caller();
                async move {
                    let mut rest = buf;
                    while !rest.is_empty() {
                        match Stream::$function().write(place, rest).await? {
                            0 => return Err(io::ErrorKind::WriteZero.into()),
                            some => rest = &rest[some..],
                        }
                    }
                    Ok(())
                }
            }
        }

        impl AsyncWrite for $name {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Stream::$function().poll_write(cx, buf)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            /// It stays open.
            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
    )*};
}

outputs! {
    /// The standard output, from [`stdout`](stdout()). All of these are the same one.
    Stdout stdout;
    /// The standard error, from [`stderr`](stderr()). All of these are the same one.
    Stderr stderr;
}

macro_rules! debug {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
debug!(Stdin, Stdout, Stderr);

#[cfg(unix)]
mod watched {
    //! A stream that the netpoller watches, unless the system refuses.

    use std::io;
    use std::os::fd::BorrowedFd;
    use std::panic::Location;
    use std::sync::{Mutex, OnceLock, PoisonError};
    use std::task::{Context, Poll, ready};

    use marmot_netpoll::{Any, Direction, Evented, Interest, Spare};
    use marmot_wait::budget;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use crate::call::{Length, call};

    type Descriptor = BorrowedFd<'static>;

    /// So much can be written to a pipe that is ready without blocking (`PIPE_BUF`).
    const PIECE: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
        4096
    } else {
        512
    };

    pub(super) struct Stream {
        descriptor: Descriptor,
        direction: Direction,
        /// `None`: a file, or something else that can't be watched.
        watched: Option<Evented<Any<Descriptor>>>,
        /// Held from the question whether it is ready to the end of the call, so that of two
        /// who were both told so not one blocks.
        turn: Mutex<()>,
    }

    impl Stream {
        pub(super) fn stdin() -> &'static Stream {
            static STREAM: OnceLock<Stream> = OnceLock::new();
            STREAM.get_or_init(|| Stream::new(rustix::stdio::stdin(), Direction::Read))
        }

        pub(super) fn stdout() -> &'static Stream {
            static STREAM: OnceLock<Stream> = OnceLock::new();
            STREAM.get_or_init(|| Stream::new(rustix::stdio::stdout(), Direction::Write))
        }

        pub(super) fn stderr() -> &'static Stream {
            static STREAM: OnceLock<Stream> = OnceLock::new();
            STREAM.get_or_init(|| Stream::new(rustix::stdio::stderr(), Direction::Write))
        }

        pub(super) fn new(descriptor: Descriptor, direction: Direction) -> Stream {
            let interest = match direction {
                Direction::Read => Interest::READABLE,
                Direction::Write => Interest::WRITABLE,
            };
            Stream {
                descriptor,
                direction,
                watched: Evented::new(Any(descriptor), interest).ok(),
                turn: Mutex::new(()),
            }
        }

        /// Makes a call that does not block, unless another process interferes.
        fn attempt(&self, f: impl FnOnce(Descriptor) -> io::Result<usize>) -> io::Result<usize> {
            let wanted = match self.direction {
                Direction::Read => PollFlags::IN,
                Direction::Write => PollFlags::OUT,
            };
            let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            let mut question = [PollFd::new(&self.descriptor, wanted)];
            // An error or a hang-up is an answer too: the call will tell.
            if poll(&mut question, Some(&Timespec::default()))? == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let done = f(self.descriptor);
            drop(turn);
            done
        }

        pub(super) async fn read(
            &self,
            place: &'static Location<'static>,
            buf: &mut [u8],
        ) -> io::Result<usize> {
            if buf.is_empty() {
                return Ok(0);
            }
            match &self.watched {
                Some(watched) => {
                    let attempt = |_: &_| self.attempt(|fd| Ok(rustix::io::read(fd, &mut *buf)?));
                    watched.io_from(place, self.direction, attempt).await
                }
                None => call(Length::of(buf.len()), || self.read_now(buf)).await,
            }
        }

        pub(super) async fn write(
            &self,
            place: &'static Location<'static>,
            buf: &[u8],
        ) -> io::Result<usize> {
            match &self.watched {
                Some(watched) => {
                    let attempt = |_: &_| self.attempt(|fd| Ok(rustix::io::write(fd, piece(buf))?));
                    watched.io_from(place, self.direction, attempt).await
                }
                None => call(Length::of(buf.len()), || self.write_now(buf)).await,
            }
        }

        #[track_caller]
        pub(super) fn poll_read(
            &self,
            cx: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            if buf.is_empty() {
                return Poll::Ready(Ok(0));
            }
            let Some(watched) = &self.watched else {
                let place = Location::caller();
                ready!(budget::poll_proceed(cx));
                let length = Length::of(buf.len());
                return Poll::Ready(length.run(place, || self.read_now(buf)));
            };
            watched.poll_io(self.direction, cx, |_| {
                self.attempt(|fd| Ok(rustix::io::read(fd, &mut *buf)?))
            })
        }

        #[track_caller]
        pub(super) fn poll_fill(
            &self,
            cx: &mut Context<'_>,
            spare: &mut Spare<'_>,
        ) -> Poll<io::Result<()>> {
            if spare.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let read = match &self.watched {
                Some(watched) => {
                    watched.poll_io(self.direction, cx, |_| self.attempt(|fd| spare.read(fd)))
                }
                None => {
                    let place = Location::caller();
                    ready!(budget::poll_proceed(cx));
                    let length = Length::of(spare.len());
                    Poll::Ready(length.run(place, || self.fill_now(spare)))
                }
            };
            read.map_ok(drop)
        }

        #[track_caller]
        pub(super) fn poll_write(
            &self,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            let Some(watched) = &self.watched else {
                let place = Location::caller();
                ready!(budget::poll_proceed(cx));
                let length = Length::of(buf.len());
                return Poll::Ready(length.run(place, || self.write_now(buf)));
            };
            watched.poll_io(self.direction, cx, |_| {
                self.attempt(|fd| Ok(rustix::io::write(fd, piece(buf))?))
            })
        }

        fn read_now(&self, buf: &mut [u8]) -> io::Result<usize> {
            Ok(rustix::io::retry_on_intr(|| {
                rustix::io::read(self.descriptor, &mut *buf)
            })?)
        }

        fn fill_now(&self, spare: &mut Spare<'_>) -> io::Result<usize> {
            loop {
                match spare.read(self.descriptor) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    done => return done,
                }
            }
        }

        fn write_now(&self, buf: &[u8]) -> io::Result<usize> {
            Ok(rustix::io::retry_on_intr(|| {
                rustix::io::write(self.descriptor, buf)
            })?)
        }
    }

    fn piece(buf: &[u8]) -> &[u8] {
        &buf[..buf.len().min(PIECE)]
    }
}

#[cfg(not(unix))]
mod in_place {
    //! A stream whose calls are made in place, through std.

    use std::io::{self, Read, Write};
    use std::panic::Location;
    use std::task::{Context, Poll, ready};

    use marmot_netpoll::Spare;
    use marmot_wait::budget;

    use crate::call::Length;

    pub(super) enum Stream {
        Stdin,
        Stdout,
        Stderr,
    }

    impl Stream {
        pub(super) fn stdin() -> &'static Stream {
            &Stream::Stdin
        }

        pub(super) fn stdout() -> &'static Stream {
            &Stream::Stdout
        }

        pub(super) fn stderr() -> &'static Stream {
            &Stream::Stderr
        }

        pub(super) async fn read(
            &self,
            place: &'static Location<'static>,
            buf: &mut [u8],
        ) -> io::Result<usize> {
            Length::Long.run(place, || io::stdin().read(buf))
        }

        pub(super) async fn write(
            &self,
            place: &'static Location<'static>,
            buf: &[u8],
        ) -> io::Result<usize> {
            Length::Long.run(place, || self.write_now(buf))
        }

        #[track_caller]
        pub(super) fn poll_read(
            &self,
            cx: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let place = Location::caller();
            ready!(budget::poll_proceed(cx));
            Poll::Ready(Length::Long.run(place, || io::stdin().read(buf)))
        }

        #[track_caller]
        pub(super) fn poll_fill(
            &self,
            cx: &mut Context<'_>,
            spare: &mut Spare<'_>,
        ) -> Poll<io::Result<()>> {
            let place = Location::caller();
            ready!(budget::poll_proceed(cx));
            let read = Length::Long.run(place, || spare.read_through(|buf| io::stdin().read(buf)));
            Poll::Ready(read.map(drop))
        }

        #[track_caller]
        pub(super) fn poll_write(
            &self,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            let place = Location::caller();
            ready!(budget::poll_proceed(cx));
            Poll::Ready(Length::Long.run(place, || self.write_now(buf)))
        }

        fn write_now(&self, buf: &[u8]) -> io::Result<usize> {
            let (mut stdout, mut stderr) = (io::stdout(), io::stderr());
            let output: &mut dyn Write = match self {
                Stream::Stderr => &mut stderr,
                _ => &mut stdout,
            };
            let some = output.write(buf)?;
            output.flush()?;
            Ok(some)
        }
    }
}
