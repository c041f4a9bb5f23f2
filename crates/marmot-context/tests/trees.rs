//! Random trees and layers of contexts, against a model that is obvious.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use marmot_context::{Cancel, Context, ContextError};
use marmot_testing::{ByHand, Rng, within};
use marmot_time::ms;
use marmot_wait::park::block_on;

const LIMIT: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(3600);

struct Layer(u32);

/// Layers over the background: values, cancels, timeouts, in any order.
fn layers(rng: &mut Rng, timeout: Duration) -> (Context, Vec<Cancel>, u32) {
    let mut ctx = Context::background();
    let mut cancels = Vec::new();
    let mut values = 0;
    let count = 30 + rng.below(40);
    for layer in 0..count {
        match rng.below(3) {
            0 => {
                values += 1;
                ctx = ctx.with_value(Layer(values));
            }
            1 => {
                let (below, cancel) = ctx.with_cancel();
                (ctx, cancels) = (below, push(cancels, cancel));
            }
            _ => {
                let extra = Duration::from_secs(u64::try_from(layer).unwrap());
                let (below, cancel) = ctx.with_timeout(timeout.saturating_add(extra));
                (ctx, cancels) = (below, push(cancels, cancel));
            }
        }
    }
    let (ctx, cancel) = ctx.with_timeout(timeout);
    (ctx, push(cancels, cancel), values)
}

fn push(mut cancels: Vec<Cancel>, cancel: Cancel) -> Vec<Cancel> {
    cancels.push(cancel);
    cancels
}

fn nearest(ctx: &Context) -> u32 {
    ctx.value::<Layer>().map_or(0, |layer| layer.0)
}

#[test]
fn cancelling_any_layer_ends_the_top_and_values_stay_readable() {
    let mut rng = Rng::from_env();
    for _ in 0..50 {
        let (ctx, cancels, values) = layers(&mut rng, LONG);
        assert_eq!(nearest(&ctx), values);
        assert_eq!(ctx.err(), None);
        rng.pick(&cancels).cancel();
        assert_eq!(ctx.err(), Some(ContextError::Canceled));
        assert_eq!(nearest(&ctx), values);
    }
}

#[test]
fn a_short_timeout_under_any_layers_ends_the_top() {
    let mut rng = Rng::from_env();
    for _ in 0..20 {
        let (ctx, _cancels, values) = layers(&mut rng, ms(1));
        let top = ctx.clone();
        within(LIMIT, move || block_on(top.done()));
        assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
        assert_eq!(nearest(&ctx), values);
    }
}

/// A context, and what is known about it without looking at it.
struct Known {
    ctx: Context,
    cancel: Option<Cancel>,
    /// In the list; `None` for a child of the background.
    above: Option<usize>,
    /// Whether an end above reaches it.
    attached: bool,
    /// Who was told to end it: the first number counts.
    ended_by: Option<usize>,
    runs: Arc<AtomicUsize>,
}

struct Tree {
    all: Vec<Known>,
}

impl Tree {
    fn grow(&mut self, rng: &mut Rng) {
        let above = (!self.all.is_empty() && !rng.one_in(8)).then(|| rng.below(self.all.len()));
        let parent = above.map_or_else(Context::background, |at| self.all[at].ctx.clone());
        let inherited = above.and_then(|at| self.all[at].ended_by);
        let (ctx, cancel, attached) = match rng.below(5) {
            0 => (parent.with_value(7), None, true),
            1 => (parent.without_cancel(), None, false),
            2 => {
                let (ctx, cancel) = parent.with_timeout(LONG);
                (ctx, Some(cancel), true)
            }
            _ => {
                let (ctx, cancel) = parent.with_cancel();
                (ctx, Some(cancel), true)
            }
        };
        let runs = Arc::new(AtomicUsize::new(0));
        self.all.push(Known {
            ctx,
            cancel,
            above,
            attached,
            ended_by: inherited.filter(|_| attached),
            runs,
        });
    }

    /// Ends one, by its cancel or by dropping that.
    fn end(&mut self, at: usize, number: usize, rng: &mut Rng) {
        let known = &mut self.all[at];
        if known.cancel.is_none() {
            return;
        }
        let cause = number.to_string();
        known
            .cancel
            .iter()
            .for_each(|cancel| cancel.cancel_cause(cause.clone()));
        if rng.one_in(2) {
            known.cancel = None;
        }
        known.ended_by = known.ended_by.or(Some(number));
        for below in at + 1..self.all.len() {
            let known = &self.all[below];
            let reached = known.attached
                && known.ended_by.is_none()
                && known
                    .above
                    .is_some_and(|above| self.all[above].ended_by.is_some());
            if reached {
                let above = self.all[below].above.expect("it has one");
                self.all[below].ended_by = self.all[above].ended_by;
            }
        }
    }

    fn check(&self) {
        for known in &self.all {
            let said = known.ctx.cause().map(|cause| cause.to_string());
            assert_eq!(said, known.ended_by.map(|number| number.to_string()));
            assert_eq!(known.ctx.is_done(), known.ended_by.is_some());
            let polled = ByHand::new(known.ctx.done()).poll();
            assert_eq!(polled.is_ready(), known.ended_by.is_some());
        }
    }
}

#[test]
fn a_random_tree_ends_as_the_obvious_model_says() {
    let mut rng = Rng::from_env();
    for _ in 0..40 {
        let mut tree = Tree { all: Vec::new() };
        for number in 0..60 {
            if tree.all.is_empty() || rng.below(3) > 0 {
                tree.grow(&mut rng);
                let known = tree.all.last().expect("it has grown");
                let runs = Arc::clone(&known.runs);
                known.ctx.after_func(move || {
                    runs.fetch_add(1, Ordering::SeqCst);
                });
            } else {
                let at = rng.below(tree.all.len());
                tree.end(at, number, &mut rng);
            }
        }
        tree.check();
        for known in &tree.all {
            let want = usize::from(known.ended_by.is_some());
            marmot_testing::until(LIMIT, "functions of what has ended have run", || {
                known.runs.load(Ordering::SeqCst) == want
            });
        }
    }
}

/// Threads make children, cancel, wait and drop at random, all over one tree; then the root
/// is cancelled and everything must have ended.
#[test]
fn a_tree_that_many_threads_use_ends_as_a_whole() {
    within(LIMIT, || {
        let mut rng = Rng::from_env();
        for _ in 0..10 {
            let (root, cancel) = Context::background().with_cancel();
            let waits = Arc::new(AtomicUsize::new(0));
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let (root, mut rng) = (root.clone(), rng.fork());
                    let waits = Arc::clone(&waits);
                    std::thread::spawn(move || {
                        let mut held = vec![(root, None)];
                        for _ in 0..200 {
                            step(&mut held, &mut rng);
                        }
                        for (ctx, cancel) in &mut held {
                            cancel.take().into_iter().for_each(Cancel::detach);
                            block_on(ctx.done());
                            waits.fetch_add(1, Ordering::SeqCst);
                        }
                        held.len()
                    })
                })
                .collect();
            while waits.load(Ordering::SeqCst) == 0 && rng.below(2000) > 0 {
                std::thread::yield_now();
            }
            cancel.cancel();
            let held: usize = threads.into_iter().map(|end| end.join().unwrap()).sum();
            assert_eq!(waits.load(Ordering::SeqCst), held);
        }
    });
}

fn step(held: &mut Vec<(Context, Option<Cancel>)>, rng: &mut Rng) {
    let at = rng.below(held.len());
    match rng.below(6) {
        0 if at > 0 => drop(held.swap_remove(at)),
        1 => held[at].1.iter().for_each(Cancel::cancel),
        2 => {
            let (ctx, cancel) = held[at].0.with_timeout(LONG);
            held.push((ctx, Some(cancel)));
        }
        3 => {
            let stop = held[at].0.after_func(|| ());
            stop.stop();
        }
        4 => assert!(ByHand::new(held[at].0.done()).poll().is_pending() || held[at].0.is_done()),
        _ => {
            let (ctx, cancel) = held[at].0.with_value(7).with_cancel();
            held.push((ctx, Some(cancel)));
        }
    }
}
