//! Directories: making them, and what is in them.

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use marmot_wait::budget;

use crate::call::{Length, call};
use crate::fs::{FileType, Metadata};

/// Makes directories, with options: std's, whose `create` is awaited.
///
/// # Examples
///
/// ```
/// use marmot_os::fs::{self, DirBuilder};
///
/// # let path = std::env::temp_dir().join(format!("marmot-dirs-{}", std::process::id()));
/// # marmot_wait::park::block_on(async {
/// DirBuilder::new().recursive(true).create(path.join("a/b")).await?;
/// # fs::remove_dir_all(&path).await
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct DirBuilder(std::fs::DirBuilder);

impl DirBuilder {
    /// The defaults.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "as in std, which has none")]
    pub fn new() -> DirBuilder {
        DirBuilder(std::fs::DirBuilder::new())
    }

    /// Those above are made too, and that it exists is no error.
    pub fn recursive(&mut self, recursive: bool) -> &mut DirBuilder {
        self.0.recursive(recursive);
        self
    }

    /// The permissions.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut DirBuilder {
        std::os::unix::fs::DirBuilderExt::mode(&mut self.0, mode);
        self
    }

    /// Makes the directory.
    ///
    /// # Errors
    ///
    /// As in std.
    ///
    /// # Cancel safety
    ///
    /// A future that was not ready has done nothing.
    #[track_caller]
    pub fn create(&self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
        call(Length::Brief, move || self.0.create(path))
    }
}

/// What is in a directory, in no order.
///
/// # Errors
///
/// As in std.
///
/// # Cancel safety
///
/// A future that was not ready has done nothing.
///
/// # Examples
///
/// ```
/// # marmot_wait::park::block_on(async {
/// let mut entries = marmot_os::fs::read_dir("src").await?;
/// while let Some(entry) = entries.next_entry().await? {
///     println!("{}", entry.path().display());
/// }
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn read_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<ReadDir>> {
    call(Length::Brief, move || std::fs::read_dir(path).map(ReadDir))
}

/// The entries of a directory, one after another; a `Stream` too.
#[derive(Debug)]
pub struct ReadDir(std::fs::ReadDir);

impl ReadDir {
    /// The next entry; `None` after the last.
    ///
    /// # Errors
    ///
    /// As in std.
    ///
    /// # Cancel safety
    ///
    /// A future that was not ready has done nothing.
    #[track_caller]
    pub fn next_entry(&mut self) -> impl Future<Output = io::Result<Option<DirEntry>>> {
        call(Length::Brief, || self.next())
    }

    fn next(&mut self) -> io::Result<Option<DirEntry>> {
        Ok(self.0.next().transpose()?.map(DirEntry))
    }
}

impl Stream for ReadDir {
    type Item = io::Result<DirEntry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        ready!(budget::poll_proceed(cx));
        Poll::Ready(self.next().transpose())
    }
}

/// One entry of a directory.
#[derive(Debug)]
pub struct DirEntry(std::fs::DirEntry);

impl DirEntry {
    /// The directory's path and this entry's name.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// Its name.
    #[must_use]
    pub fn file_name(&self) -> OsString {
        self.0.file_name()
    }

    /// What is known of it, of a symbolic link itself.
    ///
    /// # Errors
    ///
    /// As in std.
    ///
    /// # Cancel safety
    ///
    /// A future that was not ready has done nothing.
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> {
        call(Length::Brief, || self.0.metadata())
    }

    /// Whether it is a file, a directory or something else. Most systems have told already.
    ///
    /// # Errors
    ///
    /// As in std.
    ///
    /// # Cancel safety
    ///
    /// A future that was not ready has done nothing.
    #[track_caller]
    pub fn file_type(&self) -> impl Future<Output = io::Result<FileType>> {
        call(Length::Brief, || self.0.file_type())
    }

    /// The number of its inode.
    #[cfg(unix)]
    #[must_use]
    pub fn ino(&self) -> u64 {
        std::os::unix::fs::DirEntryExt::ino(&self.0)
    }
}
