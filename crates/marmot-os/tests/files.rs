//! What `fs` promises.

use std::future::Future;
use std::io::SeekFrom;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, TryStreamExt};
use marmot_os::fs::{self, File, OpenOptions};
use marmot_testing::within;
use marmot_wait::{budget, park::block_on};

const PATIENCE: Duration = Duration::from_secs(60);

/// A directory of its own, removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "marmot-files-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a place for tests");
        Scratch(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// The answer of a future that needs no waiting.
fn at_once<F: Future>(future: F) -> F::Output {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn every_function_does_what_std_s_does() {
    let scratch = Scratch::new();
    let (one, two, deep) = (scratch.at("one"), scratch.at("two"), scratch.at("a/b/c"));
    block_on(async {
        fs::write(&one, "first").await?;
        assert_eq!(fs::copy(&one, &two).await?, 5);
        assert_eq!(fs::read(&two).await?, b"first");
        fs::rename(&two, scratch.at("three")).await?;
        assert!(!fs::exists(&two).await?);
        fs::hard_link(&one, &two).await?;
        fs::create_dir_all(&deep).await?;
        assert!(fs::metadata(&deep).await?.is_dir());
        fs::create_dir(deep.join("d")).await?;
        fs::remove_dir(deep.join("d")).await?;
        let direct = fs::canonicalize(deep.join("../c")).await?;
        assert_eq!(direct, fs::canonicalize(&deep).await?);
        let mut permissions = fs::metadata(&one).await?.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&one, permissions).await?;
        assert!(fs::metadata(&one).await?.permissions().readonly());
        fs::remove_file(&two).await?;
        fs::remove_dir_all(scratch.at("a")).await?;
        let gone = fs::read_to_string(&two).await.expect_err("it was removed");
        assert_eq!(gone.kind(), std::io::ErrorKind::NotFound);
        Ok::<(), std::io::Error>(())
    })
    .expect("all is allowed");
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_leads_somewhere_and_is_itself_something() {
    let scratch = Scratch::new();
    let (file, link) = (scratch.at("file"), scratch.at("link"));
    block_on(async {
        fs::write(&file, "there").await?;
        fs::symlink(&file, &link).await?;
        assert_eq!(fs::read_link(&link).await?, file);
        assert!(fs::symlink_metadata(&link).await?.is_symlink());
        assert_eq!(fs::read_to_string(&link).await?, "there");
        Ok::<(), std::io::Error>(())
    })
    .expect("all is allowed");
}

#[test]
fn a_file_is_read_and_written_at_its_cursor_and_elsewhere() {
    let scratch = Scratch::new();
    block_on(async {
        let path = scratch.at("file");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .await?;
        file.write_all(b"0123456789").await?;
        assert_eq!(file.stream_position().await?, 10);
        assert_eq!(file.seek(SeekFrom::Start(3)).await?, 3);
        let mut three = [0; 3];
        file.read_exact(&mut three).await?;
        assert_eq!(&three, b"345");
        #[cfg(unix)]
        {
            file.write_all_at(b"x", 0).await?;
            let mut two = [0; 2];
            file.read_exact_at(&mut two, 0).await?;
            assert_eq!(&two, b"x1");
        }
        assert_eq!(file.stream_position().await?, 6);
        let mut rest = String::new();
        assert_eq!(file.read_to_string(&mut rest).await?, 4);
        assert_eq!(rest, "6789");
        file.set_len(2).await?;
        file.rewind().await?;
        let mut all = Vec::new();
        file.read_to_end(&mut all).await?;
        assert_eq!(all.len(), 2);
        assert_eq!(file.read(&mut three).await?, 0, "the end");
        file.sync_data().await?;
        file.sync_all().await?;
        let again = File::create_new(&path).await.expect_err("it exists");
        assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
        Ok::<(), std::io::Error>(())
    })
    .expect("all is allowed");
}

#[test]
fn the_traits_of_futures_work_on_a_file_and_on_its_reference() {
    let scratch = Scratch::new();
    block_on(async {
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(scratch.at("file"))
            .await?;
        AsyncWriteExt::write_all(&mut file, b"some text").await?;
        AsyncWriteExt::close(&mut file).await?;
        AsyncSeekExt::seek(&mut file, SeekFrom::Start(5)).await?;
        let mut text = String::new();
        AsyncReadExt::read_to_string(&mut &file, &mut text).await?;
        assert_eq!(text, "text");
        Ok::<(), std::io::Error>(())
    })
    .expect("all is allowed");
}

#[test]
fn a_directory_tells_all_its_entries() {
    let scratch = Scratch::new();
    block_on(async {
        for name in ["a", "b", "c"] {
            fs::write(scratch.at(name), name).await?;
        }
        let mut names = Vec::new();
        let mut entries = fs::read_dir(&scratch.0).await?;
        while let Some(entry) = entries.next_entry().await? {
            assert!(entry.file_type().await?.is_file());
            assert_eq!(entry.metadata().await?.len(), 1);
            names.push(entry.file_name().into_string().expect("plain"));
        }
        names.sort();
        assert_eq!(names, ["a", "b", "c"]);
        let stream = fs::read_dir(&scratch.0).await?;
        let paths: Vec<_> = stream.map_ok(|entry| entry.path()).try_collect().await?;
        assert_eq!(paths.len(), 3);
        Ok::<(), std::io::Error>(())
    })
    .expect("all is allowed");
}

#[test]
fn a_file_longer_than_any_buffer_is_read_whole() {
    let scratch = Scratch::new();
    let path = scratch.at("long");
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    block_on(async {
        fs::write(&path, &bytes).await?;
        assert_eq!(fs::read(&path).await?, bytes);
        Ok::<(), std::io::Error>(())
    })
    .expect("all is allowed");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_does_not_know_its_length_is_read_whole() {
    let text = block_on(fs::read_to_string("/proc/self/status")).expect("it can be read");
    assert!(text.starts_with("Name:") && text.contains("Threads:"));
}

#[test]
fn a_call_that_was_not_polled_has_done_nothing() {
    let scratch = Scratch::new();
    let path = scratch.at("never");
    drop(fs::write(&path, "text"));
    assert!(!path.exists());
    at_once(fs::write(&path, "text")).expect("it can be written");
    assert!(path.exists());
}

#[test]
fn a_goroutine_that_reads_on_and_on_lets_others_run() {
    let before = budget::begin(2);
    let mut waits = 0;
    for _ in 0..4 {
        let mut cx = Context::from_waker(Waker::noop());
        waits += u32::from(pin!(fs::metadata(".")).poll(&mut cx).is_pending());
    }
    budget::restore(before);
    assert_eq!(waits, 2);
}

#[cfg(unix)]
#[test]
fn opening_a_fifo_waits_for_the_other_end() {
    within(PATIENCE, || {
        let scratch = Scratch::new();
        let path = scratch.at("fifo");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo").success());
        let its = path.clone();
        let writer = std::thread::spawn(move || std::fs::write(its, "through it"));
        assert_eq!(
            block_on(fs::read_to_string(&path)).expect("it ends"),
            "through it"
        );
        writer.join().expect("no panic").expect("written");
    });
}

#[test]
fn a_file_can_be_made_to_look_old() {
    let scratch = Scratch::new();
    let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
    block_on(async {
        let file = File::create(scratch.at("old")).await?;
        file.set_modified(old).await?;
        assert_eq!(file.metadata().await?.modified()?, old);
        Ok::<(), std::io::Error>(())
    })
    .expect("all is allowed");
}
