//! What is behind which address.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::http::{Answer, Request, Status};
use super::{Inner, state};
use crate::session::Session;

/// The page. Everything it needs is in it.
const PAGE: &str = include_str!("page.html");

/// A trace lasts so long if nothing is said, and at most.
const TRACE_SECONDS: f64 = 5.0;
const MOST_SECONDS: f64 = 60.0;

/// So many traces at once; each takes memory and a thread.
const MOST_TRACES: usize = 2;

const INDEX: &str = "\
/                              the page
/debug/goroutines?debug=1      goroutines by where they were started
/debug/goroutines?debug=2      every goroutine, in the layout of Go's tracebacks
/debug/goroutines.json         the same as JSON
/debug/metrics                 numbers in OpenMetrics' text format, for Prometheus and its like
/debug/metrics.json            the most important of them as JSON
/debug/state.json              what the page asks for once a second
/debug/trace?seconds=5         a trace of the next seconds, for https://ui.perfetto.dev
/debug/flight                  a trace of the last seconds, if the program keeps them
";

/// How a trace is sent.
fn trace_file(name: &'static str) -> Answer {
    Answer {
        file: Some(name),
        ..Answer::new("application/octet-stream", "")
    }
}

impl Inner {
    /// Answers a request.
    pub(super) fn answer(&self, request: &Request, stream: &mut TcpStream) -> std::io::Result<()> {
        let handle = self.handle;
        let answer = match request.path.as_str() {
            "/" => Answer::new("text/html; charset=utf-8", PAGE),
            "/debug" | "/debug/" => Answer::text(INDEX),
            "/debug/goroutines" => match request.ask("debug").unwrap_or("1") {
                "2" => Answer::text(handle.stack()),
                "1" => Answer::text(state::profile(&handle.dump())),
                _ => Answer::fault(Status::BAD, "debug is 1 or 2"),
            },
            "/debug/goroutines.json" => Answer::json(state::goroutines(&handle.dump())),
            "/debug/metrics" => Answer::new(
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                handle.metrics().to_openmetrics(),
            ),
            "/debug/metrics.json" => Answer::json(state::metrics(&handle.metrics())),
            "/debug/state.json" => Answer::json(self.state()),
            "/debug/trace" => return self.trace(request, stream),
            "/debug/flight" => return self.flight(request, stream),
            _ => Answer::fault(Status::NOT_FOUND, "see /debug/ for what there is"),
        };
        answer.send(stream, request.head_only)
    }

    fn state(&self) -> String {
        state::state(&self.handle.dump(), &self.handle.metrics(), |json| {
            let program = std::env::args_os().next().unwrap_or_default();
            let program = std::path::Path::new(&program)
                .file_name()
                .unwrap_or_default();
            json.text("program", &program.to_string_lossy());
            json.number("pid", std::process::id());
            json.number("uptime_ms", self.began.elapsed().as_millis());
            json.flag("flight", self.flight.is_some());
        })
    }

    /// Records for a while, sending what there is.
    fn trace(&self, request: &Request, stream: &mut TcpStream) -> std::io::Result<()> {
        let seconds = request.ask("seconds").map_or(Ok(TRACE_SECONDS), str::parse);
        let Some(seconds) = seconds
            .ok()
            .filter(|s: &f64| *s > 0.0 && *s <= MOST_SECONDS)
        else {
            let fault = Answer::fault(Status::BAD, "seconds is a number up to 60");
            return fault.send(stream, request.head_only);
        };
        if request.head_only {
            return trace_file("marmot.pftrace").send(stream, true);
        }
        // ORDERING: Relaxed, a count that orders nothing.
        if self.traces.fetch_add(1, Ordering::Relaxed) >= MOST_TRACES {
            self.traces.fetch_sub(1, Ordering::Relaxed);
            let fault = Answer::fault(Status::BUSY, "two traces are being taken already");
            return fault.send(stream, false);
        }
        let sent = self.send_trace(Duration::from_secs_f64(seconds), request.chunks, stream);
        self.traces.fetch_sub(1, Ordering::Relaxed);
        sent
    }

    fn send_trace(
        &self,
        length: Duration,
        chunks: bool,
        stream: &TcpStream,
    ) -> std::io::Result<()> {
        let out = trace_file("marmot.pftrace").begin(stream.try_clone()?, chunks)?;
        let mut end = stream.try_clone()?;
        let session = Session::begin(Box::new(out))?;
        let until = Instant::now() + length;
        while Instant::now() < until && !self.ends.load(Ordering::Relaxed) {
            let left = until.saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
        session.end()?;
        // The writer of the trace has flushed what it had.
        end.write_all(if chunks { b"0\r\n\r\n" } else { b"" })
    }

    fn flight(&self, request: &Request, stream: &mut TcpStream) -> std::io::Result<()> {
        let Some(flight) = &self.flight else {
            let sentence = "the program keeps no flight recorder for this page";
            return Answer::fault(Status::NOT_FOUND, sentence).send(stream, request.head_only);
        };
        let answer = trace_file("marmot-flight.pftrace");
        if request.head_only {
            return answer.send(stream, true);
        }
        let mut out = answer.begin(stream, request.chunks)?;
        flight.write_to(&mut out)?;
        out.finish()
    }
}
