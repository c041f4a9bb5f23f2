//! Files and directories: std's functions and types, to be awaited.
//!
//! Each call is made in place by the goroutine's own thread. Most take microseconds, for what
//! they ask for is in memory; one that blocks (a slow disk, a network file system, a FIFO) does
//! not hold the others up, since the P goes to another thread. What is known to take long, a
//! `sync_all` or many bytes, gives the P away first. Under a foreign executor a call blocks the
//! executor's thread.
//!
//! # Cancel safety
//!
//! A call is made whole when its future is first polled, and the future is ready then (or, if
//! the goroutine has used up its turn, at the next poll). So a future that was dropped before
//! it was ready has done nothing; and a `timeout` cannot end a call that blocks. That holds for
//! every function here.
//!
//! # Examples
//!
//! ```
//! use marmot_os::fs;
//!
//! # marmot_wait::park::block_on(async {
//! # let dir = std::env::temp_dir().join(format!("marmot-fs-{}", std::process::id()));
//! fs::create_dir_all(&dir).await?;
//! let path = dir.join("greeting.txt");
//! fs::write(&path, "hello").await?;
//! assert_eq!(fs::read_to_string(&path).await?, "hello");
//! assert_eq!(fs::metadata(&path).await?.len(), 5);
//! fs::remove_dir_all(&dir).await?;
//! # Ok::<(), std::io::Error>(()) })?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod dir;
mod file;
mod options;

use std::future::Future;
use std::io::{self, Read};
use std::panic::Location;
use std::path::{Path, PathBuf};

use crate::call::{Length, call};

pub use dir::{DirBuilder, DirEntry, ReadDir, read_dir};
pub use file::File;
pub use options::OpenOptions;
pub use std::fs::{FileTimes, FileType, Metadata, Permissions};

macro_rules! calls {
    ($($(#[$doc:meta])* $length:ident fn $name:ident($($arg:ident: $kind:ty),*) -> $output:ty = $body:expr;)*) => {$(
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
        pub fn $name($($arg: $kind),*) -> impl Future<Output = io::Result<$output>> {
            call(Length::$length, move || $body)
        }
    )*};
}

calls! {
    /// The absolute path without symbolic links in it.
    Brief fn canonicalize(path: impl AsRef<Path>) -> PathBuf = std::fs::canonicalize(path);
    /// Copies a file with its permissions; gives its length.
    Long fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> u64 = std::fs::copy(from, to);
    /// Makes a directory in one that exists.
    Brief fn create_dir(path: impl AsRef<Path>) -> () = std::fs::create_dir(path);
    /// Makes a directory and those above it that do not exist.
    Brief fn create_dir_all(path: impl AsRef<Path>) -> () = std::fs::create_dir_all(path);
    /// Whether there is something at this path.
    Brief fn exists(path: impl AsRef<Path>) -> bool = std::fs::exists(path);
    /// Gives a file another name.
    Brief fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> ()
        = std::fs::hard_link(original, link);
    /// What is known of the file, directory or target of a symbolic link at this path.
    Brief fn metadata(path: impl AsRef<Path>) -> Metadata = std::fs::metadata(path);
    /// Where a symbolic link leads.
    Brief fn read_link(path: impl AsRef<Path>) -> PathBuf = std::fs::read_link(path);
    /// Removes an empty directory.
    Brief fn remove_dir(path: impl AsRef<Path>) -> () = std::fs::remove_dir(path);
    /// Removes a directory and everything in it; follows no symbolic link.
    Long fn remove_dir_all(path: impl AsRef<Path>) -> () = std::fs::remove_dir_all(path);
    /// Removes a file.
    Brief fn remove_file(path: impl AsRef<Path>) -> () = std::fs::remove_file(path);
    /// Renames a file or a directory, replacing what has the new name.
    Brief fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> () = std::fs::rename(from, to);
    /// Says who may do what.
    Brief fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> ()
        = std::fs::set_permissions(path, permissions);
    /// As [`metadata`], of a symbolic link itself.
    Brief fn symlink_metadata(path: impl AsRef<Path>) -> Metadata
        = std::fs::symlink_metadata(path);
}

#[cfg(unix)]
calls! {
    /// Makes a symbolic link that leads to `original`.
    Brief fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> ()
        = std::os::unix::fs::symlink(original, link);
}

#[cfg(windows)]
calls! {
    /// Makes a symbolic link that leads to the directory `original`.
    Brief fn symlink_dir(original: impl AsRef<Path>, link: impl AsRef<Path>) -> ()
        = std::os::windows::fs::symlink_dir(original, link);
    /// Makes a symbolic link that leads to the file `original`.
    Brief fn symlink_file(original: impl AsRef<Path>, link: impl AsRef<Path>) -> ()
        = std::os::windows::fs::symlink_file(original, link);
}

/// The whole of a file.
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
/// let text = marmot_os::fs::read("Cargo.toml").await?;
/// assert!(text.starts_with(b"[package]"));
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Vec<u8>>> {
    let place = Location::caller();
    call(Length::Brief, move || read_whole(path.as_ref(), place))
}

/// The whole of a file, which is UTF-8.
///
/// # Errors
///
/// As in std; `InvalidData` if it is not UTF-8.
///
/// # Cancel safety
///
/// A future that was not ready has done nothing.
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> impl Future<Output = io::Result<String>> {
    let place = Location::caller();
    call(Length::Brief, move || {
        let bytes = read_whole(path.as_ref(), place)?;
        let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "the file is not UTF-8");
        String::from_utf8(bytes).map_err(not_text)
    })
}

/// Opens a file and reads it. One that is long, or no regular file, may take long.
fn read_whole(path: &Path, place: &'static Location<'static>) -> io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let metadata = file.metadata()?;
    let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    let length = match metadata.is_file() {
        true => Length::of(size),
        false => Length::Long,
    };
    length.run(place, || read_expecting(&mut file, size))
}

/// Up to so many bytes it costs less to fill a buffer with zeros first than to ask for the length
/// once more, as std's `read_to_end` does; it fills nothing.
const ZEROED_BYTES: usize = 16 * 1024;

/// Reads to the end, which should come after `size` bytes.
fn read_expecting(file: &mut std::fs::File, size: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if (1..ZEROED_BYTES).contains(&size) {
        // One more, to see the end without growing.
        bytes.resize(size + 1, 0);
    }
    let mut got = 0;
    while got < bytes.len() {
        match file.read(&mut bytes[got..]) {
            Ok(0) => {
                bytes.truncate(got);
                return Ok(bytes);
            }
            Ok(some) => got += some,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // It is longer, did not tell its length, or has grown.
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes these bytes the whole of a file, which is made if it does not exist.
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
/// # let path = std::env::temp_dir().join(format!("marmot-write-{}", std::process::id()));
/// # marmot_wait::park::block_on(async {
/// marmot_os::fs::write(&path, b"all of it").await?;
/// # marmot_os::fs::remove_file(&path).await
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn write(
    path: impl AsRef<Path>,
    contents: impl AsRef<[u8]>,
) -> impl Future<Output = io::Result<()>> {
    let length = Length::of(contents.as_ref().len());
    call(length, move || std::fs::write(path, contents))
}
