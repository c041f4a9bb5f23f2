//! Metrics as text: OpenMetrics 1.0, which Prometheus and its like read.
//!
//! One family after the other, each with its type, unit and help; a counter's samples end in
//! `_total`, durations are in seconds, and the last line is `# EOF`.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use super::{Histogram, Metrics, ProcMetrics};

/// A text that grows.
struct Page(String);

impl Page {
    /// The head of a family whose unit, if any, is the last part of its name.
    fn family(&mut self, name: &str, kind: &str, unit: &str, help: &str) {
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(self.0, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.0, "# HELP {name} {help}");
    }

    /// One line: `name{labels} value`.
    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            _ => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", "", help);
        self.sample(name, "", value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", "", help);
        self.sample(&format!("{name}_total"), "", value);
    }

    /// A family with a sample for each value of one label.
    fn by<V: Display>(
        &mut self,
        (name, kind, help): (&str, &str, &str),
        label: &str,
        samples: impl IntoIterator<Item = (impl Display, V)>,
    ) {
        self.family(name, kind, "", help);
        let name = match kind {
            "counter" => format!("{name}_total"),
            _ => name.to_owned(),
        };
        for (value, number) in samples {
            self.sample(&name, &format!("{label}=\"{value}\""), number);
        }
    }

    /// A histogram in seconds, with one bound to each power of two.
    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.family(name, "histogram", "seconds", help);
        let bucket = format!("{name}_bucket");
        let (mut below, mut place) = (0, 0);
        for (bound, count) in histogram.buckets() {
            below += count;
            // The bounds that are powers of two: the first, and then every fourth.
            if bound != Duration::MAX && place % 4 == 0 {
                self.sample(&bucket, &format!("le=\"{}\"", seconds(bound)), below);
            }
            place += 1;
        }
        self.sample(&bucket, "le=\"+Inf\"", histogram.count());
        self.sample(&format!("{name}_count"), "", histogram.count());
        self.sample(&format!("{name}_sum"), "", seconds(histogram.sum()));
    }
}

/// Seconds as OpenMetrics writes a number that is one: with a point.
fn seconds(time: Duration) -> String {
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}

/// The whole page.
pub(super) fn text(m: &Metrics) -> String {
    let mut page = Page(String::with_capacity(16 * 1024));
    goroutines(&mut page, m);
    procs(&mut page, m);
    beside_procs(&mut page, m);
    threads(&mut page, m);
    world(&mut page, m);
    times(&mut page, m);
    page.0.push_str("# EOF\n");
    page.0
}

fn goroutines(page: &mut Page, m: &Metrics) {
    let g = &m.goroutines;
    page.by(
        ("marmot_goroutines", "gauge", "Goroutines, by what they do."),
        "state",
        [
            ("runnable", g.runnable),
            ("running", g.running),
            ("waiting", g.waiting),
        ],
    );
    page.by(
        (
            "marmot_goroutines_waiting",
            "gauge",
            "Goroutines that wait, by why.",
        ),
        "reason",
        g.by_reason.iter().copied(),
    );
    page.counter(
        "marmot_goroutines_created",
        "Goroutines started.",
        g.created,
    );
    page.counter(
        "marmot_goroutines_lost",
        "Goroutines that nothing can wake any more.",
        g.lost,
    );
}

/// A number of each P.
type OfProc = fn(&ProcMetrics) -> u64;

fn procs(page: &mut Page, m: &Metrics) {
    page.gauge("marmot_procs", "Ps in use (GOMAXPROCS).", m.max_procs);
    let families: [(&str, &str, &str, OfProc); 8] = [
        ("polls", "counter", "Goroutines polled.", |p| p.polls),
        ("steals", "counter", "Batches taken from other Ps.", |p| {
            p.steals
        }),
        (
            "stolen",
            "counter",
            "Goroutines taken from other Ps.",
            |p| p.stolen,
        ),
        (
            "global_takes",
            "counter",
            "Batches taken from the global queue.",
            |p| p.global_takes,
        ),
        ("parks", "counter", "Threads that found no work.", |p| {
            p.parks
        }),
        (
            "batches_kept",
            "counter",
            "Batches of sockets and timers for which no other thread was woken.",
            |p| p.batches_kept,
        ),
        ("queued", "gauge", "Goroutines in the P's queue.", |p| {
            p.queued as u64
        }),
        ("timers", "gauge", "Timers in the P's queue.", |p| {
            p.timers as u64
        }),
    ];
    for (what, kind, help, number) in families {
        let name = format!("marmot_proc_{what}");
        let samples = m.procs.iter().map(|p| (p.id, number(p)));
        page.by((&name, kind, help), "proc", samples);
    }
}

fn beside_procs(page: &mut Page, m: &Metrics) {
    let queued = [("global", m.queued_globally), ("hogs", m.queued_hogs)];
    page.by(
        (
            "marmot_queued",
            "gauge",
            "Goroutines in the queues of no P.",
        ),
        "queue",
        queued,
    );
    let handoffs = &m.handoffs;
    page.by(
        (
            "marmot_handoffs",
            "counter",
            "Ps that went to another thread, by what theirs did; flushed is only a queued goroutine.",
        ),
        "cause",
        [
            ("blocked", handoffs.blocked),
            ("burning", handoffs.burning),
            ("announced", handoffs.announced),
            ("flushed", handoffs.flushed),
        ],
    );
}

fn threads(page: &mut Page, m: &Metrics) {
    let t = &m.threads;
    page.by(
        (
            "marmot_threads",
            "gauge",
            "Threads that run goroutines, by what they do.",
        ),
        "state",
        [
            ("running", t.running),
            ("blocked", t.blocked),
            ("burning", t.burning),
            ("parked", t.parked),
            ("polling", t.polling),
            ("idle", t.idle),
        ],
    );
    page.gauge(
        "marmot_threads_spinning",
        "Threads that look for work and have none.",
        t.spinning,
    );
    page.counter(
        "marmot_late_wakes",
        "Threads that were woken and got a CPU late.",
        m.late_wakes,
    );
}

fn world(page: &mut Page, m: &Metrics) {
    page.counter("marmot_timers_fired", "Timers that fired.", m.timers_fired);
    page.gauge(
        "marmot_netpoll_waiters",
        "Waits for the world, of the whole process.",
        m.netpoll.waiters,
    );
    page.counter(
        "marmot_netpoll_wakeups",
        "Waits for the world that have ended.",
        m.netpoll.wakeups,
    );
}

fn times(page: &mut Page, m: &Metrics) {
    let long = &m.long_polls;
    page.by(
        (
            "marmot_long_polls",
            "counter",
            "Polls that took long, by what their thread did.",
        ),
        "thread",
        [("blocked", long.blocked), ("burning", long.burning)],
    );
    page.family(
        "marmot_long_poll_threshold_seconds",
        "gauge",
        "seconds",
        "What long is.",
    );
    page.sample(
        "marmot_long_poll_threshold_seconds",
        "",
        seconds(long.threshold),
    );
    page.histogram(
        "marmot_long_poll_seconds",
        "How long the long polls took that are over.",
        &long.time,
    );
    page.histogram(
        "marmot_poll_seconds",
        "How long polls took, of a sample.",
        &m.poll_time,
    );
    page.histogram(
        "marmot_sched_latency_seconds",
        "How long goroutines were queued before they ran, of a sample.",
        &m.sched_latency,
    );
}
