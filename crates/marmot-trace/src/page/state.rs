//! How a runtime stands, as JSON: what the page asks for once a second, and the JSON endpoints.

use std::collections::HashMap;
use std::time::Duration;

use marmot_scheduler::{
    Dump, Goroutine, GoroutineState, Histogram, MachineStatus, Metrics, Place, ProcStatus,
};

use super::json::Json;

/// So many goroutines are listed one by one; groups count all of them.
const MOST: usize = 2000;

/// Goroutines that were started at the same place.
#[derive(Debug)]
struct Group<'d> {
    birthplace: Option<Place>,
    goroutines: Vec<&'d Goroutine>,
}

/// What a goroutine does, in one or two words.
fn doing(g: &Goroutine) -> &'static str {
    match g.state {
        GoroutineState::Runnable => "runnable",
        GoroutineState::Running => "running",
        _ => g.reason.as_str(),
    }
}

fn groups(dump: &Dump) -> Vec<Group<'_>> {
    let mut by_place: HashMap<Option<Place>, Vec<&Goroutine>> = HashMap::new();
    for g in &dump.goroutines {
        by_place.entry(g.birthplace).or_default().push(g);
    }
    let mut groups: Vec<_> = by_place
        .into_iter()
        .map(|(birthplace, goroutines)| Group {
            birthplace,
            goroutines,
        })
        .collect();
    groups.sort_by_key(|group| (std::cmp::Reverse(group.goroutines.len()), group.birthplace));
    groups
}

impl Group<'_> {
    /// How many do what, the most frequent first.
    fn doing(&self) -> Vec<(&'static str, usize)> {
        let mut counts: HashMap<&'static str, usize> = HashMap::new();
        for g in &self.goroutines {
            *counts.entry(doing(g)).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(words, count)| (std::cmp::Reverse(*count), *words));
        counts
    }

    fn oldest(&self) -> Duration {
        let waits = self.goroutines.iter().filter_map(|g| g.in_state);
        waits.max().unwrap_or_default()
    }
}

/// Goroutines by birthplace as text, as Go's profile of goroutines with `debug=1`.
pub(super) fn profile(dump: &Dump) -> String {
    use std::fmt::Write as _;
    let mut out = format!("goroutine profile: total {}\n", dump.goroutines.len());
    for group in groups(dump) {
        let place = group
            .birthplace
            .map_or("the main goroutine".to_owned(), |p| p.to_string());
        let _ = writeln!(out, "{} @ {place}", group.goroutines.len());
        for (words, count) in group.doing() {
            let _ = writeln!(out, "#\t{count}\t{words}");
        }
        out.push('\n');
    }
    out
}

/// Every goroutine.
pub(super) fn goroutines(dump: &Dump) -> String {
    Json::object(|json| {
        json.number("total", dump.goroutines.len());
        json.list("goroutines", &dump.goroutines, goroutine);
    })
}

/// Everything that the page shows.
pub(super) fn state(dump: &Dump, metrics: &Metrics, about: impl FnOnce(&mut Json)) -> String {
    Json::object(|json| {
        about(json);
        json.number("total", dump.goroutines.len());
        json.number("queued_globally", dump.queued_globally);
        json.number("queued_hogs", dump.queued_hogs);
        procs(json, dump);
        machines(json, dump);
        json.list("groups", groups(dump), |json, group| {
            json.maybe_text("place", group.birthplace.map(|p| p.to_string()).as_deref());
            json.number("count", group.goroutines.len());
            json.number("oldest_ms", group.oldest().as_millis());
            json.number("lost", group.goroutines.iter().filter(|g| g.lost).count());
            json.list("doing", group.doing(), |json, (words, count)| {
                json.text("what", words);
                json.number("count", count);
            });
        });
        json.list("goroutines", dump.goroutines.iter().take(MOST), goroutine);
        holders(json, dump);
        json.inner("metrics", |json| numbers(json, metrics));
    })
}

fn procs(json: &mut Json, dump: &Dump) {
    json.list("procs", &dump.procs, |json, p| {
        json.number("id", p.id);
        json.text(
            "status",
            match p.status {
                ProcStatus::Idle => "idle",
                ProcStatus::Retired => "retired",
                _ => "running",
            },
        );
        json.maybe("machine", p.machine);
        json.number("turns", p.turns);
        json.number("queued", p.queued);
        json.number("timers", p.timers);
    });
}

fn machines(json: &mut Json, dump: &Dump) {
    json.list("machines", &dump.machines, |json, m| {
        json.number("id", m.id);
        json.number("thread", m.thread);
        json.text(
            "status",
            match m.status {
                MachineStatus::Running => "running",
                MachineStatus::Scheduling => "scheduling",
                MachineStatus::Blocked => "blocked",
                MachineStatus::Burning => "burning",
                MachineStatus::Parked => "parked",
                MachineStatus::Polling => "polling",
                _ => "idle",
            },
        );
        json.maybe("proc", m.proc);
        json.maybe("goroutine", m.goroutine);
        json.flag("spinning", m.spinning);
    });
}

fn goroutine(json: &mut Json, g: &Goroutine) {
    json.number("id", g.id);
    json.maybe_text("name", g.name.as_deref());
    json.text(
        "state",
        match g.state {
            GoroutineState::Runnable => "runnable",
            GoroutineState::Running => "running",
            _ => "waiting",
        },
    );
    json.text("doing", doing(g));
    json.maybe("in_state_ms", g.in_state.map(|d| d.as_millis()));
    if g.object != 0 {
        json.text("object", &format!("{:#x}", g.object));
    }
    json.maybe_text("waits_at", g.waits_at.map(|p| p.to_string()).as_deref());
    json.maybe_text("place", g.birthplace.map(|p| p.to_string()).as_deref());
    if g.parent != 0 {
        json.number("parent", g.parent);
    }
    if g.lost {
        json.flag("lost", true);
    }
    if let Some(runs) = &g.runs_on {
        json.number("machine", runs.machine);
        json.maybe("proc", runs.proc);
        json.maybe_text("system_call", runs.system_call);
    }
}

/// Who holds what others of this runtime wait for.
fn holders(json: &mut Json, dump: &Dump) {
    let held = dump.goroutines.iter().filter_map(|g| {
        let held = g.held_by.filter(|held| !held.elsewhere)?;
        Some((g.object, held))
    });
    let held: std::collections::BTreeMap<_, _> = held.collect();
    json.list("holders", held, |json, (object, held)| {
        json.text("object", &format!("{object:#x}"));
        json.number("goroutine", held.goroutine);
        let place = held.place.map(|p| p.to_string());
        json.maybe_text("place", place.as_deref());
    });
}

/// The numbers.
pub(super) fn metrics(metrics: &Metrics) -> String {
    Json::object(|json| numbers(json, metrics))
}

fn numbers(json: &mut Json, metrics: &Metrics) {
    let total = metrics.total();
    json.number("max_procs", metrics.max_procs);
    json.number("goroutines", metrics.goroutines.total);
    json.number("goroutines_created", metrics.goroutines.created);
    json.number("goroutines_runnable", metrics.goroutines.runnable);
    json.number("goroutines_running", metrics.goroutines.running);
    json.number("goroutines_waiting", metrics.goroutines.waiting);
    json.number("goroutines_lost", metrics.goroutines.lost);
    json.number("threads", metrics.threads.total);
    json.number("threads_blocked", metrics.threads.blocked);
    json.number("threads_burning", metrics.threads.burning);
    json.number("polls", total.polls);
    json.number("steals", total.steals);
    json.number("stolen", total.stolen);
    json.number("queued_locally", total.queued);
    json.number("queued_globally", metrics.queued_globally);
    json.number("queued_hogs", metrics.queued_hogs);
    json.number("timers", total.timers);
    json.number("timers_fired", metrics.timers_fired);
    json.number("netpoll_waiters", metrics.netpoll.waiters);
    json.number("netpoll_wakeups", metrics.netpoll.wakeups);
    json.number("handoffs_blocked", metrics.handoffs.blocked);
    json.number("handoffs_burning", metrics.handoffs.burning);
    json.number("handoffs_announced", metrics.handoffs.announced);
    json.number(
        "long_polls",
        metrics.long_polls.blocked + metrics.long_polls.burning,
    );
    histogram(json, "poll_time", &metrics.poll_time);
    histogram(json, "sched_latency", &metrics.sched_latency);
}

/// How many were sampled, and what half, nine tenths and ninety-nine hundredths stayed below.
fn histogram(json: &mut Json, name: &str, histogram: &Histogram) {
    json.inner(name, |json| {
        json.number("samples", histogram.count());
        for (key, share) in [("p50_ns", 0.5), ("p90_ns", 0.9), ("p99_ns", 0.99)] {
            json.maybe(key, histogram.quantile(share).map(|d| d.as_nanos()));
        }
    });
}
