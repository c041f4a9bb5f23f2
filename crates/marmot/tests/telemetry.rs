//! What a subscriber of `tracing` is told, with the feature of that name.

#![cfg(feature = "tracing")]

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use marmot::prelude::*;
use marmot::{Deadlock, Panic};
use marmot_testing::until;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

const LATE: Duration = Duration::from_secs(20);

/// Keeps every event of ours as a line: its level, its message and its fields.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn has(&self, parts: &[&str]) -> bool {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |line: &String| parts.iter().all(|part| line.contains(part));
        lines.iter().any(fits)
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "marmot"
    }
    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line.0);
    }
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

#[test]
fn starts_panics_long_polls_and_deadlocks_are_events() {
    let lines = Lines::default();
    tracing::subscriber::set_global_default(lines.clone()).expect("the first in this process");
    let rt = Runtime::builder()
        .max_procs(2)
        .panic(Panic::Report)
        .deadlock(Deadlock::Fatal)
        .deadlock_grace(Duration::from_millis(10))
        .on_deadlock(|_| {})
        .build()
        .expect("a runtime");
    drop(rt.spawn(async { panic!("nobody sees me") }));
    drop(rt.spawn(async {
        let began = Instant::now();
        while began.elapsed() < ms(40) {
            std::hint::spin_loop();
        }
    }));
    let (_tx, rx) = chan::<()>(0);
    drop(rt.spawn(async move { rx.recv().await }));
    let told = |what: &str, parts: &[&str]| until(LATE, what, || lines.has(parts));
    told(
        "a start",
        &["TRACE", "goroutine started", "goroutine=1", "telemetry.rs:"],
    );
    told(
        "a panic",
        &[
            "ERROR",
            "goroutine panicked",
            "nobody sees me",
            "telemetry.rs:",
        ],
    );
    told(
        "a long poll",
        &["WARN", "long poll", "goroutine=2", "over=true"],
    );
    told(
        "a deadlock",
        &["ERROR", "all goroutines are asleep", "chan receive"],
    );
}
