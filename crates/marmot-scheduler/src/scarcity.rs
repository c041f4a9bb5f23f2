//! Whether there are fewer free CPUs than a second machine needs.
//!
//! Nobody tells a program how many CPUs are free, but each wake does: a machine that is woken
//! notes how long it took until it ran. One that was [late](LATE_NS) found no free CPU. One such
//! wake may be an accident; after two shortly after each other CPUs are taken to be scarce for a
//! while ([`SCARCE_NS`]). Then comes the next try, as nothing else would tell that it is over.

use std::sync::atomic::{AtomicU64, Ordering};

/// A wake that took so long found no free CPU. (A core that sleeps takes 10 to 50 us.)
const LATE_NS: u64 = 500_000;
/// Two late wakes within this are no accident.
const AGAIN_NS: u64 = 200_000_000;
/// For so long CPUs are taken to be scarce then.
const SCARCE_NS: u64 = 2_000_000_000;

/// Whether CPUs are scarce.
// ORDERING: Relaxed, hints; of two machines that write at once one has its way.
#[derive(Debug, Default)]
pub(crate) struct Scarcity {
    /// When a wake was last late; 0 for never.
    late_at: AtomicU64,
    /// CPUs are taken to be scarce until then.
    until: AtomicU64,
}

impl Scarcity {
    #[inline]
    pub(crate) fn is_at(&self, now_ns: u64) -> bool {
        now_ns < self.until.load(Ordering::Relaxed)
    }

    /// A machine that was woken at `woken_ns` runs now. `true`: it was late.
    pub(crate) fn runs(&self, woken_ns: u64, now_ns: u64) -> bool {
        let late = now_ns.saturating_sub(woken_ns) >= LATE_NS;
        if late {
            let before = self.late_at.swap(now_ns, Ordering::Relaxed);
            if before != 0 && now_ns.saturating_sub(before) < AGAIN_NS {
                self.until.store(now_ns + SCARCE_NS, Ordering::Relaxed);
            }
        }
        late
    }
}

#[cfg(test)]
mod tests {
    use super::{AGAIN_NS, LATE_NS, SCARCE_NS, Scarcity};

    /// Machines that were woken so long before these moments run.
    fn after(latency: u64, moments: &[u64]) -> Scarcity {
        let scarcity = Scarcity::default();
        for &now in moments {
            assert_eq!(scarcity.runs(now - latency, now), latency >= LATE_NS);
        }
        scarcity
    }

    const START: u64 = 1_000_000_000;

    #[test]
    fn two_late_wakes_shortly_after_each_other_make_cpus_scarce_for_a_while() {
        let second = START + AGAIN_NS - 1;
        let scarcity = after(LATE_NS, &[START, second]);
        assert!(scarcity.is_at(second));
        assert!(scarcity.is_at(second + SCARCE_NS - 1));
        assert!(!scarcity.is_at(second + SCARCE_NS));
    }

    #[test]
    fn a_late_wake_now_and_then_is_an_accident() {
        // The first shortly after the clock has begun to count.
        let moments = [LATE_NS, START, START + AGAIN_NS, START + 2 * AGAIN_NS];
        let scarcity = after(LATE_NS, &moments);
        assert!(moments.iter().all(|now| !scarcity.is_at(*now)));
    }

    #[test]
    fn wakes_in_time_say_nothing() {
        let scarcity = after(LATE_NS - 1, &[START, START + 1, START + 2]);
        assert!(!scarcity.is_at(START + 2));
    }

    #[test]
    fn a_thread_that_had_to_be_started_is_not_late() {
        let scarcity = Scarcity::default();
        assert!(!scarcity.runs(u64::MAX, START));
    }
}
