//! What the system says about a process: memory and threads.

use std::fs;

/// Figures from `/proc/<process>/status`; zeros where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Status {
    /// Memory in use, in KiB.
    pub rss_kib: u64,
    /// The most memory that was ever in use, in KiB.
    pub peak_rss_kib: u64,
    /// Threads.
    pub threads: u64,
}

impl Status {
    /// Of this process, as it is now.
    #[must_use]
    pub fn read() -> Self {
        Self::of("self")
    }

    /// Of the process with this number, as it is now.
    #[must_use]
    pub fn of(process: &str) -> Self {
        fs::read_to_string(format!("/proc/{process}/status"))
            .map_or_else(|_| Self::default(), |text| parse(&text))
    }
}

fn parse(text: &str) -> Status {
    let field = |name: &str| {
        text.lines()
            .find_map(|line| {
                line.strip_prefix(name)?
                    .split_whitespace()
                    .next()?
                    .parse()
                    .ok()
            })
            .unwrap_or(0)
    };
    Status {
        rss_kib: field("VmRSS:"),
        peak_rss_kib: field("VmHWM:"),
        threads: field("Threads:"),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_fields_are_found() {
        let status = parse("Name:\tx\nVmHWM:\t   900 kB\nVmRSS:\t   800 kB\nThreads:\t3\n");
        assert_eq!(
            (status.peak_rss_kib, status.rss_kib, status.threads),
            (900, 800, 3)
        );
    }
}
