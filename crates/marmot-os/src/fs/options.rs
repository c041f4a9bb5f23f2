//! How a file is to be opened.

use std::future::Future;
use std::io;
use std::path::Path;

use crate::call::{Length, call};
use crate::fs::File;

/// How a file is to be opened: std's, whose `open` is awaited.
///
/// # Examples
///
/// ```
/// use marmot_os::fs::{self, OpenOptions};
///
/// # let path = std::env::temp_dir().join(format!("marmot-options-{}", std::process::id()));
/// # marmot_wait::park::block_on(async {
/// let log = OpenOptions::new().append(true).create(true).open(&path).await?;
/// log.write_all(b"one line\n").await?;
/// # fs::remove_file(&path).await
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions(std::fs::OpenOptions);

macro_rules! options {
    ($($(#[$doc:meta])* $name:ident($value:ty))*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, $name: $value) -> &mut OpenOptions {
            self.0.$name($name);
            self
        }
    )*};
}

impl OpenOptions {
    /// Nothing is allowed yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "as in std, which has none")]
    pub fn new() -> OpenOptions {
        OpenOptions(std::fs::OpenOptions::new())
    }

    options! {
        /// It can be read.
        read(bool)
        /// It can be written.
        write(bool)
        /// Writes go to its end.
        append(bool)
        /// What is in it goes.
        truncate(bool)
        /// It is made if it does not exist.
        create(bool)
        /// It is made, and must not have existed.
        create_new(bool)
    }

    /// The permissions of a file that is made.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        std::os::unix::fs::OpenOptionsExt::mode(&mut self.0, mode);
        self
    }

    /// Flags for the system's `open`.
    #[cfg(unix)]
    pub fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut self.0, flags);
        self
    }

    /// Opens the file.
    ///
    /// # Errors
    ///
    /// As in std.
    ///
    /// # Cancel safety
    ///
    /// A future that was not ready has done nothing.
    #[track_caller]
    pub fn open(&self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        call(Length::Brief, move || self.0.open(path).map(File::from_std))
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(options: std::fs::OpenOptions) -> OpenOptions {
        OpenOptions(options)
    }
}
