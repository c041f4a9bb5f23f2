//! How a runtime is made: its options, their defaults, and what the environment overrides.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::cpus::default_procs;
use crate::deadlock::GRACE;
use crate::debug::Settings;
use crate::driver::{Driver, NoDriver};
use crate::procs::MAX_PROCS;
use crate::runtime::Runtime;

/// What a panic does that nobody can observe: its goroutine's join handle is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Panic {
    /// It ends the process, as in Go: the panic, the goroutine and its birthplace on stderr,
    /// exit status 2.
    Crash,
    /// It is printed, and the others go on.
    #[default]
    Report,
}

/// What happens when no goroutine can ever go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Deadlock {
    /// The process ends, as in Go: `fatal error: all goroutines are asleep - deadlock!`, every
    /// goroutine, exit status 2. Where a thread that is not the runtime's could still wake
    /// somebody, it is only printed.
    Fatal,
    /// It is printed.
    #[default]
    Report,
    /// Nothing.
    Off,
}

/// A poll that takes so long is counted as long: ten times what the monitor bears from one
/// that burns while others wait.
pub(crate) const LONG_POLL: Duration = Duration::from_millis(10);

/// Gets a report instead of stderr.
pub(crate) type Hook = Arc<dyn Fn(&str) + Send + Sync>;

/// What a runtime keeps of its options.
pub(crate) struct Config {
    pub(crate) panic: Panic,
    pub(crate) deadlock: Deadlock,
    pub(crate) on_deadlock: Option<Hook>,
    pub(crate) on_panic: Option<Hook>,
    pub(crate) grace: Duration,
    /// It is a test's: nothing outside it in the process has to do with it.
    pub(crate) isolated: bool,
    /// A poll that takes so long is long.
    pub(crate) long_poll: Duration,
    pub(crate) debug: Settings,
    /// SIGQUIT prints every goroutine and ends the process.
    pub(crate) sigquit: bool,
    pub(crate) max_threads: usize,
    pub(crate) hog_cap: usize,
    pub(crate) stack_bytes: Option<usize>,
    pub(crate) name: String,
    pub(crate) seed: u64,
    /// Nobody said how many Ps: the quota decides, while it runs too.
    pub(crate) follows_quota: bool,
}

/// Makes a [`Runtime`].
///
/// # Examples
///
/// ```
/// use marmot_scheduler::{Builder, Panic};
///
/// let rt = Builder::new().max_procs(2).panic(Panic::Report).build()?;
/// let handle = rt.spawn(async { 6 * 7 });
/// assert_eq!(rt.block_on(handle).unwrap(), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Builder {
    max_procs: Option<usize>,
    driver: Box<dyn Driver>,
    config: Config,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

impl Builder {
    /// The defaults: as many Ps as CPUs, [`Panic::Report`], [`Deadlock::Report`], at most
    /// 10,000 threads as in Go, 8 of them for goroutines that burn CPU without a P.
    #[must_use]
    pub fn new() -> Builder {
        Builder {
            max_procs: None,
            driver: Box::new(NoDriver::default()),
            config: Config {
                panic: Panic::default(),
                deadlock: Deadlock::default(),
                on_deadlock: None,
                on_panic: None,
                grace: GRACE,
                isolated: false,
                long_poll: LONG_POLL,
                debug: Settings::default(),
                sigquit: false,
                max_threads: 10_000,
                hog_cap: 8,
                stack_bytes: None,
                name: "marmot".to_owned(),
                seed: marmot_wait::clock::now_ns() ^ 0x5DEE_CE66_D1CE_4E5B,
                follows_quota: true,
            },
        }
    }

    /// How many Ps: how many goroutines run at the same time. Overrides the environment's
    /// `GOMAXPROCS`; without it and without this, the CPUs that the process may use (affinity
    /// and cgroup quota). At least 1, at most 1024.
    #[must_use]
    pub fn max_procs(mut self, procs: usize) -> Builder {
        self.max_procs = Some(procs);
        self
    }

    /// What a panic does that nobody can observe. `MARMOT_PANIC=crash|report` overrides it.
    #[must_use]
    pub fn panic(mut self, policy: Panic) -> Builder {
        self.config.panic = policy;
        self
    }

    /// What happens when no goroutine can ever go on.
    #[must_use]
    pub fn deadlock(mut self, policy: Deadlock) -> Builder {
        self.config.deadlock = policy;
        self
    }

    /// Calls `f` with a report instead of printing it: when all goroutines are asleep, when some
    /// wait for each other in a circle, and when one waits for what it holds itself.
    ///
    /// `f` runs on one of the runtime's threads and should be short.
    #[must_use]
    pub fn on_deadlock(mut self, f: impl Fn(&str) + Send + Sync + 'static) -> Builder {
        self.config.on_deadlock = Some(Arc::new(f));
        self
    }

    /// How long all goroutines must have been asleep before it is told, where a thread that is
    /// not the runtime's could still wake one. Default: a second.
    #[must_use]
    pub fn deadlock_grace(mut self, grace: Duration) -> Builder {
        self.config.grace = grace;
        self
    }

    /// For a test's runtime: neither the harness's first thread nor other tests' runtimes could
    /// wake its goroutines, so they do not keep a deadlock from being certain.
    #[doc(hidden)]
    #[must_use]
    pub fn isolated(mut self, isolated: bool) -> Builder {
        self.config.isolated = isolated;
        self
    }

    /// Calls `f` with the report of a panic that nobody can observe, instead of applying the
    /// policy.
    #[must_use]
    pub fn on_panic(mut self, f: impl Fn(&str) + Send + Sync + 'static) -> Builder {
        self.config.on_panic = Some(Arc::new(f));
        self
    }

    /// SIGQUIT prints every goroutine of the process to stderr and ends it with status 2, as in
    /// Go. `MARMOT_DEBUG=sigquit=0|1` overrides it. Default: no.
    ///
    /// The process then has one more thread, which waits for the signal. A program that handles
    /// SIGQUIT itself, before or after, keeps it. Elsewhere than on Unix it changes nothing.
    #[must_use]
    pub fn sigquit(mut self, dumps: bool) -> Builder {
        self.config.sigquit = dumps;
        self
    }

    /// How many threads at most, beside the monitor's. At least 1.
    #[must_use]
    pub fn max_threads(mut self, threads: usize) -> Builder {
        self.config.max_threads = threads.max(1);
        self
    }

    /// How many threads at most may burn CPU in goroutines whose P went to another thread,
    /// because they did not let others run. At least 2. While as many do and none of them ends,
    /// one more may each 100 ms, up to [`max_threads`](Self::max_threads): so goroutines that
    /// never end keep no P for ever.
    #[must_use]
    pub fn hog_threads(mut self, threads: usize) -> Builder {
        self.config.hog_cap = threads.max(2);
        self
    }

    /// The stack of each thread, in bytes. Default: std's (2 MiB, or `RUST_MIN_STACK`).
    #[must_use]
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.config.stack_bytes = Some(bytes);
        self
    }

    /// What the threads are called; a number follows.
    #[must_use]
    pub fn thread_name(mut self, name: impl Into<String>) -> Builder {
        self.config.name = name.into();
        self
    }

    /// Timers and sockets; without it a runtime has none.
    #[must_use]
    pub fn driver(mut self, driver: Box<dyn Driver>) -> Builder {
        self.driver = driver;
        self
    }

    /// Makes the runtime and its first threads.
    ///
    /// # Errors
    ///
    /// If a thread can't be created.
    pub fn build(mut self) -> io::Result<Runtime> {
        match env("MARMOT_PANIC").as_deref() {
            Some("crash") => self.config.panic = Panic::Crash,
            Some("report") => self.config.panic = Panic::Report,
            _ => {}
        }
        let debug = Settings::from_env();
        self.config.debug = debug;
        self.config.long_poll = debug.longpoll.unwrap_or(self.config.long_poll);
        self.config.sigquit = debug.sigquit.unwrap_or(self.config.sigquit);
        let wanted = self.max_procs.or_else(procs_from_env);
        self.config.follows_quota = wanted.is_none();
        let procs = wanted.unwrap_or_else(default_procs);
        Runtime::start(procs.clamp(1, MAX_PROCS), self.driver, self.config)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("max_procs", &self.max_procs)
            .field("panic", &self.config.panic)
            .field("deadlock", &self.config.deadlock)
            .finish_non_exhaustive()
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `MARMOT_MAXPROCS`, then `GOMAXPROCS`; a value that is no positive number counts as none.
fn procs_from_env() -> Option<usize> {
    let number = |name| env(name)?.trim().parse().ok().filter(|procs| *procs > 0);
    number("MARMOT_MAXPROCS").or_else(|| number("GOMAXPROCS"))
}

#[cfg(test)]
impl Config {
    /// One thread, and nothing that happens by itself.
    pub(crate) fn of_a_test() -> Config {
        Config {
            panic: Panic::Report,
            deadlock: Deadlock::Off,
            on_deadlock: None,
            on_panic: None,
            max_threads: 1,
            hog_cap: 2,
            stack_bytes: None,
            name: "test".to_owned(),
            seed: 1,
            grace: GRACE,
            isolated: false,
            long_poll: LONG_POLL,
            debug: Settings::default(),
            sigquit: false,
            follows_quota: false,
        }
    }
}
