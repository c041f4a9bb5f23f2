//! When something happened: the processor's own counter where it can be trusted, else the
//! process's monotonic clock.
//!
//! The counter costs half of what the clock does. It is read here and turned into nanoseconds
//! later, by whoever reads: two [`Anchor`]s, each a look at both clocks at once, give the rate.

use std::sync::OnceLock;

use marmot_wait::clock;

/// Now, in ticks of whatever is cheap; compare with [`Anchor`]s.
#[inline]
#[must_use]
pub fn ticks() -> u64 {
    counter::read().unwrap_or_else(clock::now_ns)
}

/// Both clocks at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The cheap one.
    pub ticks: u64,
    /// The monotonic one, in nanoseconds of `marmot_wait::clock`.
    pub ns: u64,
}

impl Anchor {
    /// Looks at both; the closest of a few tries, as a thread may be interrupted between.
    #[must_use]
    pub fn now() -> Anchor {
        let look = || {
            let before = ticks();
            let ns = clock::now_ns();
            let apart = ticks().saturating_sub(before);
            let anchor = Anchor {
                ticks: before + apart / 2,
                ns,
            };
            (apart, anchor)
        };
        let more = std::iter::repeat_with(look).take(3);
        more.fold(
            look(),
            |best, next| if next.0 < best.0 { next } else { best },
        )
        .1
    }

    /// How ticks and nanoseconds belong together, by this anchor and a later one.
    #[must_use]
    pub fn rate(self, later: Anchor) -> Rate {
        let span = later.ticks.saturating_sub(self.ticks);
        let length = later.ns.saturating_sub(self.ns);
        let slope = (u128::from(length) << 32).checked_div(u128::from(span));
        Rate {
            from: self,
            slope: slope.map_or(0, |slope| i128::try_from(slope).unwrap_or(i128::MAX)),
        }
    }
}

/// Turns ticks into nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    from: Anchor,
    /// Nanoseconds a tick, times 2^32.
    slope: i128,
}

impl Rate {
    /// When a tick was, in nanoseconds of `marmot_wait::clock`.
    #[must_use]
    pub fn ns_at(self, ticks: u64) -> u64 {
        let away = i128::from(ticks) - i128::from(self.from.ticks);
        let ns = i128::from(self.from.ns) + ((away * self.slope) >> 32);
        u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
    }
}

/// Whether the counter runs at one rate on all processors.
static TRUSTED: OnceLock<bool> = OnceLock::new();

/// Finds out once; before the first record is written.
pub(super) fn choose() {
    TRUSTED.get_or_init(counter::is_trusted);
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod counter {
    #![expect(
        unsafe_code,
        reason = "the processor's time stamp counter is an intrinsic"
    )]

    use std::arch::x86_64::_rdtsc;

    #[inline]
    pub(super) fn read() -> Option<u64> {
        if super::TRUSTED.get() != Some(&true) {
            return None;
        }
        // SAFETY: every x86_64 has it; a system that forbids it to programs is not trusted.
        Some(unsafe { _rdtsc() })
    }

    /// Linux uses it for its own clock, after it has compared the processors' counters with
    /// each other and seen that they never change their rate.
    pub(super) fn is_trusted() -> bool {
        const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        std::fs::read_to_string(SOURCE).is_ok_and(|source| source.trim() == "tsc")
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod counter {
    #[inline]
    pub(super) fn read() -> Option<u64> {
        None
    }

    pub(super) fn is_trusted() -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Anchor, choose, ticks};

    #[test]
    fn ticks_between_two_anchors_are_at_the_right_time() {
        choose();
        let before = Anchor::now();
        std::thread::sleep(Duration::from_millis(5));
        let (tick, ns) = (ticks(), marmot_wait::clock::now_ns());
        std::thread::sleep(Duration::from_millis(5));
        let after = Anchor::now();
        let apart = before.rate(after).ns_at(tick).abs_diff(ns);
        assert!(apart < 1_000_000, "{apart} ns apart");
    }

    #[test]
    fn a_tick_before_the_first_anchor_is_earlier() {
        let first = Anchor {
            ticks: 1000,
            ns: 500,
        };
        let second = Anchor {
            ticks: 3000,
            ns: 1500,
        };
        assert_eq!(first.rate(second).ns_at(2000), 1000);
        assert_eq!(first.rate(second).ns_at(800), 400);
        assert_eq!(first.rate(first).ns_at(2000), 500);
        assert_eq!(first.rate(second).ns_at(4000), 2000);
    }
}
