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
//! Bounded: each entry has exactly one node that is its own, so the dead are the nodes that
//! outnumber the entries; when they are more than half, the heap is built anew without them.
//! A timer that is taken back while its node is still the last one takes it along.
//!
//! Takes *now* as an argument: a test of a year takes a millisecond. Go: `timers` in
//! `runtime/time.go`, from which the four children and the lazy deletion come.

use std::ops::Range;

use slab::Slab;

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
struct Node {
    /// Not later than the deadline of the entry.
    at: u64,
    /// The entry's index, and whether it is this entry's own: index and stamp.
    whose: u64,
}

impl Node {
    #[inline]
    fn new(at: u64, index: u32, stamp: u32) -> Node {
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
    entries: Slab<Entry<T>>,
    /// The next identity: counts entries and moved nodes. 2^64 do not run out.
    next: u64,
}

impl<T> TimerQueue<T> {
    pub(crate) const fn new() -> TimerQueue<T> {
        TimerQueue {
            heap: Vec::new(),
            entries: Slab::new(),
            next: 0,
        }
    }

    /// How many are waited for.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How much memory is held, in nodes.
    #[cfg(test)]
    fn nodes(&self) -> usize {
        self.heap.len()
    }

    /// Adds a deadline. O(log n), and O(1) if it is later than most.
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
        let own = Node::new(0, key.index, self.entry(key)?.stamp);
        let entry = self.entries.remove(key.index as usize);
        if self.heap.last().is_some_and(|last| last.whose == own.whose) {
            self.heap.pop();
        }
        self.bound();
        Some((entry.deadline, entry.value))
    }

    /// Takes out the earliest entry if its time has come.
    ///
    /// Entries of one instant come in no particular order.
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<T> {
        if self.next_deadline()? > now {
            return None;
        }
        let node = self.pop();
        let entry = self.entries.remove(node.index());
        self.bound();
        Some(entry.value)
    }

    /// The earliest deadline. O(1), after the dead nodes at the top are gone.
    pub(crate) fn next_deadline(&mut self) -> Option<u64> {
        loop {
            let node = *self.heap.first()?;
            match self.deadline_of(node) {
                None => {
                    self.pop();
                }
                Some(deadline) if deadline > node.at => {
                    self.heap[0].at = deadline;
                    self.sift_down(0);
                }
                Some(deadline) => return Some(deadline),
            }
        }
    }

    /// How many are due by this instant. O(1): it looks at the first few nodes, and counts
    /// none too many.
    pub(crate) fn crowd(&self, limit: u64) -> Crowd {
        let (mut count, mut last) = (0, 0);
        // The nodes that are due by then hang together at the top: breadth first.
        let mut found = [0_usize; LOOKS];
        let mut end = usize::from(self.heap.first().is_some_and(|node| node.at <= limit));
        let mut looked = 0;
        while looked < end {
            let at = found[looked];
            looked += 1;
            match self.deadline_of(self.heap[at]) {
                Some(deadline) if deadline <= limit => {
                    count += 1;
                    last = last.max(deadline);
                }
                _ => {}
            }
            if count == MANY {
                return Crowd::Many;
            }
            for child in self.children(at) {
                if end < LOOKS && self.heap[child].at <= limit {
                    found[end] = child;
                    end += 1;
                }
            }
        }
        Crowd::Few { count, last }
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
        if self.heap.len() > 2 * self.entries.len() + KEEP {
            self.rebuild();
        }
        self.give_back();
    }

    #[inline]
    fn give_back(&mut self) {
        if self.entries.is_empty() && self.entries.capacity() > KEEP {
            self.entries = Slab::new();
            self.heap = Vec::new();
        }
    }

    /// Builds the heap anew from the living. O(n), paid for by n removals.
    #[cold]
    fn rebuild(&mut self) {
        let mut heap = std::mem::take(&mut self.heap);
        heap.retain_mut(|node| match self.deadline_of(*node) {
            Some(deadline) => {
                node.at = deadline;
                true
            }
            None => false,
        });
        self.heap = heap;
        for at in (0..self.heap.len().div_ceil(CHILDREN)).rev() {
            self.sift_down(at);
        }
    }

    #[inline]
    fn push(&mut self, node: Node) {
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

    use super::{KEEP, Key, TimerQueue};

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
        rng: Rng,
    }

    impl Pair {
        fn new(seed: u64) -> Pair {
            Pair {
                queue: TimerQueue::new(),
                model: Model::default(),
                gone: Vec::new(),
                names: 0,
                now: 0,
                rng: Rng::seeded(seed),
            }
        }

        fn any(&mut self) -> Option<u32> {
            let n = self.model.by_name.len();
            let chosen = self.rng.below(n.max(1));
            self.model.by_name.keys().nth(chosen).copied()
        }

        fn insert(&mut self) {
            let deadline = self.now + self.rng.below(1000) as u64;
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
            let to = self.now + self.rng.below(1000) as u64;
            let (deadline, key) = self.model.by_name.get_mut(&name).expect("chosen");
            *deadline = to;
            assert!(self.queue.reset(*key, to));
        }

        fn advance(&mut self) {
            self.now += self.rng.below(100) as u64;
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
            assert!(self.queue.nodes() <= 2 * living + KEEP + 1);
            if self.rng.below(4) == 0 {
                assert_eq!(self.queue.next_deadline(), self.model.earliest());
            }
        }
    }

    #[test]
    fn the_queue_does_what_the_obvious_model_does() {
        for seed in 1..=40 {
            let mut pair = Pair::new(seed);
            for _ in 0..2000 {
                pair.step();
            }
            pair.now = u64::MAX - 2000;
            pair.advance();
            assert_eq!(pair.queue.len(), 0, "seed {seed}");
        }
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
            assert!(queue.nodes() <= 2 + KEEP + 2);
        }
        assert_eq!(queue.remove(first), Some((1, 0)));
        assert_eq!(queue.next_deadline(), None);
    }

    #[test]
    fn a_timer_put_off_again_and_again_stays_one_node() {
        let mut queue = TimerQueue::new();
        let key = queue.insert(10, ());
        for at in 11..10_000 {
            assert!(queue.reset(key, at));
        }
        assert_eq!(queue.nodes(), 1);
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
            assert!(queue.nodes() <= 2 + KEEP);
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
