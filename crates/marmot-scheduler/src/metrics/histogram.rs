//! How long things took, in buckets that grow with the time: four to each power of two.
//!
//! ```text
//!   256 ns  320  384  448  512 ns  640  768  896  1024 ns …  17 s
//!      └────┴────┴────┴────┘ four of one width └── four of twice that
//! ```
//!
//! So a bucket is never wider than a quarter of its lower bound, and a time is told to within
//! that. (Log-linear, as in HdrHistogram and in Go's runtime/metrics.)

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Below this everything is one bucket: 256 ns.
const LOWEST_BITS: u32 = 8;
/// So many powers of two from there: 2 to the 34th ns are 17 s. What is longer shares a bucket.
const OCTAVES: u32 = 26;
/// Two bits: four buckets to a power of two.
const STEPS_BITS: u32 = 2;
const STEPS: u32 = 1 << STEPS_BITS;
const BUCKETS: usize = (OCTAVES * STEPS) as usize + 2;

/// The bucket of this many nanoseconds.
fn bucket_of(ns: u64) -> usize {
    let Some(octave) = ns
        .checked_ilog2()
        .and_then(|log| log.checked_sub(LOWEST_BITS))
    else {
        return 0;
    };
    if octave >= OCTAVES {
        return BUCKETS - 1;
    }
    let step = (ns >> (octave + LOWEST_BITS - STEPS_BITS)) & u64::from(STEPS - 1);
    1 + (octave * STEPS) as usize + step as usize
}

/// What a bucket holds is below this many nanoseconds; the last one has no bound.
fn bound_of(bucket: usize) -> u64 {
    let place = u32::try_from(bucket).unwrap_or(u32::MAX);
    match place {
        0 => 1 << LOWEST_BITS,
        _ if bucket == BUCKETS - 1 => u64::MAX,
        _ => {
            let (octave, step) = ((place - 1) / STEPS, (place - 1) % STEPS);
            u64::from(STEPS + step + 1) << (octave + LOWEST_BITS - STEPS_BITS)
        }
    }
}

/// The counters behind a [`Histogram`].
// ORDERING: Relaxed, counts.
#[derive(Debug)]
pub(crate) struct Recorder {
    counts: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

impl Default for Recorder {
    fn default() -> Recorder {
        Recorder {
            counts: [const { AtomicU64::new(0) }; BUCKETS],
            sum_ns: AtomicU64::new(0),
        }
    }
}

impl Recorder {
    /// Adds one, by the only thread that writes now: no locked instruction.
    pub(crate) fn record(&self, ns: u64) {
        super::add(&self.counts[bucket_of(ns)], 1);
        super::add(&self.sum_ns, ns);
    }

    /// Adds one, by any thread.
    pub(crate) fn record_shared(&self, ns: u64) {
        self.counts[bucket_of(ns)].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// What was recorded so far.
    pub(crate) fn read(&self) -> Histogram {
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        let counts: Vec<u64> = counts.collect();
        let count = counts.iter().sum();
        Histogram {
            counts,
            count,
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
        }
    }
}

/// How long things took.
///
/// # Examples
///
/// ```
/// use marmot_scheduler::metrics::Histogram;
///
/// let none = Histogram::default();
/// assert_eq!(none.count(), 0);
/// assert_eq!(none.quantile(0.99), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    sum_ns: u64,
}

impl Histogram {
    /// How many were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of their times.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns)
    }

    /// The buckets, from short to long: what they hold is shorter than the first number (the
    /// last has no bound: `Duration::MAX`), and how many that are. Empty if nothing was ever
    /// read.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        let bound = |bucket| match bound_of(bucket) {
            u64::MAX => Duration::MAX,
            ns => Duration::from_nanos(ns),
        };
        self.counts
            .iter()
            .enumerate()
            .map(move |(bucket, count)| (bound(bucket), *count))
    }

    /// A time that this share of all was shorter than: the bound of its bucket, so at most a
    /// quarter too much. `None` if there are none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        if self.count == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count, from 0 to the count"
        )]
        let rank = ((self.count as f64 * share.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0;
        self.buckets()
            .find(|(_, count)| {
                seen += count;
                seen >= rank
            })
            .map(|(bound, _)| bound)
    }

    /// Adds what another one has recorded.
    pub(crate) fn add(&mut self, other: &Histogram) {
        self.counts.resize(BUCKETS, 0);
        for (own, others) in self.counts.iter_mut().zip(&other.counts) {
            *own += others;
        }
        self.count += other.count;
        self.sum_ns += other.sum_ns;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BUCKETS, Recorder, bound_of, bucket_of};

    #[test]
    fn every_time_is_below_the_bound_of_its_bucket_and_not_below_the_one_before() {
        for ns in (0..100_000).chain((10..63).flat_map(|bit| {
            let power = 1_u64 << bit;
            [power - 1, power, power + 1, power + power / 4]
        })) {
            let bucket = bucket_of(ns);
            assert!(ns < bound_of(bucket), "{ns} in {bucket}");
            assert!(
                bucket == 0 || ns >= bound_of(bucket - 1),
                "{ns} in {bucket}"
            );
        }
    }

    #[test]
    fn bounds_grow_by_a_quarter_at_most() {
        for bucket in 1..BUCKETS - 1 {
            let (below, above) = (bound_of(bucket - 1), bound_of(bucket));
            assert!(above > below, "{below} {above}");
            assert!(above - below <= below / 4, "{below} {above}");
        }
        assert_eq!(bound_of(BUCKETS - 2), 1 << 34);
    }

    #[test]
    fn a_quantile_is_the_bound_above_it() {
        let recorder = Recorder::default();
        for ms in 1..=100 {
            recorder.record(ms * 1_000_000);
        }
        let histogram = recorder.read();
        assert_eq!(histogram.count(), 100);
        assert_eq!(histogram.sum(), Duration::from_millis(5050));
        let median = histogram.quantile(0.5).expect("there are some");
        let (low, high) = (Duration::from_millis(50), Duration::from_micros(62_500));
        assert!((low..=high).contains(&median), "{median:?}");
        assert!(histogram.quantile(1.0).expect("some") > Duration::from_millis(100));
    }
}
