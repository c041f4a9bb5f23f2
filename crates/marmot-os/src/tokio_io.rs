//! tokio's I/O traits for files, standard streams and the pipes of children.

use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::io::AsyncSeek as Seeks;
use marmot_netpoll::{foreign_writes, tokio_reads};
use tokio::io::{AsyncSeek, AsyncWrite};

use crate::fs::File;
use crate::io::{Stderr, Stdin, Stdout};
#[cfg(unix)]
use crate::process::{ChildStderr, ChildStdin, ChildStdout};

tokio_reads!(File, Stdin);
foreign_writes!(true, AsyncWrite: File);
// They write the first of several buffers.
foreign_writes!(false, AsyncWrite: Stdout, Stderr);
#[cfg(unix)]
tokio_reads!(ChildStdout, ChildStderr);
#[cfg(unix)]
foreign_writes!(true, AsyncWrite: ChildStdin);

/// The seek is made when it is begun; its end only tells.
impl AsyncSeek for File {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        // Nobody counts operations here: there is no way to wait.
        let budget = marmot_wait::budget::suspend();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let sought = Seeks::poll_seek(self.as_mut(), &mut cx, position);
        marmot_wait::budget::restore(budget);
        if let Poll::Ready(sought) = sought {
            self.sought = Some(sought);
        }
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        match self.sought.take() {
            Some(sought) => Poll::Ready(sought),
            None => Seeks::poll_seek(self, cx, SeekFrom::Current(0)),
        }
    }
}
