//! What all sockets are inside: a descriptor with its readiness, and two deadlines.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::task::{Context, Poll};
use std::time::Instant;

use marmot_netpoll::{Descriptor, Direction, Evented, Interest};

use crate::deadline::Deadlines;

#[derive(Debug)]
pub(crate) struct Socket<T: Descriptor> {
    evented: Evented<T>,
    deadlines: Deadlines,
}

impl<T: Descriptor> Socket<T> {
    /// Of a descriptor that does not block.
    pub(crate) fn new(io: T, interest: Interest) -> io::Result<Socket<T>> {
        Ok(Socket {
            evented: Evented::new(io, interest)?,
            deadlines: Deadlines::default(),
        })
    }

    /// Of a listener that does not block: a connection wakes one of those who wait for it.
    pub(crate) fn of_listener(io: T) -> io::Result<Socket<T>> {
        Ok(Socket {
            evented: Evented::in_turn(io, Interest::READABLE)?,
            deadlines: Deadlines::default(),
        })
    }

    /// The descriptor itself.
    #[inline]
    pub(crate) fn get(&self) -> &T {
        self.evented.get_ref()
    }

    #[inline]
    pub(crate) fn evented(&self) -> &Evented<T> {
        &self.evented
    }

    pub(crate) fn into_inner(self) -> io::Result<T> {
        self.evented.into_inner()
    }

    pub(crate) fn set_deadline(&self, direction: Direction, at: Option<Instant>) {
        self.deadlines.set(&self.evented, direction, at);
    }

    /// A read that either gets all or nothing: a datagram, a connection.
    #[track_caller]
    #[inline]
    pub(crate) fn reading<R>(
        &self,
        attempt: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        let place = Location::caller();
        self.evented.io_from(place, Direction::Read, attempt)
    }

    /// A write that either takes all or nothing.
    #[track_caller]
    #[inline]
    pub(crate) fn writing<R>(
        &self,
        attempt: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        let place = Location::caller();
        self.evented.io_from(place, Direction::Write, attempt)
    }

    #[track_caller]
    pub(crate) fn poll_reading<R>(
        &self,
        cx: &mut Context<'_>,
        attempt: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.evented.poll_io(Direction::Read, cx, attempt)
    }
}

/// Gives a socket type its deadlines.
macro_rules! deadlines {
    () => {
        /// Sets the deadline of all reads and writes from now on, and of those that already
        /// wait; `None` is never.
        ///
        /// Once it has passed they fail with `TimedOut` until it is set anew; nothing that was
        /// read is lost. It stays set when an operation is done: for a timeout of each
        /// operation set it each time.
        pub fn set_deadline(&self, at: impl Into<Option<std::time::Instant>>) {
            let at = at.into();
            self.socket
                .set_deadline(marmot_netpoll::Direction::Read, at);
            self.socket
                .set_deadline(marmot_netpoll::Direction::Write, at);
        }

        /// As [`set_deadline`](Self::set_deadline), of reads only.
        pub fn set_read_deadline(&self, at: impl Into<Option<std::time::Instant>>) {
            self.socket
                .set_deadline(marmot_netpoll::Direction::Read, at.into());
        }

        /// As [`set_deadline`](Self::set_deadline), of writes only.
        pub fn set_write_deadline(&self, at: impl Into<Option<std::time::Instant>>) {
            self.socket
                .set_deadline(marmot_netpoll::Direction::Write, at.into());
        }
    };
}
pub(crate) use deadlines;

/// Gives a socket type std's ways to its descriptor, and those to std's type and back.
macro_rules! descriptor {
    ($name:ident, $($socket:ident).+, $std:ty) => {
        /// As `from_std`.
        impl TryFrom<$std> for $name {
            type Error = std::io::Error;

            fn try_from(socket: $std) -> std::io::Result<$name> {
                $name::from_std(socket)
            }
        }

        /// As `into_std`.
        impl TryFrom<$name> for $std {
            type Error = std::io::Error;

            fn try_from(socket: $name) -> std::io::Result<$std> {
                socket.into_std()
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsFd for $name {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.$($socket).+.get().as_fd()
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsRawFd for $name {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.$($socket).+.get().as_raw_fd()
            }
        }

        #[cfg(windows)]
        impl std::os::windows::io::AsSocket for $name {
            fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
                self.$($socket).+.get().as_socket()
            }
        }
    };
}
pub(crate) use descriptor;
