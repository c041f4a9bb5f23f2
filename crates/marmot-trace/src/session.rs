//! A trace from now on, into a file or any other writer.
//!
//! A thread of its own reads what the others record, ten times a second or when one of them
//! has filled a quarter of its ring, and writes it. So a trace may be longer than the memory
//! that it is recorded into.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use marmot_scheduler::OurThread;
use marmot_wait::clock;

use crate::collect::Collector;
use crate::perfetto::Perfetto;
use crate::story::Story;

/// Between two readings at most.
const PERIOD: Duration = Duration::from_millis(100);

/// What a trace has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Events in the file.
    pub events: u64,
    /// Events that came too fast to be written.
    pub lost: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// A trace in progress.
#[derive(Debug)]
pub(crate) struct Session {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Summary>>,
}

impl Session {
    /// Begins to record.
    pub(crate) fn begin(out: Box<dyn Write + Send>) -> io::Result<Session> {
        let ends = Arc::new(AtomicBool::new(false));
        let collector = Collector::new();
        let told = Arc::clone(&ends);
        let thread = thread::Builder::new()
            .name("marmot-trace".to_owned())
            .spawn(move || {
                let _ours = OurThread::new();
                write(collector, out, &told)
            })?;
        Ok(Session { ends, thread })
    }

    /// Ends it, and writes the rest.
    pub(crate) fn end(self) -> io::Result<Summary> {
        // ORDERING: Relaxed; joined below, and the thread looks again soon.
        self.ends.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| {
            Err(io::Error::other(
                "the thread that writes the trace panicked",
            ))
        })
    }
}

fn write(
    mut collector: Collector,
    out: Box<dyn Write + Send>,
    ends: &AtomicBool,
) -> io::Result<Summary> {
    collector.tell(thread::current());
    let mut file = Perfetto::new(BufWriter::with_capacity(1 << 16, out));
    let mut story = Story::default();
    let mut events = 0;
    // ORDERING: Relaxed, see `Session::end`.
    while !ends.load(Ordering::Relaxed) {
        collector.collect(|timed| {
            story.tell(&timed, &mut file);
            events += 1;
        });
        thread::park_timeout(PERIOD);
    }
    collector.collect_all(|timed| {
        story.tell(&timed, &mut file);
        events += 1;
    });
    story.finish(clock::now_ns(), &mut file);
    let lost = collector.lost();
    let (_, bytes) = file.finish()?;
    Ok(Summary {
        events,
        lost,
        bytes,
    })
}

/// The trace that [`start`] began.
static CURRENT: Mutex<Option<Session>> = Mutex::new(None);

/// Begins a trace into a file, for <https://ui.perfetto.dev>.
///
/// It holds what each P runs and when, who woke whom, steals, hand-offs, timers and sockets,
/// and the program's own [`region`](crate::region)s, [`task`](crate::task)s and
/// [`log`](crate::log)s, of all runtimes of the process.
///
/// # Errors
///
/// If the file or the thread that writes it can't be created, or a trace is in progress
/// (`AlreadyExists`).
///
/// # Examples
///
/// ```
/// # let path = std::env::temp_dir().join(format!("marmot-doc-{}.pftrace", std::process::id()));
/// marmot_trace::start(&path)?;
/// // ... what is to be looked at ...
/// let summary = marmot_trace::stop()?;
/// assert_eq!(summary.lost, 0);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn start(path: impl AsRef<Path>) -> io::Result<()> {
    start_with(|| Ok(Box::new(File::create(path.as_ref())?)))
}

/// Begins a trace into a writer.
///
/// # Errors
///
/// If the thread that writes can't be created, or a trace is in progress (`AlreadyExists`).
pub fn start_to(out: impl Write + Send + 'static) -> io::Result<()> {
    start_with(|| Ok(Box::new(out)))
}

fn start_with(out: impl FnOnce() -> io::Result<Box<dyn Write + Send>>) -> io::Result<()> {
    // A panic under the lock leaves what was there.
    let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
    if current.is_some() {
        let error = "a trace is in progress; stop it first";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, error));
    }
    *current = Some(Session::begin(out()?)?);
    Ok(())
}

/// Ends the trace that [`start`] or [`start_to`] began, once the rest of it is written.
///
/// It blocks the thread for as long as that takes.
///
/// # Errors
///
/// What the file or the writer said first, or `NotFound` if no trace is in progress.
pub fn stop() -> io::Result<Summary> {
    let session = CURRENT
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    match session {
        Some(session) => session.end(),
        None => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "no trace is in progress",
        )),
    }
}
