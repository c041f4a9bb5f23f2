//! A hundred pieces of work, at most four at a time.
//!
//! In Go: an `errgroup.Group` with `SetLimit(4)`, as here. Look at `ready`: without it all pieces
//! would be queued at once, with it the loop goes as fast as the work does. When the context ends,
//! the pieces at work end, and no other is begun.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use marmot::prelude::*;
use marmot::sync::errgroup::Group;

#[marmot::main]
async fn main() {
    let (done, most) = run(&Context::background(), 100, 4).await;
    println!("{done} pieces, at most {most} at a time");
    let (ctx, _cancel) = Context::background().with_timeout(ms(20));
    let (done, most) = run(&ctx, 100, 4).await;
    println!("in 20 ms: {done} pieces, at most {most} at a time");
}

#[derive(Default)]
struct AtWork {
    now: AtomicUsize,
    most: AtomicUsize,
    done: AtomicUsize,
}

/// How many pieces were done before the context ended, and how many at most at a time.
pub(crate) async fn run(ctx: &Context, pieces: u64, limit: usize) -> (usize, usize) {
    let at_work = Arc::new(AtWork::default());
    let (group, ctx) = Group::with_context(ctx);
    group.set_limit(limit);
    for piece in 0..pieces {
        group.ready().await;
        if ctx.is_done() {
            break;
        }
        let (ctx, at_work) = (ctx.clone(), Arc::clone(&at_work));
        group.go(async move { at_work.count(ctx.run(sleep(ms(1 + piece % 3)))).await });
    }
    // An error says that the context has ended; what was done until then counts.
    let _ended = group.wait().await;
    // ORDERING: Relaxed, here and below: the group has synchronised.
    let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    (count(&at_work.done), count(&at_work.most))
}

impl AtWork {
    /// Does a piece of work, and counts how many do so at the same time.
    async fn count<E>(&self, work: impl Future<Output = Result<(), E>>) -> Result<(), E> {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        let result = work.await;
        self.now.fetch_sub(1, Ordering::Relaxed);
        self.done
            .fetch_add(usize::from(result.is_ok()), Ordering::Relaxed);
        result
    }
}
