//! tokio's I/O traits on our streams.

mod support;

use marmot_net::UnixStream;
use support::{Spawner, everywhere, pair};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};

#[test]
fn tokios_own_helpers_work_on_our_streams() {
    everywhere(|spawner: Spawner| async move {
        let (mut client, mut near) = pair().await;
        let (mut far, mut server) = UnixStream::pair().expect("a pair");
        let proxy = spawner.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        let serving = spawner.spawn(async move {
            let mut question = String::new();
            server.read_to_string(&mut question).await.expect("words");
            AsyncWriteExt::write_all(&mut server, question.to_uppercase().as_bytes())
                .await
                .expect("room");
            AsyncWriteExt::shutdown(&mut server)
                .await
                .expect("connected");
        });
        AsyncWriteExt::write_all(&mut client, b"quiet")
            .await
            .expect("room");
        AsyncWriteExt::shutdown(&mut client)
            .await
            .expect("connected");
        let (mut reader, _writer) = client.into_split();
        let mut answer = String::new();
        reader.read_to_string(&mut answer).await.expect("words");
        assert_eq!(answer, "QUIET");
        serving.await;
        assert_eq!(proxy.await.expect("no error"), (5, 5));
    });
}
