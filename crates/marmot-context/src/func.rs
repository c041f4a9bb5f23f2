//! A function that runs when a context has ended: Go's `AfterFunc`.
//!
//! ```text
//!              take: the first wins
//!   waiting ─────────────────────────▶ taken      by the end of a node: it runs
//!                                                  by `stop`: it is dropped
//! ```
//!
//! It is registered with the node of its context and with every node above that one, so it
//! needs none of them: each may be freed when nobody can see it any more, and the function
//! with the last that could still end. Whoever takes it also takes it off everybody's list.
//!
//! Locks: a function's own, then nobody's; it is never taken while a node's is held.

use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, PoisonError, Weak};

use marmot_wait::{Key, Runner, runner};

use crate::ambient;
use crate::context::Context;
use crate::loom::{Mutex, MutexGuard};
use crate::spawn::spawn_on;
use crate::tree::Node;

type Function = Box<dyn FnOnce() + Send>;

/// A function to be run once, and where it is registered.
pub(crate) struct Func {
    state: Mutex<State>,
    /// Where it is to run: whoever ends the context may be a timer's thread, or none of the
    /// runtime's.
    runner: Option<&'static dyn Runner>,
    /// What was ambient where it was registered: the values alone. A context here would keep
    /// its nodes alive, which have this function on their lists.
    ambient: Context,
    place: &'static Location<'static>,
}

struct State {
    /// Absent once taken.
    f: Option<Function>,
    /// Nodes that have it on their list.
    lists: Vec<(Weak<Node>, Key)>,
}

impl Func {
    /// Registers a function with this node and all above it.
    pub(crate) fn register(
        node: Option<&Arc<Node>>,
        f: Function,
        place: &'static Location<'static>,
    ) -> Arc<Func> {
        let func = Arc::new(Func {
            state: Mutex::new(State {
                f: Some(f),
                lists: Vec::new(),
            }),
            runner: runner(),
            ambient: ambient::current().values(),
            place,
        });
        let mut next = node.map(Arc::clone);
        while let Some(node) = next {
            if !func.enlist(&node) {
                break;
            }
            next = node.parent();
        }
        func
    }

    /// Puts it on one node's list. `false`: there is no need to go on, it has been taken.
    fn enlist(self: &Arc<Self>, node: &Arc<Node>) -> bool {
        let Some(key) = node.add_func(Arc::clone(self)) else {
            self.run();
            return false;
        };
        let mut state = self.lock();
        if state.f.is_some() {
            state.lists.push((Arc::downgrade(node), key));
            return true;
        }
        // Taken since: who took it did not know of this list.
        drop(state);
        node.remove_func(key);
        false
    }

    /// Takes the function, and takes it off all lists.
    fn take(&self) -> Option<Function> {
        let mut state = self.lock();
        let f = state.f.take()?;
        let lists = std::mem::take(&mut state.lists);
        drop(state);
        for (node, key) in lists {
            // A node that has ended took its list apart, and nobody joins it any more.
            if let Some(node) = node.upgrade() {
                node.remove_func(key);
            }
        }
        Some(f)
    }

    /// Runs it in a goroutine of its own, unless it was taken.
    pub(crate) fn run(&self) {
        if let Some(f) = self.take() {
            let run = ambient::scoped(self.ambient.clone(), async move { f() });
            spawn_on(self.runner, Box::pin(run), self.place);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under this lock but an allocation that fails.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Func")
            .field("place", self.place)
            .finish_non_exhaustive()
    }
}

/// The handle of [`after_func`](crate::Context::after_func). Dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct Stop(pub(crate) Arc<Func>);

// As for `Context`: the function itself is never lent.
impl UnwindSafe for Stop {}
impl RefUnwindSafe for Stop {}

impl Stop {
    /// Keeps the function from running; says whether it did.
    ///
    /// `false` means that it has been started, which is not waited for, or was stopped
    /// before.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// let stop = ctx.after_func(|| unreachable!("it was stopped"));
    /// assert!(stop.stop());
    /// assert!(!stop.stop());
    /// cancel.cancel();
    /// ```
    #[expect(
        clippy::must_use_candidate,
        reason = "programs stop functions without asking"
    )]
    pub fn stop(&self) -> bool {
        self.0.take().is_some()
    }
}
