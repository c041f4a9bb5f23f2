//! How many CPUs this process may use: its affinity, and its cgroup's quota.

use std::num::NonZero;
use std::thread::available_parallelism;

use crate::threads::sys;

/// The CPUs this process may run on at the same time (its affinity).
#[must_use]
pub fn num_cpu() -> usize {
    sys::affinity()
        .unwrap_or_else(|| available_parallelism().map_or(1, NonZero::get))
        .max(1)
}

/// The default number of Ps: the CPUs, or fewer if the cgroup's quota is smaller: that is
/// rounded up, and at least 2 if there are 2 CPUs. As Go 1.25.
pub(crate) fn default_procs() -> usize {
    let cpus = num_cpu();
    quota().map_or(cpus, |quota| procs_for(quota, cpus))
}

fn procs_for(quota: f64, cpus: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number of CPUs, far below the limits"
    )]
    let quota = quota.ceil() as usize;
    quota.max(2).min(cpus)
}

/// The CPUs that the cgroup's quota is worth, the smallest on the way to the root.
pub(crate) fn quota() -> Option<f64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let quotas = groups.lines().filter_map(quota_of_line);
    quotas.reduce(f64::min)
}

/// One line of /proc/self/cgroup: `0::/path` (version 2) or `4:cpu,cpuacct:/path`.
fn quota_of_line(line: &str) -> Option<f64> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    if controllers.is_empty() {
        return up_to_root(path)
            .filter_map(|dir| quota_v2(&dir))
            .reduce(f64::min);
    }
    if controllers.split(',').any(|name| name == "cpu") {
        return up_to_root(path)
            .filter_map(|dir| quota_v1(&dir))
            .reduce(f64::min);
    }
    None
}

fn up_to_root(path: &str) -> impl Iterator<Item = String> {
    let path = std::path::Path::new(path).to_owned();
    let dirs: Vec<_> = path
        .ancestors()
        .map(|dir| dir.to_string_lossy().into_owned())
        .collect();
    dirs.into_iter()
}

fn quota_v2(dir: &str) -> Option<f64> {
    parse_v2(&std::fs::read_to_string(format!("/sys/fs/cgroup{dir}/cpu.max")).ok()?)
}

fn quota_v1(dir: &str) -> Option<f64> {
    let read = |file: &str| {
        let path = format!("/sys/fs/cgroup/cpu{dir}/{file}");
        std::fs::read_to_string(path)
            .ok()?
            .trim()
            .parse::<f64>()
            .ok()
    };
    let quota = read("cpu.cfs_quota_us").filter(|quota| *quota > 0.0)?;
    Some(quota / read("cpu.cfs_period_us").filter(|period| *period > 0.0)?)
}

/// `max 100000` or `250000 100000`.
fn parse_v2(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    let quota: f64 = words.next()?.parse().ok()?;
    let period: f64 = words
        .next()
        .map_or(Some(100_000.0), |word| word.parse().ok())?;
    (period > 0.0).then_some(quota / period)
}

#[cfg(test)]
mod tests {
    use super::{num_cpu, parse_v2, procs_for};

    #[test]
    fn a_quota_is_rounded_up_and_never_below_two() {
        for (quota, procs) in [(3.0, 3), (2.00001, 3), (2.99999, 3), (0.5, 2), (1.0, 2)] {
            assert_eq!(procs_for(quota, 8), procs, "quota {quota}");
        }
        assert_eq!(procs_for(16.0, 8), 8);
        assert_eq!(procs_for(0.5, 1), 1);
    }

    #[test]
    fn the_kernels_spelling_of_a_quota_is_understood() {
        assert_eq!(parse_v2("max 100000\n"), None);
        assert_eq!(parse_v2("250000 100000\n"), Some(2.5));
        assert_eq!(parse_v2("nonsense"), None);
    }

    #[test]
    fn there_is_a_cpu() {
        assert!(num_cpu() >= 1);
    }
}
