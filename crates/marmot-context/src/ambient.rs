//! The ambient context: what [`Context::current`] gives, and what goroutines inherit.
//!
//! It is the value that [`marmot_wait::ambient`] carries from each goroutine to those it
//! starts; this file says that the value is a context.

use std::sync::Arc;

use marmot_wait::ambient::{self, Ambient, Within};
pub use marmot_wait::ambient::{inherit, is_set};

use crate::context::Context;
use crate::frame::Frame;

/// A future with an ambient context of its own: what [`scope`](Context::scope) gives.
///
/// The context is ambient while the future is polled and while it is dropped.
pub type Scoped<F> = Within<F>;

/// The ambient context.
pub(crate) fn current() -> Context {
    let frame = ambient::current().and_then(|value| Arc::downcast::<Frame>(value).ok());
    Context::of(frame)
}

/// A future that runs with this as its ambient context.
pub(crate) fn scoped<F>(context: Context, future: F) -> Scoped<F> {
    let value: Ambient = match context.into_frame() {
        Some(frame) => Some(frame),
        None => None,
    };
    Within::new(value, future)
}
