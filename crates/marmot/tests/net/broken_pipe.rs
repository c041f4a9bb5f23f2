//! Where a broken pipe kills: programs that want to die quietly under `head` give `SIGPIPE` its
//! default back, and must not die of a client that has gone.

#![expect(unsafe_code, reason = "to set a signal's action is a C function")]

use std::io::{ErrorKind, IoSlice};

use futures::AsyncWriteExt;
use marmot::net::UnixStream;
use marmot_testing::within;

use crate::support::{LIMIT, child, on, pair};

#[test]
fn a_peer_that_has_gone_is_an_error_even_where_the_signal_kills() {
    if let Some(mut this) =
        child("broken_pipe::a_peer_that_has_gone_is_an_error_even_where_the_signal_kills")
    {
        let status = within(LIMIT, move || this.wait().expect("a child"));
        return assert!(status.success(), "{status}");
    }
    // SAFETY: sets the default action of a signal.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    on(1, || async {
        let (here, there) = UnixStream::pair().expect("descriptors");
        drop(there);
        let bufs = [IoSlice::new(b"a"), IoSlice::new(b"b")];
        let broken = [
            here.write(b"ab").await,
            here.write_vectored(&bufs).await,
            here.write_all(b"ab").await.map(|()| 2),
            (&mut &here).write_vectored(&bufs).await,
        ];
        for result in broken {
            let error = result.expect_err("nobody is there");
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        }
        let (client, server) = pair().await;
        drop(server);
        let error = loop {
            match client.write_vectored(&bufs).await {
                Ok(_) => marmot::runtime::gosched().await,
                Err(error) => break error,
            }
        };
        let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
        assert!(gone.contains(&error.kind()), "{error}");
    });
}
