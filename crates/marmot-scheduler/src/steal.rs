//! Whom to steal from, in which order, how often.

use marmot_wait::clock;

use crate::driver::is_due;
use crate::events;
use crate::machine::Machine;
use crate::metrics::add;
use crate::processor::Held;
use crate::task::header::TaskRef;

/// So many looks at everybody before giving up, as Go. More, or timed spinning, lost in the
/// prototype.
const SWEEPS: usize = 4;

/// Every number below `count` once, from a random one on, in steps that share no factor with
/// `count`. Go: `randomOrder`.
pub(crate) fn order(count: usize, random: u32) -> impl Iterator<Item = usize> {
    let random = random as usize;
    let start = random.checked_rem(count).unwrap_or(0);
    let mut step = random.checked_div(count).map_or(1, |rest| rest % count + 1);
    while count > 0 && gcd(step, count) != 1 {
        step += 1;
    }
    (0..count).map(move |turn| (start + turn * step) % count)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Machine {
    /// Half of somebody's queue, and one of it to run now; on the way the timers of those who
    /// are stuck.
    pub(crate) fn steal(&self, p: Held<'static>) -> Option<TaskRef> {
        if self.shared.procs.slots() == 1 || !self.may_search() {
            return None;
        }
        (0..SWEEPS).find_map(|sweep| self.sweep(p, sweep + 1 == SWEEPS))
    }

    /// At most half of the busy machines search at a time: enough to find work, few enough
    /// not to fight over it.
    fn may_search(&self) -> bool {
        if self.searching.get() {
            return true;
        }
        let (idle, searching) = self.shared.idle.glance();
        let busy = (self.shared.procs.active() as u32).saturating_sub(idle);
        if 2 * searching >= busy {
            return false;
        }
        self.shared.idle.begin_search();
        self.searching.set(true);
        true
    }

    fn sweep(&self, p: Held<'static>, last: bool) -> Option<TaskRef> {
        let now = if last { clock::now_ns() } else { 0 };
        for slot in order(self.shared.procs.slots(), self.random()) {
            let Some(victim) = self.shared.procs.get(slot) else {
                continue;
            };
            if victim.id == p.id {
                continue;
            }
            if let Some(task) = victim.stealer.steal_into(p.queue()) {
                add(&p.counts.steals, 1);
                add(&p.counts.stolen, 1 + p.queue().len() as u64);
                events::stolen(self, p.id, victim.id);
                return Some(task);
            }
            if last && is_due(victim.deadline, now) {
                self.shared.fire(victim.lane, now);
            }
        }
        p.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn every_order_visits_each_processor_once() {
        for count in 0..=64 {
            let mut orders = std::collections::HashSet::new();
            for random in 0..4096_u32 {
                let visited: Vec<_> = order(count, random).collect();
                let mut sorted = visited.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, (0..count).collect::<Vec<_>>());
                orders.insert(visited);
            }
            assert!(
                orders.len() >= count.min(8),
                "{count} processors, {} orders",
                orders.len()
            );
        }
    }
}
