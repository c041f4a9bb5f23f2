//! Go's `AfterFunc`: a function that runs in a goroutine of its own when a time has come.
//!
//! ```text
//!             fires                the run ends, none queued
//!   at rest ─────────▶ running ────────────────────────────▶ at rest
//!      f in place      f lent out, runs queued if it fires again meanwhile
//! ```

use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

use marmot_wait::ambient::{self, Ambient, Within};
use marmot_wait::{Runner, park, runner};

use crate::clock::{NEVER, nanos, now_ns};
use crate::lanes::{self, Registration};

/// Runs a function after this time, in a goroutine of its own; in a thread of its own if it
/// was set outside a runtime.
///
/// The function may block. It runs once for each time that the timer is over: once, unless
/// the handle sets it again. Should it still be running then, the next run begins when it has
/// ended. Zero runs it at once; with [`Duration::MAX`] it never runs.
///
/// Its goroutine inherits what is ambient where it was set, not where a
/// [`reset`](AfterFunc::reset) is called; the same holds of the runtime, and when that has ended
/// the function does not run any more. Dropping the handle changes nothing.
///
/// # Panics
///
/// If a thread is needed and the system has none to give. A panic of the function is one of
/// its goroutine.
///
/// # Examples
///
/// ```
/// use marmot_time::{after_func, ms, secs};
/// use std::sync::mpsc;
///
/// let (done, wait) = mpsc::channel();
/// let later = after_func(secs(3600), move || done.send("ran").expect("somebody listens"));
/// assert!(later.reset(ms(1)), "it was still to run");
/// assert_eq!(wait.recv(), Ok("ran"));
/// assert!(!later.stop(), "nothing left to stop");
/// ```
#[track_caller]
pub fn after_func(duration: Duration, f: impl FnMut() + Send + 'static) -> AfterFunc {
    let func = Arc::new(Func {
        state: Mutex::new(State {
            deadline: None,
            registration: Registration::NEW,
            f: Some(Box::new(f)),
            queued: 0,
        }),
        runner: runner(),
        ambient: ambient::current(),
        place: Location::caller(),
    });
    func.set(Some(duration));
    AfterFunc(func)
}

/// The handle of [`after_func`].
pub struct AfterFunc(Arc<Func>);

impl AfterFunc {
    /// Keeps the function from running; says whether it did. A run that has begun goes on,
    /// and is not waited for.
    #[expect(
        clippy::must_use_candidate,
        reason = "programs stop timers without asking"
    )]
    pub fn stop(&self) -> bool {
        self.0.set(None)
    }

    /// Runs the function this far from now instead; says whether it was still to run.
    #[track_caller]
    #[expect(
        clippy::must_use_candidate,
        reason = "programs reset timers without asking"
    )]
    pub fn reset(&self, duration: Duration) -> bool {
        self.0.set(Some(duration))
    }
}

impl fmt::Debug for AfterFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AfterFunc")
            .field(&Arc::as_ptr(&self.0))
            .finish()
    }
}

type Function = Box<dyn FnMut() + Send>;

struct Func {
    state: Mutex<State>,
    /// Who ran the goroutine that set it; `None` outside a runtime.
    runner: Option<&'static dyn Runner>,
    /// What that goroutine passes on to the runs.
    ambient: Ambient,
    place: &'static Location<'static>,
}

struct State {
    /// When it is to run; `None` when it is not.
    deadline: Option<u64>,
    registration: Registration,
    /// Absent while it runs.
    f: Option<Function>,
    /// How often it has to run after that.
    queued: usize,
}

impl Func {
    /// Sets or unsets the time; says whether it was set.
    fn set(self: &Arc<Self>, duration: Option<Duration>) -> bool {
        let deadline = duration.map(|duration| now_ns().saturating_add(nanos(duration)));
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.deadline, deadline);
        match deadline {
            _ if duration.is_some_and(|duration| duration.is_zero()) => {
                let run = state.begin();
                drop(state);
                self.run(run);
            }
            None | Some(NEVER) => {
                lanes::disarm(state.registration);
            }
            Some(deadline) => self.register(&mut state, deadline),
        }
        before.is_some()
    }

    /// The lane says that the time has come.
    fn ring(self: &Arc<Self>) {
        let mut state = self.lock();
        let Some(deadline) = state.deadline else {
            return;
        };
        if deadline > now_ns() {
            // Set anew meanwhile; or by somebody whose clock is ahead, and then out of the lane.
            self.register(&mut state, deadline);
            return;
        }
        let run = state.begin();
        drop(state);
        self.run(run);
    }

    fn register(self: &Arc<Self>, state: &mut State, deadline: u64) {
        if deadline != NEVER && !lanes::rearm(state.registration, deadline) {
            state.registration = lanes::arm(deadline, Waker::from(Arc::clone(self)));
        }
    }

    /// Gives the function a goroutine of its own.
    fn run(self: &Arc<Self>, f: Option<Function>) {
        let Some(f) = f else { return };
        let run = Run {
            func: Arc::clone(self),
            f: Some(f),
        };
        let run = Within::new(self.ambient.clone(), async move { run.now() });
        match self.runner {
            Some(runner) => runner.spawn(Box::pin(run), self.place),
            None => {
                thread::Builder::new()
                    .name("marmot-after-func".to_owned())
                    .spawn(move || park::block_on(run))
                    .expect("a thread for after_func outside a runtime");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under this lock but an allocation that fails.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A run begins: gives the function, or notes that it has to run again.
    fn begin(&mut self) -> Option<Function> {
        self.deadline = None;
        lanes::disarm(self.registration);
        self.registration = Registration::NEW;
        let f = self.f.take();
        if f.is_none() {
            self.queued += 1;
        }
        f
    }
}

impl Wake for Func {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

/// One run of the function; puts it back, while unwinding too.
struct Run {
    func: Arc<Func>,
    f: Option<Function>,
}

impl Run {
    fn now(mut self) {
        if let Some(f) = &mut self.f {
            f();
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let f = self.f.take();
        let mut state = self.func.lock();
        let next = if state.queued == 0 {
            state.f = f;
            None
        } else {
            state.queued -= 1;
            f
        };
        drop(state);
        self.func.run(next);
    }
}
