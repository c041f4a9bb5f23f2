//! What is due when: deadlines with something to hand out at each, and no clock.
//!
//! ```text
//!   heap    [ 12 · a | 30 · b | 14 · ✝ | 90 · c ]     16 bytes a node, earliest first
//!              │        │                 │
//!   slab       a: 12    b: 55             c: 90       the truth: deadline, value
//! ```
//!
//! A heap with four children a node, whose nodes say only *look at this entry then*. What
//! counts stands in the entry. So the two things that programs do most cost O(1): a timer
//! that is taken back leaves its node behind, dead (✝), and one that is put off (b) leaves it
//! where it is, to be pushed down when its turn comes. A node never has to be found, hence
//! entries need not know their place in the heap, and moving a node touches nothing else.
//!
//! When there are more than [`SPILL`] nodes the heap is for those that are due within a
//! millisecond, and the others wait unsorted until then (`far.rs`): then all of it costs O(1), and
//! a heap that the cache holds.
//!
//! Bounded: each entry has exactly one node that is its own, so the dead are the nodes that
//! outnumber the entries; when they are more than half, the heap is built anew without them.
//! A timer that is taken back while its node is still the last one takes it along.
//!
//! Takes *now* as an argument: a test of a year takes a millisecond. Go: `timers` in
//! `runtime/time.go`, from which the four children and the lazy deletion come.

use std::ops::Range;

use slab::Slab;

use crate::far::Far;

/// So many nodes fit the heap; with more of them, only those that are due next. 16 KiB.
const SPILL: usize = 1024;
/// The children of a node. Four of them fill one cache line; Go's heap has as many.
const CHILDREN: usize = 4;
/// Dead nodes that are never worth a rebuild; and an empty queue gives its memory back when
/// it once held more than this.
const KEEP: usize = 64;

/// So many timers at once are a crowd of which the number does not matter.
pub(crate) const MANY: usize = 16;
/// At so many nodes at most one looks to find out.
const LOOKS: usize = 64;

/// How many timers are due by some instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowd {
    /// So many, and the last of their deadlines (0 if there is none).
    Few { count: usize, last: u64 },
    /// [`MANY`] at least.
    Many,
}

/// What was found of those that are due by some instant.
struct Found {
    limit: u64,
    count: usize,
    last: u64,
}

impl Found {
    fn add(&mut self, deadline: Option<u64>) {
        if let Some(deadline) = deadline.filter(|&deadline| deadline <= self.limit) {
            self.count += 1;
            self.last = self.last.max(deadline);
        }
    }

    fn crowd(&self) -> Crowd {
        let Found { count, last, .. } = *self;
        if count < MANY {
            Crowd::Few { count, last }
        } else {
            Crowd::Many
        }
    }
}

/// A place in a [`TimerQueue`]. Never valid again once the entry is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Which entry of the slab.
    pub(crate) index: u32,
    /// Which of all that ever stood there.
    pub(crate) id: u64,
}

#[derive(Debug)]
struct Entry<T> {
    deadline: u64,
    id: u64,
    /// Which node is this entry's own.
    stamp: u32,
    value: T,
}

/// Two words, so that it travels in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// Not later than the deadline of the entry.
    pub(crate) at: u64,
    /// The entry's index, and whether it is this entry's own: index and stamp.
    pub(crate) whose: u64,
}

impl Node {
    #[inline]
    pub(crate) fn new(at: u64, index: u32, stamp: u32) -> Node {
        Node {
            at,
            whose: u64::from(index) << 32 | u64::from(stamp),
        }
    }

    #[inline]
    fn index(self) -> usize {
        (self.whose >> 32) as usize
    }

    #[inline]
    fn stamp(self) -> u32 {
        stamp_of(self.whose)
    }
}

/// Deadlines, and a value to be handed out at each.
#[derive(Debug)]
pub(crate) struct TimerQueue<T> {
    heap: Vec<Node>,
    /// The nodes that are due later, if there are many.
    far: Option<Box<Far>>,
    /// The latest *now* that was seen.
    now: u64,
    entries: Slab<Entry<T>>,
    /// The next identity: counts entries and moved nodes. 2^64 do not run out.
    next: u64,
}

impl<T> TimerQueue<T> {
    pub(crate) const fn new() -> TimerQueue<T> {
        TimerQueue {
            heap: Vec::new(),
            far: None,
            now: 0,
            entries: Slab::new(),
            next: 0,
        }
    }

    /// How many are waited for.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How much memory is held, in nodes.
    #[inline]
    fn nodes(&self) -> usize {
        self.heap.len() + self.far.as_ref().map_or(0, |far| far.len())
    }

    /// Adds a deadline. O(1) if it is later than most, or than a millisecond from now; else
    /// O(log n) in those that are due within that.
    #[inline]
    pub(crate) fn insert(&mut self, deadline: u64, value: T) -> Key {
        let id = self.fresh();
        let stamp = stamp_of(id);
        let index = self.entries.insert(Entry {
            deadline,
            id,
            stamp,
            value,
        });
        let index = u32::try_from(index).expect("fewer than 2^32 timers");
        self.push(Node::new(deadline, index, stamp));
        Key { index, id }
    }

    /// What stands under this key; `None` once it was handed out or removed.
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        Some(&self.entry(key)?.value)
    }

    /// What stands under this key, to be changed.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        Some(&mut self.entry_mut(key)?.value)
    }

    /// Gives an entry another deadline; says whether it still was there.
    ///
    /// O(1) if the new deadline is later, O(log n) if it is earlier.
    pub(crate) fn reset(&mut self, key: Key, deadline: u64) -> bool {
        let stamp = stamp_of(self.next);
        let Some(entry) = self.entry_mut(key) else {
            return false;
        };
        let earlier = deadline < entry.deadline;
        entry.deadline = deadline;
        if earlier {
            entry.stamp = stamp;
            self.fresh();
            self.push(Node::new(deadline, key.index, stamp));
            self.bound();
        }
        true
    }

    /// Takes an entry out before its time, with its deadline. O(1), amortized.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> Option<(u64, T)> {
        let entry = self.entry(key)?;
        let own = Node::new(entry.deadline, key.index, entry.stamp);
        let entry = self.entries.remove(key.index as usize);
        if self.heap.last().is_some_and(|last| last.whose == own.whose) {
            self.heap.pop();
        } else if let Some(far) = &mut self.far {
            far.pop_last(own);
        }
        self.bound();
        Some((entry.deadline, entry.value))
    }

    /// Takes out the earliest entry if its time has come.
    ///
    /// Entries of one instant come in no particular order.
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<T> {
        self.draw_near(now);
        if self.next_near()? > now {
            return None;
        }
        let node = self.pop();
        let entry = self.entries.remove(node.index());
        self.bound();
        Some(entry.value)
    }

    /// The earliest deadline; or, of a crowd that is not due within a millisecond, when that
    /// begins. O(1), after the dead nodes at the top are gone.
    pub(crate) fn next_deadline(&mut self) -> Option<u64> {
        loop {
            if let Some(deadline) = self.next_near() {
                return Some(deadline);
            }
            let (nodes, start) = self.far.as_ref()?.first_slot()?;
            if nodes.len() > LOOKS {
                return Some(start);
            }
            let settled = |node: &Node| self.deadline_of(*node) == Some(node.at);
            if nodes.iter().all(settled) {
                return nodes.iter().map(|node| node.at).min();
            }
            self.settle_first_slot();
        }
    }

    /// The dead of the first slot go, and those that were put off go where they belong now.
    fn settle_first_slot(&mut self) {
        let nodes = self.far.as_mut().map(|far| far.take_first_slot());
        for node in nodes.unwrap_or_default() {
            if let Some(at) = self.deadline_of(node) {
                self.push(Node { at, ..node });
            }
        }
    }

    /// The earliest deadline in the heap.
    fn next_near(&mut self) -> Option<u64> {
        loop {
            let node = *self.heap.first()?;
            match self.deadline_of(node) {
                None => {
                    self.pop();
                }
                Some(at) if at > node.at => {
                    self.pop();
                    self.push(Node { at, ..node });
                }
                Some(deadline) => return Some(deadline),
            }
        }
    }

    /// Into the heap with what may be due.
    #[inline]
    fn draw_near(&mut self, now: u64) {
        self.now = self.now.max(now);
        if self.far.as_ref().is_some_and(|far| far.takes(now)) {
            self.draw_from_far(now);
        }
    }

    #[cold]
    fn draw_from_far(&mut self, now: u64) {
        let Some(mut far) = self.far.take() else {
            return;
        };
        far.take_until(now, |node| {
            // Looking at all the entries one after the other lets the CPU fetch many at a time; each
            // by itself, when its time has come, would be a miss of the cache.
            if self.deadline_of(node).is_some() {
                self.push_near(node);
            }
        });
        self.far = Some(far);
    }

    /// The heap has become large: those that are due later wait elsewhere from now on.
    #[cold]
    fn spill(&mut self) {
        let mut far = Far::after(self.now);
        self.heap.retain(|&node| {
            let stays = !far.takes(node.at);
            if !stays {
                far.push(node);
            }
            stays
        });
        self.far = Some(far);
        self.heapify();
    }

    /// How many are due by this instant. O(1): it looks at the first few nodes, and counts none
    /// too many.
    pub(crate) fn crowd(&self, limit: u64) -> Crowd {
        let mut found = Found {
            limit,
            count: 0,
            last: 0,
        };
        // The nodes of the heap that are due by then hang together at the top: breadth first.
        let mut tops = [0_usize; LOOKS];
        let mut end = usize::from(self.heap.first().is_some_and(|node| node.at <= limit));
        let mut looked = 0;
        while looked < end && found.count < MANY {
            let at = tops[looked];
            looked += 1;
            found.add(self.deadline_of(self.heap[at]));
            for child in self.children(at) {
                if end < LOOKS && self.heap[child].at <= limit {
                    tops[end] = child;
                    end += 1;
                }
            }
        }
        let far = self.far.as_ref().and_then(|far| far.first_slot());
        let (nodes, _) = far.filter(|&(_, start)| start <= limit).unwrap_or_default();
        for &node in nodes.iter().take(LOOKS) {
            found.add(self.deadline_of(node));
        }
        found.crowd()
    }

    #[inline]
    fn fresh(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        id
    }

    #[inline]
    fn entry(&self, key: Key) -> Option<&Entry<T>> {
        self.entries
            .get(key.index as usize)
            .filter(|entry| entry.id == key.id)
    }

    fn entry_mut(&mut self, key: Key) -> Option<&mut Entry<T>> {
        self.entries
            .get_mut(key.index as usize)
            .filter(|entry| entry.id == key.id)
    }

    /// The deadline of the entry whose own node this is; `None` for a dead node.
    ///
    /// A dead node may be taken for a live one if its entry's place has been used 2^32 times
    /// since. That does no harm: what counts is the entry's deadline, and of two nodes with
    /// one stamp the second is dead as soon as the first has been served.
    fn deadline_of(&self, node: Node) -> Option<u64> {
        self.entries
            .get(node.index())
            .filter(|entry| entry.stamp == node.stamp())
            .map(|entry| entry.deadline)
    }

    /// Keeps the dead below half, and an empty queue small.
    #[inline]
    fn bound(&mut self) {
        if self.nodes() > 2 * self.entries.len() + KEEP {
            self.rebuild();
        }
        self.give_back();
    }

    #[inline]
    fn give_back(&mut self) {
        if self.entries.is_empty() && self.entries.capacity() > KEEP {
            self.entries = Slab::new();
            self.heap = Vec::new();
            self.far = None;
        }
    }

    /// Builds the heap anew from the living. O(n), paid for by n removals.
    #[cold]
    fn rebuild(&mut self) {
        // (One that was put off keeps its node where it is: its time may be that of the others.)
        let mut heap = std::mem::take(&mut self.heap);
        heap.retain(|&node| self.deadline_of(node).is_some());
        self.heap = heap;
        self.heapify();
        if let Some(mut far) = self.far.take() {
            far.retain(|&node| self.deadline_of(node).is_some());
            self.far = Some(far);
        }
    }

    fn heapify(&mut self) {
        for at in (0..self.heap.len().div_ceil(CHILDREN)).rev() {
            self.sift_down(at);
        }
    }

    #[inline]
    fn push(&mut self, node: Node) {
        match &mut self.far {
            Some(far) if far.takes(node.at) => far.push(node),
            Some(_) => self.push_near(node),
            None => {
                self.push_near(node);
                if self.heap.len() > SPILL {
                    self.spill();
                }
            }
        }
    }

    #[inline]
    fn push_near(&mut self, node: Node) {
        self.heap.push(node);
        self.sift_up(self.heap.len() - 1);
    }

    /// Takes the top out of a heap that is not empty.
    fn pop(&mut self) -> Node {
        let top = self.heap.swap_remove(0);
        if !self.heap.is_empty() {
            self.sift_down(0);
        }
        top
    }

    #[inline]
    fn sift_up(&mut self, mut at: usize) {
        let node = self.heap[at];
        while at > 0 {
            let parent = (at - 1) / CHILDREN;
            if self.heap[parent].at <= node.at {
                break;
            }
            self.heap[at] = self.heap[parent];
            at = parent;
        }
        self.heap[at] = node;
    }

    fn sift_down(&mut self, mut at: usize) {
        let node = self.heap[at];
        while let Some(child) = self.least_child(at) {
            if self.heap[child].at >= node.at {
                break;
            }
            self.heap[at] = self.heap[child];
            at = child;
        }
        self.heap[at] = node;
    }

    fn least_child(&self, at: usize) -> Option<usize> {
        self.children(at).min_by_key(|&child| self.heap[child].at)
    }

    fn children(&self, at: usize) -> Range<usize> {
        let first = at * CHILDREN + 1;
        first..self.heap.len().min(first + CHILDREN)
    }
}

/// The part of an identity that a node has room for.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a stamp is the low half; what a repetition means stands at `deadline_of`"
)]
fn stamp_of(id: u64) -> u32 {
    id as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use marmot_testing::Rng;

    use super::{KEEP, Key, LOOKS, SPILL, TimerQueue};

    /// How many nodes there are.
    fn held<T>(queue: &TimerQueue<T>) -> usize {
        let far = queue.far.as_ref().map_or(0, |far| far.len());
        queue.heap.len() + far
    }

    /// The same queue, written so that one sees at once that it is right.
    #[derive(Default)]
    struct Model {
        by_name: BTreeMap<u32, (u64, Key)>,
    }

    impl Model {
        fn earliest(&self) -> Option<u64> {
            self.by_name.values().map(|&(deadline, _)| deadline).min()
        }
    }

    struct Pair {
        queue: TimerQueue<u32>,
        model: Model,
        gone: Vec<Key>,
        names: u32,
        now: u64,
        /// Deadlines lie so many bits ahead.
        ahead: usize,
        /// And time passes by so many bits less at once.
        slower: usize,
        rng: Rng,
    }

    impl Pair {
        fn new(seed: u64, ahead: usize, slower: usize) -> Pair {
            Pair {
                queue: TimerQueue::new(),
                model: Model::default(),
                gone: Vec::new(),
                names: 0,
                now: 0,
                ahead,
                slower,
                rng: Rng::seeded(seed),
            }
        }

        /// Near or far, each scale as often as any other.
        fn deadline(&mut self) -> u64 {
            let bits = self.rng.below(self.ahead) + 1;
            self.now + self.rng.below(1 << bits) as u64
        }

        fn any(&mut self) -> Option<u32> {
            let n = self.model.by_name.len();
            let chosen = self.rng.below(n.max(1));
            self.model.by_name.keys().nth(chosen).copied()
        }

        fn insert(&mut self) {
            let deadline = self.deadline();
            let key = self.queue.insert(deadline, self.names);
            self.model.by_name.insert(self.names, (deadline, key));
            self.names += 1;
        }

        fn remove(&mut self) {
            let Some(name) = self.any() else { return };
            let (deadline, key) = self.model.by_name.remove(&name).expect("chosen");
            assert_eq!(self.queue.remove(key), Some((deadline, name)));
            self.gone.push(key);
        }

        fn reset(&mut self) {
            let Some(name) = self.any() else { return };
            let to = self.deadline();
            let (deadline, key) = self.model.by_name.get_mut(&name).expect("chosen");
            *deadline = to;
            assert!(self.queue.reset(*key, to));
        }

        fn advance(&mut self) {
            let bits = self.rng.below(self.ahead - self.slower) + 1;
            self.now += self.rng.below(1 << bits) as u64;
            self.serve();
        }

        fn serve(&mut self) {
            while let Some(name) = self.queue.pop_due(self.now) {
                let (deadline, key) = self.model.by_name.remove(&name).expect("still there");
                assert!(deadline <= self.now, "handed out early");
                self.gone.push(key);
            }
            assert!(self.model.earliest().is_none_or(|at| at > self.now));
        }

        fn touch_the_gone(&mut self) {
            for key in self.gone.drain(..) {
                assert_eq!(self.queue.get(key), None);
                assert!(!self.queue.reset(key, 0));
                assert_eq!(self.queue.remove(key), None);
            }
        }

        fn step(&mut self) {
            match self.rng.below(10) {
                0..4 => self.insert(),
                4..6 => self.remove(),
                6..8 => self.reset(),
                8 => self.touch_the_gone(),
                _ => self.advance(),
            }
            let living = self.model.by_name.len();
            assert_eq!(self.queue.len(), living);
            assert!(held(&self.queue) <= 2 * living + KEEP + 1);
            if self.rng.below(4) == 0 {
                let (next, earliest) = (self.queue.next_deadline(), self.model.earliest());
                match living {
                    0..SPILL => assert_eq!(next, earliest),
                    // The beginning of a crowd.
                    _ => assert!(next.is_some() && next <= earliest),
                }
            }
        }

        /// Sleeps until the next deadline and serves it, as often as there are any.
        fn sleep_through(&mut self) -> usize {
            self.serve();
            let mut sleeps = 0;
            while let Some(next) = self.queue.next_deadline() {
                assert!(next > self.now, "what was due has been served");
                self.now = next;
                self.serve();
                sleeps += 1;
            }
            sleeps
        }
    }

    #[test]
    fn the_queue_does_what_the_obvious_model_does() {
        for seed in 1..=40 {
            let mut pair = Pair::new(seed, 10, 3);
            for _ in 0..2000 {
                pair.step();
            }
            pair.now = u64::MAX - 2000;
            pair.advance();
            assert_eq!(pair.queue.len(), 0, "seed {seed}");
        }
    }

    #[test]
    fn a_large_queue_does_what_the_obvious_model_does() {
        for seed in 1..=8 {
            let mut pair = Pair::new(seed, 45, 9);
            while pair.model.by_name.len() < 3 * SPILL {
                pair.insert();
            }
            for _ in 0..1000 {
                pair.step();
            }
            assert!(pair.queue.far.is_some(), "seed {seed}");
            let left = pair.model.by_name.len();
            let sleeps = pair.sleep_through();
            assert_eq!(pair.queue.len(), 0, "seed {seed}");
            // One for each deadline, but for those that a crowd's beginning adds.
            assert!(sleeps <= left + left / LOOKS + 64, "{sleeps} for {left}");
        }
    }

    #[test]
    fn a_few_that_stay_and_many_that_come_and_go_stay_bounded() {
        let mut queue = TimerQueue::new();
        let stay: Vec<_> = (0..2000).map(|n| queue.insert((n + 1) << 30, 0)).collect();
        for n in 0..200_000_u64 {
            let key = queue.insert((n % 977 + 1) << 28, 1);
            if n % 3 == 0 {
                assert!(queue.reset(key, (n % 31 + 1) << 27));
            }
            assert!(queue.remove(key).is_some());
            assert!(held(&queue) <= 2 * 2001 + KEEP + 1);
        }
        for key in stay {
            assert!(queue.remove(key).is_some());
        }
        assert_eq!((held(&queue), queue.next_deadline()), (0, None));
        assert!(queue.far.is_none(), "the memory is given back");
    }

    #[test]
    fn a_crowd_is_handed_out_in_the_order_of_its_deadlines() {
        let mut queue = TimerQueue::new();
        let mut rng = Rng::seeded(7);
        for _ in 0..10_000 {
            let at = rng.below(1 << 40) as u64;
            queue.insert(at, at);
        }
        let mut last = 0;
        while let Some(at) = queue.pop_due(u64::MAX) {
            assert!(at >= last);
            last = at;
        }
        assert_eq!(queue.entries.capacity(), 0, "the memory is given back");
        assert_eq!(queue.heap.capacity(), 0);
    }

    #[test]
    fn timers_taken_back_leave_a_bounded_number_of_nodes() {
        let mut queue = TimerQueue::new();
        let first = queue.insert(1, 0);
        for n in 0..100_000_u64 {
            let far = queue.insert(1000 + n, 1);
            let near = queue.insert(500, 2);
            assert!(queue.remove(far).is_some());
            assert!(queue.remove(near).is_some());
            assert!(held(&queue) <= 2 + KEEP + 2);
        }
        assert_eq!(queue.remove(first), Some((1, 0)));
        assert_eq!(queue.next_deadline(), None);
    }

    #[test]
    fn the_last_timer_taken_back_at_once_takes_its_node_along() {
        let mut queue = TimerQueue::new();
        for stay in [0, 10, 2 * SPILL as u64] {
            while (queue.len() as u64) < stay {
                queue.insert(1 << 40, 0);
            }
            let nodes = held(&queue);
            for at in [1 << 41, 1 << 50, u64::MAX] {
                let key = queue.insert(at, 1);
                assert_eq!(queue.remove(key), Some((at, 1)));
                assert_eq!(held(&queue), nodes, "{at} beside {stay}");
            }
        }
    }

    #[test]
    fn a_timer_put_off_again_and_again_stays_one_node() {
        let mut queue = TimerQueue::new();
        let key = queue.insert(10, ());
        for at in 11..10_000 {
            assert!(queue.reset(key, at));
        }
        assert_eq!(held(&queue), 1);
        assert_eq!(queue.pop_due(9_998), None);
        assert_eq!(queue.pop_due(9_999), Some(()));
    }

    #[test]
    fn a_timer_brought_forward_and_back_stays_bounded() {
        let mut queue = TimerQueue::new();
        let key = queue.insert(1_000_000, ());
        for at in (0..100_000).rev() {
            queue.reset(key, at);
            queue.reset(key, 1_000_000);
            assert!(held(&queue) <= 2 + KEEP);
        }
        assert_eq!(queue.next_deadline(), Some(1_000_000));
    }

    #[test]
    fn the_ends_of_time_are_deadlines_like_others() {
        let mut queue = TimerQueue::new();
        queue.insert(u64::MAX, "end");
        queue.insert(0, "start");
        assert_eq!(queue.pop_due(0), Some("start"));
        assert_eq!(queue.pop_due(u64::MAX - 1), None);
        assert_eq!(queue.pop_due(u64::MAX), Some("end"));
    }
}
