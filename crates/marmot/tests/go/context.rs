//! What a context ends: generators, calls that take too long, reads of a connection.

use std::io::ErrorKind;
use std::sync::Arc;

use marmot::context::ContextError;
use marmot::net::{TcpListener, TcpStream};
use marmot::prelude::*;

use crate::support::on_each;

#[test]
fn a_generator_ends_with_the_context_of_who_reads_it() {
    on_each(|| async {
        fn generate(ctx: &Context) -> (Receiver<u32>, JoinHandle<()>) {
            let (tx, rx) = chan(0);
            let generator = go!([ctx], async move {
                let mut n = 1;
                loop {
                    select! {
                        _ = ctx.done() => return,
                        Ok(()) = tx.send(n) => n += 1,
                    }
                }
            });
            (rx, generator)
        }
        let (ctx, cancel) = Context::background().with_cancel();
        let (numbers, generator) = generate(&ctx);
        for expected in 1..=5 {
            assert_eq!(numbers.recv().await, Some(expected));
        }
        cancel.cancel();
        generator.await.unwrap();
        assert_eq!(numbers.recv().await, None);
    });
}

#[test]
fn what_takes_too_long_is_given_up_at_the_deadline() {
    on_each(|| async {
        let (ctx, _cancel) = Context::background().with_deadline(Instant::now() + ms(2));
        let said = select! {
            _ = after(secs(60)) => "overslept".to_owned(),
            _ = ctx.done() => ctx.err().unwrap().to_string(),
        };
        assert_eq!(said, "context deadline exceeded");
        let (ctx, _cancel) = Context::background().with_timeout(ms(2));
        let ended = ctx.run(std::future::pending::<()>()).await;
        assert!(matches!(ended, Err(ContextError::DeadlineExceeded)));
    });
}

#[test]
fn a_value_is_found_by_its_key_or_not_at_all() {
    on_each(|| async {
        #[derive(PartialEq, Debug)]
        struct Language(&'static str);
        struct Color;
        let ctx = Context::background().with_value(Language("Rust"));
        let found = go!(ctx.scope(async { Context::current().value::<Language>().map(|l| l.0) }));
        assert_eq!(found.await.unwrap(), Some("Rust"));
        assert!(ctx.value::<Color>().is_none());
    });
}

/// A read that waits for a peer that says nothing.
#[test]
fn a_read_is_given_up_when_its_context_ends() {
    on_each(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = futures::join!(TcpStream::connect(address), listener.accept());
        let (silent, _from) = accepted.unwrap();
        let conn = Arc::new(client.unwrap());
        let (ctx, _cancel) = Context::background().with_timeout(ms(5));
        let stop = ctx.after_func({
            let conn = Arc::clone(&conn);
            move || conn.set_read_deadline(Some(Instant::now()))
        });
        let mut buffer = [0; 16];
        let error = conn.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(!stop.stop(), "it has run");
        assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
        drop(silent);
    });
}

#[test]
fn two_contexts_merged_end_with_the_cause_of_the_first_to_end() {
    on_each(|| async {
        fn merge(ctx: &Context, other: &Context) -> Context {
            let (merged, cancel) = ctx.with_cancel();
            let ended = other.clone();
            drop(other.after_func(move || match ended.cause() {
                Some(cause) => cancel.cancel_cause(cause.to_string()),
                None => cancel.cancel(),
            }));
            merged
        }
        let (ctx1, cancel1) = Context::background().with_cancel();
        let (ctx2, cancel2) = Context::background().with_cancel();
        let merged = merge(&ctx1, &ctx2);
        cancel2.cancel_cause("ctx2 canceled");
        merged.done().await;
        assert_eq!(merged.cause().unwrap().to_string(), "ctx2 canceled");
        assert!(ctx1.err().is_none());
        cancel1.cancel();
    });
}

#[test]
fn any_of_thirty_layers_ends_those_inside_it() {
    on_each(|| async {
        let mut ctx = Context::background();
        let mut cancels = Vec::new();
        for layer in 0..30_u64 {
            ctx = match layer % 3 {
                0 => ctx.with_value(layer),
                1 => {
                    let (inner, cancel) = ctx.with_cancel();
                    cancels.push(cancel);
                    inner
                }
                _ => {
                    let (inner, cancel) = ctx.with_timeout(secs(600 - layer));
                    cancels.push(cancel);
                    inner
                }
            };
        }
        let waiting = go!([ctx], async move { ctx.done().await });
        gosched().await;
        assert_eq!((ctx.value::<u64>(), ctx.err()), (Some(&27), None));
        cancels.swap_remove(7).cancel();
        waiting.await.unwrap();
        assert_eq!(
            (ctx.value::<u64>(), ctx.err()),
            (Some(&27), Some(ContextError::Canceled))
        );
    });
}
