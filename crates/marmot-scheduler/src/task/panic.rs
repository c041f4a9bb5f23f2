//! What a panic in a goroutine does.
//!
//! It is caught at the poll and belongs to whoever joins the goroutine. If nobody does, the
//! runtime's policy decides: [`Panic::Crash`](crate::Panic) ends the process as Go does,
//! [`Panic::Report`](crate::Panic) prints it and goes on. Either way it is told where it
//! happened and where the goroutine was born.
//!
//! A hook keeps the standard message off stderr while a goroutine is polled: a panic that
//! somebody observes prints nothing, and one that kills the process prints one report.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe, Location, PanicHookInfo, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, Once, PoisonError};

use super::header::Header;
use crate::builder::{Config, Panic};

/// The payload with which [`goexit`](crate::goexit) unwinds: the one that every crate knows.
pub(crate) use marmot_wait::Goexit;

/// A panic that was caught, with where it happened.
pub(crate) struct Caught {
    text: Cow<'static, str>,
    /// Never locked: a payload need not be `Sync`, and an error that travels has to be.
    payload: Mutex<Box<dyn Any + Send>>,
    site: Option<Site>,
}

struct Site {
    place: String,
    backtrace: Backtrace,
}

thread_local! {
    /// Whether this thread polls a goroutine, whose panics are caught.
    static POLLING: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic on this thread happened.
    static LAST: RefCell<Option<Site>> = const { RefCell::new(None) };
}

/// Marks this thread as one that polls goroutines: their panics are caught, not printed.
pub(crate) fn polls_here(yes: bool) -> bool {
    POLLING.with(|polling| polling.replace(yes))
}

/// Installs the hook, once for the process; it hands on what is not ours.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let ours = POLLING.try_with(Cell::get).unwrap_or(false);
            if ours && cfg!(panic = "unwind") && !remember(info) {
                return;
            }
            if !ours || cfg!(not(panic = "unwind")) {
                before(info);
            }
        }));
    });
}

/// Notes where the panic happened. `false`, always: nothing is printed here.
fn remember(info: &PanicHookInfo<'_>) -> bool {
    let place = info
        .location()
        .map_or_else(|| "unknown place".to_owned(), Location::to_string);
    let site = Site {
        place,
        backtrace: Backtrace::capture(),
    };
    // A thread that is ending keeps no site.
    drop(LAST.try_with(|last| last.replace(Some(site))));
    false
}

impl Caught {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Caught {
        Caught {
            text: text(&*payload),
            payload: Mutex::new(payload),
            site: LAST.with(RefCell::take),
        }
    }

    /// Goes on with the panic here; a report will still tell where it began.
    pub(crate) fn resume(mut self) -> ! {
        let site = self.site.take();
        drop(LAST.try_with(|last| last.replace(site)));
        panic::resume_unwind(self.into_payload())
    }

    pub(crate) fn into_payload(self) -> Box<dyn Any + Send> {
        let payload = self.payload.into_inner();
        payload.unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self) -> &str {
        &self.text
    }

    /// What std's own hook would have printed, without the thread's name.
    pub(crate) fn standard_message(&self) -> String {
        let text = self.text();
        let Some(site) = &self.site else {
            return format!("panicked:\n{text}");
        };
        match site.backtrace.status() {
            BacktraceStatus::Captured => {
                format!("panicked at {}:\n{text}\n{}", site.place, site.backtrace)
            }
            _ => format!("panicked at {}:\n{text}", site.place),
        }
    }
}

/// What a payload says.
fn text(payload: &(dyn Any + Send)) -> Cow<'static, str> {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        return Cow::Borrowed(text);
    }
    match payload.downcast_ref::<String>() {
        Some(text) => Cow::Owned(text.clone()),
        None => Cow::Borrowed("(a value that is no text)"),
    }
}

impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Applies the runtime's policy to a panic that nobody will ever see.
pub(crate) fn unobserved(caught: &Caught, header: &Header) {
    let id = header.id.load(Ordering::Relaxed);
    let birthplace = header.birthplace.load(Ordering::Relaxed);
    let born = crate::snapshot::place(birthplace);
    let parent = header.parent.load(Ordering::Relaxed);
    let whose = Whose { id, born, parent };
    apply(&header.shared().config, caught, &whose);
}

fn apply(config: &Config, caught: &Caught, whose: &Whose) {
    crate::tell::panicked(whose.id, whose.born, caught.text());
    match (&config.on_panic, config.panic) {
        (Some(hook), _) => hook(&report(caught, whose)),
        (None, Panic::Crash) => crash(caught, whose),
        (None, Panic::Report) => {
            print(&report(caught, whose));
        }
    }
}

/// Which goroutine it was.
struct Whose {
    id: u64,
    born: Option<&'static Location<'static>>,
    parent: u64,
}

impl Whose {
    fn tell(&self, caught: &Caught, out: &mut String) {
        use std::fmt::Write as _;
        let _ = match self.id {
            0 => writeln!(out, "\nin a waker or a destructor, outside any goroutine:"),
            id => writeln!(out, "\ngoroutine {id} [running]:"),
        };
        if let Some(site) = &caught.site {
            let _ = writeln!(out, "\tat {}", site.place);
        }
        if let Some(born) = self.born {
            let _ = match self.parent {
                0 => writeln!(out, "created by {born}"),
                parent => writeln!(out, "created by {born} in goroutine {parent}"),
            };
        }
        match &caught.site {
            Some(site) if site.backtrace.status() == BacktraceStatus::Captured => {
                let _ = writeln!(out, "\n{}", site.backtrace);
            }
            _ => {}
        }
    }
}

fn report(caught: &Caught, whose: &Whose) -> String {
    let mut out = match whose.id {
        0 => format!("panicked: {}\n", indent(caught.text())),
        id => format!("goroutine {id} panicked: {}\n", indent(caught.text())),
    };
    whose.tell(caught, &mut out);
    out
}

fn crash(caught: &Caught, whose: &Whose) -> ! {
    let mut out = format!("panic: {}\n", indent(caught.text()));
    whose.tell(caught, &mut out);
    die(&out)
}

/// Prints to stderr; where that fails there is nobody to tell.
pub(crate) fn print(text: &str) {
    drop(std::io::stderr().write_all(text.as_bytes()));
}

/// Keeps later lines of a text from looking like the first of a report, as Go does.
fn indent(text: &str) -> String {
    text.replace('\n', "\n\t")
}

/// Prints the last words and ends the process with status 2. The first to come here wins;
/// others wait for the end.
pub(crate) fn die(words: &str) -> ! {
    static FIRST: Mutex<()> = Mutex::new(());
    let guard = FIRST.lock();
    print(words);
    std::mem::forget(guard);
    std::process::exit(2)
}

/// Runs code of the program that is outside any poll: wakers, destructors of outputs. A panic
/// in it must not take the machine's thread with it; it is told, or ends the process, as the
/// policy says.
pub(crate) fn contained(config: &Config, f: impl FnOnce()) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        return;
    };
    let caught = Caught::new(payload);
    let whose = Whose {
        id: 0,
        born: None,
        parent: 0,
    };
    apply(config, &caught, &whose);
}

/// The main goroutine panicked: as Go, the process ends whatever the policy is.
pub(crate) fn crash_main(caught: &Caught) -> ! {
    crash(
        caught,
        &Whose {
            id: 1,
            born: None,
            parent: 0,
        },
    )
}
