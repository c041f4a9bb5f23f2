//! Values, keyed by their type.

use std::sync::Arc;

use marmot_context::Context;

#[derive(Debug, PartialEq)]
struct UserId(u32);
#[derive(Debug, PartialEq)]
struct RequestId(u32);

#[test]
fn keys_are_types_and_a_look_alike_is_another_key() {
    let ctx = Context::background().with_value(UserId(7));
    assert_eq!(ctx.value(), Some(&UserId(7)));
    assert_eq!(ctx.value::<RequestId>(), None);
    assert_eq!(ctx.value::<u32>(), None);
}

#[test]
fn the_nearest_value_wins_and_the_one_above_stays() {
    let above = Context::background()
        .with_value(UserId(1))
        .with_value(RequestId(2));
    let below = above.with_value(UserId(3));
    assert_eq!(below.value(), Some(&UserId(3)));
    assert_eq!(below.value(), Some(&RequestId(2)));
    assert_eq!(above.value(), Some(&UserId(1)));
}

#[test]
fn an_option_that_is_none_hides_the_one_above() {
    let above = Context::background().with_value(Some(UserId(1)));
    let below = above.with_value(None::<UserId>);
    assert_eq!(below.value::<Option<UserId>>(), Some(&None));
    assert_eq!(above.value(), Some(&Some(UserId(1))));
}

#[test]
fn values_are_seen_through_cancels_and_deadlines_also_after_the_end() {
    let ctx = Context::background().with_value(UserId(1));
    let (ctx, cancel) = ctx.with_cancel();
    let (ctx, _timeout) = ctx.with_timeout(std::time::Duration::from_secs(3600));
    let ctx = ctx.with_value(RequestId(2));
    cancel.cancel();
    assert_eq!(ctx.value(), Some(&UserId(1)));
    assert_eq!(ctx.without_cancel().value(), Some(&RequestId(2)));
}

#[test]
fn a_value_lives_as_long_as_a_context_below_it() {
    let value = Arc::new(());
    let ctx = Context::background().with_value(Arc::clone(&value));
    let (below, _below) = ctx.with_cancel();
    drop(ctx);
    assert_eq!(Arc::strong_count(&value), 2);
    drop(below);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn names_tell_the_types() {
    let ctx = Context::background().with_value(7_u8).with_value("text");
    assert_eq!(
        ctx.to_string(),
        "context.Background.WithValue(u8).WithValue(&str)"
    );
}
