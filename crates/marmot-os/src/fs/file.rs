//! `File`: std's, whose operations are awaited.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use futures::io::{AsyncRead, AsyncSeek, AsyncWrite};
use marmot_netpoll::{PollFill, Spare};
use marmot_wait::budget;

use crate::call::{Length, call};
use crate::fs::{FileTimes, Metadata, OpenOptions, Permissions};

/// An open file.
///
/// All operations take `&self`; those that read or write at the cursor move it for all who use
/// the file, as the system's do. There is no buffer in it: what `write` has taken the system
/// has, so nothing has to be flushed, and dropping it only closes it.
///
/// It implements futures' `AsyncRead`, `AsyncWrite` and `AsyncSeek`, its references too, and
/// tokio's with the feature `tokio-io`.
///
/// # Examples
///
/// ```
/// use marmot_os::fs::{self, File};
///
/// # let path = std::env::temp_dir().join(format!("marmot-file-{}", std::process::id()));
/// # marmot_wait::park::block_on(async {
/// let file = File::create_new(&path).await?;
/// file.write_all(b"hello").await?;
/// file.write_at(b"J", 0).await?;
/// file.sync_all().await?;
/// assert_eq!(fs::read(&path).await?, b"Jello");
/// # fs::remove_file(&path).await
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct File {
    inner: std::fs::File,
    /// What a seek that was begun through tokio's trait has come to.
    #[cfg(feature = "tokio-io")]
    pub(crate) sought: Option<io::Result<u64>>,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $length:ident fn $name:ident($($arg:ident: $kind:ty),*) -> $output:ty
        = |$file:ident| $body:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// As in std.
        ///
        /// # Cancel safety
        ///
        /// A future that was not ready has done nothing.
        #[track_caller]
        pub fn $name(&self $(, $arg: $kind)*) -> impl Future<Output = io::Result<$output>> + Send {
            let $file = &self.inner;
            call(Length::$length, move || $body)
        }
    )*};
}

/// As above, for what moves the bytes of a buffer.
macro_rules! transfers {
    ($($(#[$doc:meta])* fn $name:ident($buf:ident: $kind:ty $(, $arg:ident: $argument:ty)*) -> $output:ty
        = |$file:ident| $body:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// As in std.
        ///
        /// # Cancel safety
        ///
        /// A future that was not ready has done nothing.
        #[track_caller]
        pub fn $name(
            &self,
            $buf: $kind
            $(, $arg: $argument)*
        ) -> impl Future<Output = io::Result<$output>> + Send {
            let $file = &self.inner;
            call(Length::of($buf.len()), move || $body)
        }
    )*};
}

impl File {
    /// Opens a file to read it.
    ///
    /// # Errors
    ///
    /// As in std.
    ///
    /// # Cancel safety
    ///
    /// A future that was not ready has done nothing.
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        call(Length::Brief, move || {
            std::fs::File::open(path).map(File::from_std)
        })
    }

    /// Opens a file to write it, from its beginning; it is made if it does not exist.
    ///
    /// # Errors
    ///
    /// As in std.
    ///
    /// # Cancel safety
    ///
    /// A future that was not ready has done nothing.
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        call(Length::Brief, move || {
            std::fs::File::create(path).map(File::from_std)
        })
    }

    /// Makes a file that must not exist, to read and write it.
    ///
    /// # Errors
    ///
    /// As in std; `AlreadyExists`.
    ///
    /// # Cancel safety
    ///
    /// A future that was not ready has done nothing.
    #[track_caller]
    pub fn create_new(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        call(Length::Brief, move || {
            std::fs::File::create_new(path).map(File::from_std)
        })
    }

    /// As [`OpenOptions::new`].
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over a file of std's.
    #[must_use]
    pub fn from_std(file: std::fs::File) -> File {
        File {
            inner: file,
            #[cfg(feature = "tokio-io")]
            sought: None,
        }
    }

    /// Gives std's file.
    #[must_use]
    pub fn into_std(self) -> std::fs::File {
        self.inner
    }

    methods! {
        /// Waits until everything written is on the disk, with what is known of the file.
        Long fn sync_all() -> () = |file| file.sync_all();
        /// Waits until everything written is on the disk.
        Long fn sync_data() -> () = |file| file.sync_data();
        /// Cuts the file, or fills it up with zeros, to this length.
        Brief fn set_len(size: u64) -> () = |file| file.set_len(size);
        /// What is known of the file.
        Brief fn metadata() -> Metadata = |file| file.metadata();
        /// Another handle of this file, with the same cursor.
        Brief fn try_clone() -> File = |file| file.try_clone().map(File::from_std);
        /// Says who may do what.
        Brief fn set_permissions(permissions: Permissions) -> ()
            = |file| file.set_permissions(permissions);
        /// Sets when it was read and written.
        Brief fn set_times(times: FileTimes) -> () = |file| file.set_times(times);
        /// Sets when it was last changed.
        Brief fn set_modified(time: SystemTime) -> () = |file| file.set_modified(time);
        /// Moves the cursor; gives where it is then, from the beginning.
        Brief fn seek(position: SeekFrom) -> u64 = |file| Seek::seek(&mut &*file, position);
        /// Where the cursor is.
        Brief fn stream_position() -> u64 = |file| Seek::stream_position(&mut &*file);
        /// Moves the cursor to the beginning.
        Brief fn rewind() -> () = |file| Seek::rewind(&mut &*file);
    }

    transfers! {
        /// Reads at the cursor what there is, up to the length of `buf`; zero is the end.
        fn read(buf: &mut [u8]) -> usize = |file| Read::read(&mut &*file, buf);
        /// Reads until `buf` is full; `UnexpectedEof` if the file ends before.
        fn read_exact(buf: &mut [u8]) -> () = |file| Read::read_exact(&mut &*file, buf);
        /// Writes at the cursor; gives how much, which may be less than all.
        fn write(buf: &[u8]) -> usize = |file| Write::write(&mut &*file, buf);
        /// Writes all of `buf` at the cursor.
        fn write_all(buf: &[u8]) -> () = |file| Write::write_all(&mut &*file, buf);
    }

    #[cfg(unix)]
    transfers! {
        /// Reads at `offset`, wherever the cursor is; zero is the end.
        fn read_at(buf: &mut [u8], offset: u64) -> usize
            = |file| std::os::unix::fs::FileExt::read_at(file, buf, offset);
        /// Reads at `offset` until `buf` is full; `UnexpectedEof` if the file ends before.
        fn read_exact_at(buf: &mut [u8], offset: u64) -> ()
            = |file| std::os::unix::fs::FileExt::read_exact_at(file, buf, offset);
        /// Writes at `offset`, wherever the cursor is; gives how much.
        fn write_at(buf: &[u8], offset: u64) -> usize
            = |file| std::os::unix::fs::FileExt::write_at(file, buf, offset);
        /// Writes all of `buf` at `offset`.
        fn write_all_at(buf: &[u8], offset: u64) -> ()
            = |file| std::os::unix::fs::FileExt::write_all_at(file, buf, offset);
    }

    /// Reads from the cursor to the end, and adds it to `bytes`; gives how many.
    ///
    /// # Errors
    ///
    /// As in std.
    ///
    /// # Cancel safety
    ///
    /// A future that was not ready has done nothing.
    #[track_caller]
    pub fn read_to_end<'a>(
        &'a self,
        bytes: &'a mut Vec<u8>,
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        call(Length::Long, move || (&self.inner).read_to_end(bytes))
    }

    /// Reads UTF-8 from the cursor to the end, and adds it to `text`; gives how many bytes.
    ///
    /// # Errors
    ///
    /// As in std.
    ///
    /// # Cancel safety
    ///
    /// A future that was not ready has done nothing.
    #[track_caller]
    pub fn read_to_string<'a>(
        &'a self,
        text: &'a mut String,
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        call(Length::Long, move || (&self.inner).read_to_string(text))
    }

    /// Makes a call of so many bytes as part of somebody's poll.
    #[track_caller]
    fn poll_call<R>(
        &self,
        cx: &mut Context<'_>,
        bytes: usize,
        f: impl FnOnce(&std::fs::File) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let place = Location::caller();
        ready!(budget::poll_proceed(cx));
        Poll::Ready(Length::of(bytes).run(place, || f(&self.inner)))
    }
}

#[cfg(unix)]
fn fill(file: &std::fs::File, spare: &mut Spare<'_>) -> io::Result<usize> {
    spare.read(file)
}

#[cfg(not(unix))]
fn fill(mut file: &std::fs::File, spare: &mut Spare<'_>) -> io::Result<usize> {
    spare.read_through(|buf| file.read(buf))
}

fn sum(mut lengths: impl Iterator<Item = usize>) -> usize {
    lengths
        .try_fold(0, usize::checked_add)
        .unwrap_or(usize::MAX)
}

macro_rules! traits {
    ($($name:ty),*) => {$(
        impl AsyncRead for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.poll_call(cx, buf.len(), |mut file| file.read(buf))
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                let bytes = sum(bufs.iter().map(|buf| buf.len()));
                self.poll_call(cx, bytes, |mut file| file.read_vectored(bufs))
            }
        }

        impl PollFill for $name {
            fn poll_fill(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                spare: &mut Spare<'_>,
            ) -> Poll<io::Result<()>> {
                let bytes = spare.len();
                self.poll_call(cx, bytes, |file| fill(file, spare)).map_ok(drop)
            }
        }

        impl AsyncWrite for $name {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.poll_call(cx, buf.len(), |mut file| file.write(buf))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let bytes = sum(bufs.iter().map(|buf| buf.len()));
                self.poll_call(cx, bytes, |mut file| file.write_vectored(bufs))
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            /// Nothing more than a flush; dropping it closes it.
            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }

        impl AsyncSeek for $name {
            fn poll_seek(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                position: SeekFrom,
            ) -> Poll<io::Result<u64>> {
                self.poll_call(cx, 0, |mut file| file.seek(position))
            }
        }
    )*};
}
traits!(File, &File);

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> File {
        File::from_std(file)
    }
}

impl From<File> for std::process::Stdio {
    fn from(file: File) -> std::process::Stdio {
        file.inner.into()
    }
}

#[cfg(unix)]
mod descriptor {
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

    use super::File;

    impl AsFd for File {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.inner.as_fd()
        }
    }

    impl AsRawFd for File {
        fn as_raw_fd(&self) -> RawFd {
            self.inner.as_raw_fd()
        }
    }

    impl From<File> for OwnedFd {
        fn from(file: File) -> OwnedFd {
            file.inner.into()
        }
    }

    impl From<OwnedFd> for File {
        fn from(descriptor: OwnedFd) -> File {
            File::from_std(descriptor.into())
        }
    }
}
