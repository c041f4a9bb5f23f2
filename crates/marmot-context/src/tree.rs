//! The tree of what can be cancelled, and the walk that ends a part of it.
//!
//! ```text
//!   handles ══▶ node ◀┄┄ children of the one above     ══▶ owns   ┄┄▶ knows, weakly
//!                ┊ ┊
//!   parent ◀┄┄┄┄┄┘ └┄┄▶ its children
//!
//!            mark: first end wins             forget_children: all below are ended
//!   live ───────────────────────▶ ended ─────────────────────────────────────────▶ ended,
//!         waiters, functions and         children listed: whoever ends it            alone
//!         timer are taken out            again walks too
//! ```
//!
//! A node is owned by the handles that can see it and by nobody else, in neither direction,
//! so an invisible one is freed at once, with its timer, and takes itself out of the list
//! above. (One exception: a node with a timer *and* a function to run at its end owns
//! itself until then, because that function was promised to run when the time comes.) A
//! context's frame owns the frame above it, so whatever is visible has all its ancestors.
//!
//! **The walk.** `end` marks a node, then those below it, breadth first, holding one node's
//! lock at a time and calling nobody. A node keeps its list of children until all of them
//! are marked, recursively. So two who end the same node both walk: whoever is second helps
//! instead of waiting, and when either returns every descendant has ended. A child that
//! arrives meanwhile finds its parent ended, under the parent's lock, and ends itself. After
//! the walk, with no lock held, functions are started and wakers are called: when the first
//! of them runs the whole part of the tree has ended. Go holds the parent's lock while it
//! cancels the children, which comes to the same; this way a deep tree needs no stack and
//! interlocked cancels have nothing to lock each other out of.
//!
//! Locks: one node's at a time; under it, at most a timer lane's (a leaf), to take a timer
//! back. Models: `models.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, PoisonError, Weak};
use std::task::Waker;

use marmot_time::Sleep;
use marmot_wait::{Key, WaitQueue, WakeList};

use crate::error::{Cause, ContextError};
use crate::func::Func;
use crate::loom::{AtomicU8, Mutex, MutexGuard, Ordering};

/// Not ended; the other values are those of [`ContextError`].
const LIVE: u8 = 0;

/// How something ends.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) error: ContextError,
    /// `None`: the error is its own cause.
    pub(crate) cause: Option<Cause>,
}

/// Something that can be cancelled: what a context and its `Cancel` share.
#[derive(Debug)]
pub(crate) struct Node {
    /// [`LIVE`], or how it ended: what the state says, to be read without its lock. (Under
    /// the lock it is not read: loom's search would then overlook those who read it outside.)
    status: AtomicU8,
    /// The nearest one above that can be cancelled.
    parent: Weak<Node>,
    /// What to give as the cause if its own time runs out.
    late: Option<Cause>,
    /// Under this lock nothing foreign is called or dropped, and wakers are not cloned.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Where it stands in the parent's list.
    place: Option<Key>,
    /// How it ended.
    end: Option<End>,
    children: WaitQueue<Weak<Node>>,
    /// Those who wait for the end. Taken out as a whole by it; a place is void afterwards.
    waiters: WaitQueue<Waker>,
    /// What is to run at the end. Likewise.
    funcs: WaitQueue<Arc<Func>>,
    /// Calls when the time is over.
    timer: Option<Sleep>,
    /// Itself, while it has both a timer and a function.
    anchor: Option<Arc<Node>>,
}

impl Node {
    /// A node below this one; it has ended already if that one has.
    pub(crate) fn under(parent: Option<&Arc<Node>>, late: Option<Cause>) -> Arc<Node> {
        let node = Arc::new(Node {
            status: AtomicU8::new(LIVE),
            parent: parent.map_or_else(Weak::new, Arc::downgrade),
            late,
            state: Mutex::new(State {
                place: None,
                end: None,
                children: WaitQueue::new(),
                waiters: WaitQueue::new(),
                funcs: WaitQueue::new(),
                timer: None,
                anchor: None,
            }),
        });
        if let Some(parent) = parent {
            node.join(parent);
        }
        node
    }

    /// Takes its place in the parent's list, or ends as the parent has.
    fn join(self: &Arc<Self>, parent: &Arc<Node>) {
        let entry = Arc::downgrade(self);
        let mut above = parent.lock();
        if let Some(end) = above.end.clone() {
            drop(above);
            return self.end(&end);
        }
        let place = above.children.push_back(entry);
        drop(above);
        // The parent may have ended it since. Then the place is void, and harmless: nobody
        // joins that list any more.
        self.lock().place = Some(place);
    }

    /// How it has ended, if it has. No lock.
    #[inline]
    pub(crate) fn error(&self) -> Option<ContextError> {
        // ORDERING: Acquire pairs with the Release in `mark`: whoever sees the end sees what
        // was done before it was brought about, and `leave` may skip the lock.
        ContextError::from_u8(self.status.load(Ordering::Acquire))
    }

    #[inline]
    pub(crate) fn is_ended(&self) -> bool {
        self.error().is_some()
    }

    /// How it has ended, with the cause.
    pub(crate) fn how(&self) -> Option<End> {
        self.error()?;
        self.lock().end.clone()
    }

    /// What to give as the cause if its own time runs out.
    pub(crate) fn late(&self) -> Option<Cause> {
        self.late.clone()
    }

    /// Ends it and everything below it. When this returns all of that has ended, whoever
    /// was first.
    pub(crate) fn end(self: &Arc<Self>, end: &End) {
        let mut walk = Walk::default();
        let place = self.mark(end, &mut walk);
        let mut next = 0;
        while let Some(node) = walk.reached.get(next).map(Arc::clone) {
            node.mark(end, &mut walk);
            next += 1;
        }
        self.leave_parent(place);
        if next > 0 {
            self.forget_children();
            walk.reached.iter().for_each(|node| node.forget_children());
        }
        walk.pay();
    }

    /// Ends this one, unless it has ended, and notes its children. Gives its place in the
    /// parent's list.
    fn mark(&self, end: &End, walk: &mut Walk) -> Option<Key> {
        let mut state = self.lock();
        if state.end.is_none() {
            state.end = Some(end.clone());
            // ORDERING: Release pairs with the Acquire in `error`. Without it one who sees
            // the end without the lock might not see what led to it.
            self.status.store(end.error as u8, Ordering::Release);
            walk.take(&mut state);
        }
        for (_, child) in state.children.iter() {
            // Dropped by the walk, with no lock held: it may be the last reference.
            walk.reached.extend(child.upgrade());
        }
        state.place.take()
    }

    /// All below have ended: whoever ends this one again need not look.
    fn forget_children(&self) {
        let gone = std::mem::take(&mut self.lock().children);
        drop(gone);
    }

    fn leave_parent(&self, place: Option<Key>) {
        let Some(place) = place else { return };
        let Some(parent) = self.parent.upgrade() else {
            return;
        };
        let gone = parent.lock().children.remove(place);
        drop(gone);
    }

    /// Whether it has ended; if not, this waker is called when it does.
    pub(crate) fn poll(&self, place: &mut Option<Key>, waker: &Waker) -> bool {
        if self.is_ended() {
            *place = None;
            return true;
        }
        if self.stands(*place, waker) {
            return false;
        }
        let mut fresh = waker.clone();
        let mut state = self.lock();
        if state.end.is_some() {
            *place = None;
            return true;
        }
        match place.and_then(|key| state.waiters.get_mut(key)) {
            // The one that was there is dropped after the lock.
            Some(old) => std::mem::swap(old, &mut fresh),
            None => {
                *place = Some(state.waiters.push_back(fresh));
                return false;
            }
        }
        drop(state);
        drop(fresh);
        false
    }

    /// Whether this waker stands in this place already.
    fn stands(&self, place: Option<Key>, waker: &Waker) -> bool {
        let Some(key) = place else { return false };
        let state = self.lock();
        (state.waiters.get(key)).is_some_and(|old| old.will_wake(waker))
    }

    /// Stops waiting.
    pub(crate) fn leave(&self, place: &mut Option<Key>) {
        let Some(key) = place.take() else { return };
        if self.is_ended() {
            return;
        }
        let gone = self.lock().waiters.remove(key);
        drop(gone);
    }

    /// Has this function run at the end; `None` if it has ended.
    pub(crate) fn add_func(self: &Arc<Self>, func: Arc<Func>) -> Option<Key> {
        let mut state = self.lock();
        if state.end.is_some() {
            drop(state);
            // Here and not under the lock: it may be the last reference.
            drop(func);
            return None;
        }
        if state.timer.is_some() {
            state.anchor = Some(Arc::clone(self));
        }
        Some(state.funcs.push_back(func))
    }

    /// Does without that function.
    pub(crate) fn remove_func(&self, key: Key) {
        let mut state = self.lock();
        let gone = state.funcs.remove(key);
        let free = state.funcs.is_empty();
        let anchor = if free { state.anchor.take() } else { None };
        drop(state);
        drop((gone, anchor));
    }

    /// Keeps the timer that will end it; drops it if it has ended meanwhile.
    pub(crate) fn keep_timer(&self, timer: Sleep) {
        let mut state = self.lock();
        if state.end.is_none() {
            state.timer = Some(timer);
            return;
        }
        drop(state);
        drop(timer);
    }

    /// The nearest one above that can be cancelled, if anybody can see it.
    pub(crate) fn parent(&self) -> Option<Arc<Node>> {
        self.parent.upgrade()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under this lock but an allocation that fails, before it changes
        // anything.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let place = self.lock().place.take();
        self.leave_parent(place);
    }
}

/// What a walk has reached, and what it owes.
#[derive(Default)]
struct Walk {
    reached: Vec<Arc<Node>>,
    funcs: Vec<Arc<Func>>,
    wakers: WakeList,
}

impl Walk {
    /// Takes what is owed at the end of one node.
    fn take(&mut self, state: &mut State) {
        while let Some(waker) = state.waiters.pop_front() {
            self.wakers.push(waker);
        }
        while let Some(func) = state.funcs.pop_front() {
            self.funcs.push(func);
        }
        // Under the lock, and harmless: all it owns is a weak reference to this node. (The
        // anchor goes when the functions have been taken off their lists.)
        state.timer = None;
    }

    /// Starts the functions and calls the wakers, with no lock held.
    fn pay(self) {
        let mut panic = None;
        for func in self.funcs {
            // One that can't be started keeps nobody from being started or woken.
            let run = catch_unwind(AssertUnwindSafe(|| func.run()));
            panic = panic.or(run.err());
        }
        self.wakers.wake_all();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

#[cfg(test)]
impl Node {
    /// How many are in its list.
    pub(crate) fn children(&self) -> usize {
        self.lock().children.len()
    }

    /// How many wait for its end.
    pub(crate) fn waiters(&self) -> usize {
        self.lock().waiters.len()
    }

    /// Whether a timer will end it.
    pub(crate) fn has_timer(&self) -> bool {
        self.lock().timer.is_some()
    }

    /// How many functions are to run.
    pub(crate) fn funcs(&self) -> usize {
        self.lock().funcs.len()
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;
    use std::time::Duration;

    use crate::context::Context;
    use crate::tree::Node;

    fn node(ctx: &Context) -> &Arc<Node> {
        ctx.node().expect("it can be cancelled")
    }

    #[test]
    fn what_has_ended_or_is_gone_is_off_the_parents_list() {
        let (parent, cancel) = Context::background().with_cancel();
        let one = parent.with_cancel();
        let two = parent.with_timeout(Duration::from_secs(3600));
        let three = parent.with_value(7).with_cancel();
        assert_eq!(node(&parent).children(), 3);
        one.1.cancel();
        assert_eq!(node(&parent).children(), 2);
        drop(three);
        assert_eq!(node(&parent).children(), 1);
        let (free, _free) = parent.without_cancel().with_cancel();
        assert_eq!(node(&parent).children(), 1, "a free one was never on it");
        assert!(node(&two.0).has_timer());
        cancel.cancel();
        assert_eq!(node(&parent).children(), 0);
        assert!(!node(&two.0).has_timer());
        drop((one, two, free));
        let (_late, _cancel) = parent.with_cancel();
        assert_eq!(node(&parent).children(), 0, "born ended");
    }

    #[test]
    fn who_stops_waiting_is_off_the_line_and_the_end_clears_it() {
        let (ctx, cancel) = Context::background().with_cancel();
        let (mut one, mut two) = (None, None);
        assert!(!node(&ctx).poll(&mut one, Waker::noop()));
        assert!(!node(&ctx).poll(&mut two, Waker::noop()));
        assert_eq!(node(&ctx).waiters(), 2);
        node(&ctx).leave(&mut one);
        assert_eq!(node(&ctx).waiters(), 1);
        cancel.cancel();
        assert_eq!(node(&ctx).waiters(), 0);
        node(&ctx).leave(&mut two);
    }

    #[test]
    fn a_stopped_function_is_off_the_lists_of_all_ancestors() {
        let (top, cancel) = Context::background().with_cancel();
        let (middle, _middle) = top.with_cancel();
        let (bottom, _bottom) = middle.with_value(7).with_cancel();
        let (one, _two) = (bottom.after_func(|| ()), middle.after_func(|| ()));
        let funcs = || [&top, &middle, &bottom].map(|ctx| node(ctx).funcs());
        assert_eq!(funcs(), [2, 2, 1]);
        assert!(one.stop());
        assert_eq!(funcs(), [1, 1, 0]);
        cancel.cancel();
        assert_eq!(funcs(), [0, 0, 0]);
    }
}
