//! What is due later: nodes in slots, unsorted, until their time comes near.
//!
//! ```text
//!   horizon                 a slot of level 0 is 1 ms, of level 1 64 ms, of level 2 4 s, ...
//!      │
//!      ▼ 0 │ 1 │ 2 │ .. │ 63│
//!    ──────┼───┴───┴────┴───┼───────────────┬───────────────┬── .. ──
//!   heap   │    level 0     │  level 1 · 1  │  level 1 · 2  │
//! ```
//!
//! A heap of a million nodes costs a miss of the cache on each of its lower steps, for each node
//! that comes to its top. Here a node is written to the end of a slot, moved on with the
//! others of its slot, in the order of memory, once for each level, and comes into the heap when its
//! millisecond begins: a heap of those that are due next is small.
//!
//! A node's level is that of the highest digit (of six bits) in which its millisecond differs from
//! the horizon, and its slot is that digit. So the slots of a level are all earlier than those of
//! the next, no digit is smaller than the horizon's, and the first slot that is used is the first
//! bit of the first level that has one.
//!
//! Hierarchical timing wheels (Varghese and Lauck, 1987), as in tokio and the kernel; here the last step
//! is a heap, so that nothing is rounded, and slots hold nodes, which never have to be found: a
//! timer that was taken back leaves its node behind.

use crate::queue::Node;

/// A slot of level 0 is 2^20 ns, about a millisecond: a million timers a second make a heap of
/// 16 KiB.
const SHIFT: u32 = 20;
/// Bits of a digit: 64 slots in a level, and one word says which are used.
const DIGIT: u32 = 6;
const SLOTS: usize = 1 << DIGIT;
/// So many digits make all the time there is.
const LEVELS: usize = (u64::BITS - SHIFT).div_ceil(DIGIT) as usize;

/// Nodes that are not due before the horizon.
#[derive(Debug)]
pub(crate) struct Far {
    /// The first millisecond whose nodes are here.
    horizon: u64,
    levels: [Level; LEVELS],
    len: usize,
}

#[derive(Debug)]
struct Level {
    /// Which slots are not empty, a bit for each.
    used: u64,
    slots: [Vec<Node>; SLOTS],
}

impl Level {
    const EMPTY: Level = Level {
        used: 0,
        slots: [const { Vec::new() }; SLOTS],
    };
}

/// A slot: its level, its number, and the millisecond with which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    level: usize,
    slot: usize,
    start: u64,
}

impl Far {
    /// Empty, for what is due after the millisecond of this instant.
    pub(crate) fn after(now: u64) -> Box<Far> {
        Box::new(Far {
            horizon: (now >> SHIFT) + 1,
            levels: [Level::EMPTY; LEVELS],
            len: 0,
        })
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether a node that is due then has its place here.
    #[inline]
    pub(crate) fn takes(&self, at: u64) -> bool {
        at >> SHIFT >= self.horizon
    }

    /// Adds a node that has its place here.
    #[inline]
    pub(crate) fn push(&mut self, node: Node) {
        let Place { level, slot, .. } = self.place(node.at);
        let level = &mut self.levels[level];
        level.used |= 1 << slot;
        level.slots[slot].push(node);
        self.len += 1;
    }

    /// Takes a node out if it is the last one that came into its slot; `at`: when it is due.
    #[inline]
    pub(crate) fn pop_last(&mut self, own: Node) {
        if !self.takes(own.at) {
            return;
        }
        let Place { level, slot, .. } = self.place(own.at);
        let level = &mut self.levels[level];
        let nodes = &mut level.slots[slot];
        if nodes.last().is_some_and(|last| last.whose == own.whose) {
            nodes.pop();
            self.len -= 1;
            if nodes.is_empty() {
                level.used &= !(1 << slot);
            }
        }
    }

    /// Takes out all that may be due in the millisecond of this instant, or before.
    pub(crate) fn take_until(&mut self, now: u64, mut near: impl FnMut(Node)) {
        let end = (now >> SHIFT) + 1;
        while let Some(first) = self.first() {
            // (A slot of a higher level must not begin with the horizon: its nodes would stand
            // behind later ones of a lower level.)
            if first.start > end || first.level == 0 && first.start == end {
                break;
            }
            let nodes = self.take(first);
            if first.level == 0 {
                nodes.into_iter().for_each(&mut near);
            } else {
                self.horizon = first.start;
                nodes.into_iter().for_each(|node| self.push(node));
            }
        }
        self.horizon = self.horizon.max(end);
    }

    /// The nodes of the first slot, and when it begins in nanoseconds.
    pub(crate) fn first_slot(&self) -> Option<(&[Node], u64)> {
        let first = self.first()?;
        let nodes = &self.levels[first.level].slots[first.slot];
        Some((nodes, first.start << SHIFT))
    }

    /// Takes the nodes of the first slot out, to be put where they belong.
    pub(crate) fn take_first_slot(&mut self) -> Vec<Node> {
        self.first().map_or_else(Vec::new, |first| self.take(first))
    }

    /// Lets go of the nodes for which this is not true.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Node) -> bool) {
        for level in &mut self.levels {
            for (slot, nodes) in level.slots.iter_mut().enumerate() {
                let before = nodes.len();
                nodes.retain(&mut keep);
                self.len -= before - nodes.len();
                if nodes.is_empty() {
                    level.used &= !(1 << slot);
                }
            }
        }
    }

    fn take(&mut self, place: Place) -> Vec<Node> {
        let level = &mut self.levels[place.level];
        level.used &= !(1 << place.slot);
        let nodes = std::mem::take(&mut level.slots[place.slot]);
        self.len -= nodes.len();
        nodes
    }

    /// Where a node belongs that is due then.
    #[inline]
    fn place(&self, at: u64) -> Place {
        let at = at >> SHIFT;
        let differs = at ^ self.horizon;
        let level = (differs | 1).ilog2() / DIGIT;
        let start = at >> (level * DIGIT);
        Place {
            level: level as usize,
            slot: start as usize % SLOTS,
            start: start << (level * DIGIT),
        }
    }

    fn first(&self) -> Option<Place> {
        let level = self.levels.iter().position(|level| level.used != 0)?;
        let slot = self.levels[level].used.trailing_zeros();
        let below = u32::try_from(level).expect("a few levels") * DIGIT;
        // (Two shifts: all digits of the highest level may lie below it.)
        let above = self.horizon >> below >> DIGIT << DIGIT;
        Some(Place {
            level,
            slot: slot as usize,
            start: (above | u64::from(slot)) << below,
        })
    }
}

#[cfg(test)]
mod tests {
    use marmot_testing::Rng;

    use super::{Far, SHIFT};
    use crate::queue::Node;

    const MS: u64 = 1 << SHIFT;

    fn node(at: u64) -> Node {
        Node::new(at, 0, 0)
    }

    /// Everything that comes out, step by step; nothing early by a millisecond, nothing late.
    fn drain(far: &mut Far, mut now: u64, step: impl Fn(&Far, u64) -> u64) -> Vec<u64> {
        let mut all = Vec::new();
        while far.len() > 0 {
            let mut came = Vec::new();
            far.take_until(now, |node| came.push(node.at));
            for &at in &came {
                assert!(at >> SHIFT <= now >> SHIFT, "{at} at {now}");
            }
            assert!(far.first_slot().is_none_or(|(_, start)| start > now));
            came.sort_unstable();
            all.extend(came);
            now = step(far, now);
        }
        all
    }

    #[test]
    fn all_come_out_in_their_millisecond_whatever_the_steps() {
        for seed in 1..=30 {
            let mut rng = Rng::seeded(seed);
            let now = rng.below(1 << 40) as u64;
            let mut far = Far::after(now);
            let mut expected = Vec::new();
            for _ in 0..500 {
                let bits = rng.below(44) + 1;
                let at = now + MS + rng.below(1 << bits) as u64;
                far.push(node(at));
                expected.push(at);
            }
            expected.sort_unstable();
            // To the beginning of the first slot each time: never is a slot passed by.
            let came = drain(&mut far, now, |far, now| {
                far.first_slot().map_or(now, |(_, start)| start)
            });
            assert_eq!(came, expected, "seed {seed}");
        }
    }

    #[test]
    fn a_step_over_many_slots_takes_all_of_them() {
        let mut far = Far::after(0);
        for ms in 1..10_000 {
            far.push(node(ms * MS));
        }
        let mut came = 0;
        far.take_until(5_000 * MS, |_| came += 1);
        assert_eq!((came, far.len()), (5_000, 4_999));
        for ms in 5_001..6_000 {
            far.push(node(ms * MS));
        }
        far.take_until(u64::MAX, |_| came += 1);
        assert_eq!((came, far.len()), (10_998, 0));
    }

    #[test]
    fn new_ones_beside_old_ones_of_a_higher_level_come_in_order() {
        for start in [64, 128, 4096] {
            let mut far = Far::after(0);
            // One that waits in a higher level, one past the start of its slot.
            far.push(node((start + 1) * MS));
            far.take_until((start - 1) * MS, |_| panic!("early"));
            far.push(node((start + 3) * MS));
            let mut came = Vec::new();
            far.take_until((start + 2) * MS, |node| came.push(node.at / MS));
            assert_eq!(came, [start + 1]);
            far.take_until((start + 3) * MS, |node| came.push(node.at / MS));
            assert_eq!(came, [start + 1, start + 3]);
        }
    }

    #[test]
    fn one_whose_clock_is_behind_takes_nothing_and_changes_nothing() {
        let mut far = Far::after(0);
        far.take_until(100 * MS, |_| panic!("nothing is there"));
        assert!(!far.takes(100 * MS));
        far.take_until(50 * MS, |_| panic!("nothing is there"));
        assert!(!far.takes(100 * MS), "it has its place in the heap");
        far.push(node(101 * MS));
        far.take_until(60 * MS, |_| panic!("early"));
        let mut came = 0;
        far.take_until(101 * MS, |_| came += 1);
        assert_eq!((came, far.len()), (1, 0));
    }

    #[test]
    fn the_end_of_time_has_a_slot() {
        let mut far = Far::after(0);
        far.push(node(u64::MAX));
        assert_eq!(far.first_slot().map(|(nodes, _)| nodes.len()), Some(1));
        far.take_until(u64::MAX - MS, |_| panic!("early"));
        let mut came = 0;
        far.take_until(u64::MAX, |_| came += 1);
        assert_eq!((came, far.len()), (1, 0));
    }

    #[test]
    fn only_the_last_one_of_a_slot_is_taken_back() {
        let mut far = Far::after(0);
        let (a, b) = (Node::new(70 * MS, 1, 1), Node::new(71 * MS, 2, 2));
        far.push(a);
        far.push(b);
        far.pop_last(a);
        assert_eq!(far.len(), 2);
        far.pop_last(b);
        far.pop_last(a);
        assert_eq!(far.len(), 0);
        assert!(far.first_slot().is_none());
    }
}
