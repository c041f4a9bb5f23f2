//! The ambient context goes to every goroutine, whoever starts it, and is given back.

use std::sync::Arc;

use marmot::prelude::*;
use marmot::sync::{errgroup, singleflight};

/// A value that contexts carry; how many hold it is counted.
#[derive(Clone, Debug)]
struct Mark(Arc<(&'static str,)>);

fn marked(name: &'static str) -> (Mark, Context) {
    let mark = Mark(Arc::new((name,)));
    (mark.clone(), Context::background().with_value(mark))
}

/// The name of what is ambient here.
fn name() -> Option<&'static str> {
    Context::current().value::<Mark>().map(|mark| mark.0.0)
}

/// Waits until the test alone holds the mark: every goroutine has given its context back.
async fn is_given_back(mark: Mark) {
    while Arc::strong_count(&mark.0) > 1 {
        sleep(ms(1)).await;
    }
}

/// What a goroutine found ambient, and how it was started.
type Found = (&'static str, Option<&'static str>);

#[derive(Clone)]
struct Told(Sender<Found>);

impl Told {
    fn now(&self, way: &'static str) {
        self.0.try_send((way, name())).expect("there is room");
    }

    async fn later(self, way: &'static str) {
        gosched().await;
        self.now(way);
    }
}

/// Starts one goroutine in each way there is.
fn start_all(told: &Told) -> usize {
    let later = |way| told.clone().later(way);
    go!(later("go!"));
    spawn(later("spawn"));
    runtime::Handle::current().spawn(later("Handle::spawn"));
    WaitGroup::new().go(later("WaitGroup::go"));
    let (group, member) = (errgroup::Group::new(), later("errgroup"));
    group.go(async {
        member.await;
        Ok::<(), String>(())
    });
    singleflight::Group::new().run_chan("key", later("singleflight"));
    let timed = told.clone();
    after_func(ms(1), move || timed.now("time::after_func"));
    let timed = told.clone();
    let (ended, cancel) = Context::background().with_cancel();
    ended.after_func(move || timed.now("Context::after_func"));
    cancel.cancel();
    let child = later("a grandchild");
    go!(async { go!(child).await.unwrap() });
    let member = later("a queued member");
    group.set_limit(1);
    group.go(async {
        member.await;
        Ok::<(), String>(())
    });
    10
}

async fn expect_all(found: &Receiver<Found>, count: usize, expected: Option<&'static str>) {
    for _ in 0..count {
        let (way, name) = found.recv().await.expect("a goroutine tells");
        assert_eq!(name, expected, "{way}");
    }
}

#[marmot::test(max_procs = 2)]
async fn every_way_to_start_a_goroutine_inherits_and_gives_back() {
    let (mark, ctx) = marked("parent");
    let (tx, found) = chan(16);
    let told = Told(tx);
    let count = ctx.scope(async { start_all(&told) }).await;
    drop(ctx);
    expect_all(&found, count, Some("parent")).await;
    is_given_back(mark).await;
    let count = start_all(&told);
    expect_all(&found, count, None).await;
}

#[marmot::test]
async fn who_makes_a_function_run_does_not_pass_its_own_context_on() {
    let (tx, found) = chan(16);
    let told = Told(tx);
    let (ended, cancel) = Context::background().with_cancel();
    let timer = {
        let (ended, told) = (ended.clone(), told.clone());
        marked("who set it").1.scope(async move {
            let func = told.clone();
            ended.after_func(move || func.now("Context::after_func"));
            after_func(secs(3600), move || told.now("time::after_func"))
        })
    }
    .await;
    ended.after_func(move || told.now("set without a context"));
    marked("who ends it")
        .1
        .scope(async move {
            cancel.cancel();
            timer.reset(Duration::ZERO);
        })
        .await;
    for _ in 0..3 {
        let (way, name) = found.recv().await.expect("it runs");
        let expected = (way != "set without a context").then_some("who set it");
        assert_eq!(name, expected, "{way}");
    }
}

#[marmot::test]
async fn what_cleans_up_has_the_values_but_not_the_end_of_what_it_cleans_up_after() {
    let (mark, request) = marked("request");
    let (ctx, cancel) = request.with_timeout(secs(3600));
    let (tx, rx) = chan(1);
    ctx.scope(async {
        Context::current().after_func(move || {
            let ctx = Context::current();
            let found = (name(), ctx.err(), ctx.deadline());
            tx.try_send(found).expect("there is room");
        });
    })
    .await;
    cancel.cancel();
    assert_eq!(rx.recv().await, Some((Some("request"), None, None)));
    drop((request, ctx, cancel));
    is_given_back(mark).await;
}

#[test]
fn a_function_that_can_never_run_holds_no_context() {
    let (mark, request) = marked("request");
    let (ctx, cancel) = request.with_cancel();
    drop(request);
    cancel.detach();
    marmot::block_on(ctx.scope(async {
        Context::current().after_func(|| unreachable!("nothing can end it"));
    }));
    assert_eq!(Arc::strong_count(&mark.0), 2, "the context holds it");
    drop(ctx);
    assert_eq!(Arc::strong_count(&mark.0), 1);
}

#[marmot::test]
async fn a_child_that_outlives_its_parent_keeps_the_context_and_no_longer() {
    let (mark, ctx) = marked("parent");
    let (go_on, wait) = chan::<()>(0);
    let (tx, found) = chan(1);
    let parent = async {
        go!(async move {
            wait.recv().await;
            tx.send(name()).await
        });
    };
    ctx.scope(async { go!(parent).await.unwrap() }).await;
    drop(ctx);
    assert!(Arc::strong_count(&mark.0) > 1, "the child has it");
    drop(go_on);
    assert_eq!(found.recv().await, Some(Some("parent")));
    is_given_back(mark).await;
}

#[marmot::test]
async fn a_background_scope_is_a_fresh_start() {
    let (_mark, ctx) = marked("parent");
    let inside = async { go!(async { name() }).await.unwrap() };
    assert_eq!(ctx.scope(Context::background().scope(inside)).await, None);
}
