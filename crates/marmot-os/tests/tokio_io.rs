//! tokio's traits, with the feature `tokio-io`.

#![cfg(unix)]

use std::io::SeekFrom;

use marmot_os::fs::File;
use marmot_os::process::{Command, Stdio};
use marmot_wait::park::block_on;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

#[test]
fn a_file_seeks_reads_and_writes_through_tokio_s_traits() {
    let path = std::env::temp_dir().join(format!("marmot-tokio-{}", std::process::id()));
    block_on(async {
        let mut file = File::create_new(&path).await?;
        AsyncWriteExt::write_all(&mut file, b"0123456789").await?;
        assert_eq!(AsyncSeekExt::seek(&mut file, SeekFrom::End(-3)).await?, 7);
        let mut text = String::new();
        AsyncReadExt::read_to_string(&mut file, &mut text).await?;
        assert_eq!(text, "789");
        let before = AsyncSeekExt::seek(&mut file, SeekFrom::Start(u64::MAX)).await;
        assert!(before.is_err());
        assert_eq!(AsyncSeekExt::stream_position(&mut file).await?, 10);
        std::fs::remove_file(&path)
    })
    .expect("all is allowed");
}

#[test]
fn tokio_copies_through_a_child() {
    block_on(async {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().expect("piped");
        let mut stdout = child.stdout.take().expect("piped");
        tokio::io::copy(&mut &b"some bytes"[..], &mut stdin).await?;
        AsyncWriteExt::shutdown(&mut stdin).await?;
        let mut back = Vec::new();
        tokio::io::copy(&mut stdout, &mut back).await?;
        assert_eq!(back, b"some bytes");
        assert!(child.wait().await?.success());
        Ok::<(), std::io::Error>(())
    })
    .expect("all is allowed");
}
