//! What a context is made of: one frame for each `with_…`, up to the root.
//!
//! ```text
//!   Context ══▶ frame ══▶ frame ══▶ frame ══▶ (background: no frame)
//!                 ║         ║         ║
//!                 ╚════════▶╨══▶ node ▼      each frame owns the nearest node above or in it
//! ```
//!
//! Frames never change. They carry what is looked up (values, names, the earliest deadline);
//! what can be cancelled is in the nodes of `tree`.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::deadline::now;
use crate::tree::Node;
use crate::value::Value;

/// One step on the way from a context to the root.
#[derive(Debug)]
pub(crate) struct Frame {
    above: Option<Arc<Frame>>,
    what: What,
    /// What ends this context; `None`: nothing ever does.
    pub(crate) node: Option<Arc<Node>>,
    /// The earliest deadline from here up.
    pub(crate) deadline: Option<Instant>,
}

/// What a frame adds.
#[derive(Debug)]
pub(crate) enum What {
    /// A second root, to be told from the first.
    Todo,
    Cancel,
    Deadline,
    Value(Value),
    WithoutCancel,
}

impl Frame {
    /// A frame that can be cancelled.
    pub(crate) fn new(
        above: Option<Arc<Frame>>,
        what: What,
        node: Option<Arc<Node>>,
        deadline: Option<Instant>,
    ) -> Arc<Frame> {
        Arc::new(Frame {
            above,
            what,
            node,
            deadline,
        })
    }

    /// This frame, and those above it.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &Frame> {
        std::iter::successors(Some(self), |frame| frame.above.as_deref())
    }

    /// The nearest value of this type.
    pub(crate) fn value<T: Any>(&self) -> Option<&T> {
        self.chain().find_map(|frame| match &frame.what {
            What::Value(value) => value.get(),
            _ => None,
        })
    }

    /// The values from here up, in frames of their own that nothing ends and that hold no node.
    pub(crate) fn values(&self) -> Option<Arc<Frame>> {
        let mut values: Vec<_> = self.chain().filter_map(Frame::own_value).collect();
        let mut above = None;
        while let Some(value) = values.pop() {
            above = Some(Frame::new(above, What::Value(value), None, None));
        }
        above
    }

    fn own_value(&self) -> Option<Value> {
        match &self.what {
            What::Value(value) => Some(value.clone()),
            _ => None,
        }
    }

    /// Whether the root is `context.TODO`.
    fn is_todo(&self) -> bool {
        matches!(self.what, What::Todo)
    }
}

/// Writes a chain in Go's words, from the root.
pub(crate) fn write_names(frame: Option<&Frame>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let frames: Vec<&Frame> = frame.into_iter().flat_map(Frame::chain).collect();
    f.write_str(match frames.last() {
        Some(root) if root.is_todo() => "context.TODO",
        _ => "context.Background",
    })?;
    frames
        .iter()
        .rev()
        .try_for_each(|frame| frame.write_name(f))
}

impl Frame {
    fn write_name(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.what, self.deadline) {
            (What::Todo, _) => Ok(()),
            (What::Cancel, _) => f.write_str(".WithCancel"),
            (What::Deadline, Some(at)) => match at.checked_duration_since(now()) {
                Some(left) => write!(f, ".WithDeadline({left:?})"),
                None => f.write_str(".WithDeadline(passed)"),
            },
            (What::Deadline, None) => f.write_str(".WithDeadline(never)"),
            (What::Value(value), _) => write!(f, ".WithValue({})", value.type_name()),
            (What::WithoutCancel, _) => f.write_str(".WithoutCancel"),
        }
    }
}

impl Drop for Frame {
    /// Frees a long chain without a call for each of its frames on the stack.
    fn drop(&mut self) {
        let mut next = self.above.take();
        while let Some(frame) = next {
            next = Arc::into_inner(frame).and_then(|mut frame| frame.above.take());
        }
    }
}
