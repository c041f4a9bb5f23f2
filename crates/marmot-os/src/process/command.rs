//! `Command`: how a process is to be started.

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::{CommandArgs, CommandEnvs, ExitStatus, Output, Stdio};

use crate::call::Length;
use crate::process::Child;

/// How a process is to be started: std's, whose [`output`](Command::output) and
/// [`status`](Command::status) are awaited.
///
/// # Examples
///
/// ```
/// use marmot_os::process::Command;
///
/// # marmot_wait::park::block_on(async {
/// let status = Command::new("sh").args(["-c", "exit 3"]).status().await?;
/// assert_eq!(status.code(), Some(3));
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Command {
    std: std::process::Command,
    kill_on_drop: bool,
    /// Which of the three streams the program has spoken of.
    chosen: [bool; 3],
}

const STDIN: usize = 0;
const STDOUT: usize = 1;
const STDERR: usize = 2;

impl Command {
    /// A program, with no arguments, in our environment and directory.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command {
            std: std::process::Command::new(program),
            kill_on_drop: false,
            chosen: [false; 3],
        }
    }

    /// std's, for what is not here: `pre_exec` for one. Streams are chosen through ours.
    pub fn as_std_mut(&mut self) -> &mut std::process::Command {
        &mut self.std
    }

    /// std's.
    #[must_use]
    pub fn as_std(&self) -> &std::process::Command {
        &self.std
    }

    /// One more argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// More arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// A variable of its environment.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.std.env(key, value);
        self
    }

    /// Variables of its environment.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// It does not inherit this variable.
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// It inherits no variable.
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// Its directory.
    pub fn current_dir(&mut self, dir: impl AsRef<Path>) -> &mut Command {
        self.std.current_dir(dir);
        self
    }

    /// What it reads: ours, unless said otherwise; nothing under [`output`](Command::output).
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Command {
        self.std.stdin(stdin);
        self.chosen[STDIN] = true;
        self
    }

    /// Where it writes: where we do, unless said otherwise; under [`output`](Command::output)
    /// to us.
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Command {
        self.std.stdout(stdout);
        self.chosen[STDOUT] = true;
        self
    }

    /// Where it complains: where we do, unless said otherwise; under
    /// [`output`](Command::output) to us.
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Command {
        self.std.stderr(stderr);
        self.chosen[STDERR] = true;
        self
    }

    /// It is killed when its [`Child`] is dropped, or the future of
    /// [`output`](Command::output) or [`status`](Command::status).
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Command {
        self.kill_on_drop = kill;
        self
    }

    /// Its user.
    pub fn uid(&mut self, id: u32) -> &mut Command {
        std::os::unix::process::CommandExt::uid(&mut self.std, id);
        self
    }

    /// Its group of users.
    pub fn gid(&mut self, id: u32) -> &mut Command {
        std::os::unix::process::CommandExt::gid(&mut self.std, id);
        self
    }

    /// What it is told to be called.
    pub fn arg0(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        std::os::unix::process::CommandExt::arg0(&mut self.std, arg);
        self
    }

    /// Its process group; with 0 one of its own, which Ctrl-C does not reach.
    pub fn process_group(&mut self, group: i32) -> &mut Command {
        std::os::unix::process::CommandExt::process_group(&mut self.std, group);
        self
    }

    /// The program, as it was given.
    #[must_use]
    pub fn get_program(&self) -> &OsStr {
        self.std.get_program()
    }

    /// The arguments, without the program's name.
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.std.get_args()
    }

    /// What was said of its environment; `None` for a variable that is removed.
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.std.get_envs()
    }

    /// Its directory; `None` for ours.
    #[must_use]
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.std.get_current_dir()
    }

    /// Starts it.
    ///
    /// Starting takes the system about a millisecond; the P is given away meanwhile.
    ///
    /// # Errors
    ///
    /// As in std: `NotFound`, `PermissionDenied`; the text names the program.
    #[track_caller]
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.spawn_with([Stdio::inherit, Stdio::inherit, Stdio::inherit])
    }

    /// Starts it, and waits until it ends. A standard input that is piped is closed.
    ///
    /// It is started at once, before the future is polled.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Command::spawn).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves it running, unless [`kill_on_drop`](Command::kill_on_drop)
    /// was said.
    #[track_caller]
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + Send + use<> {
        let (child, place) = (self.spawn(), Location::caller());
        async move {
            let mut child = child?;
            // What is piped and nobody reads must not hold it up.
            child.stdout = None;
            child.stderr = None;
            child.wait_from(place).await
        }
    }

    /// Starts it, reads what it writes, and waits until it ends.
    ///
    /// It is started at once, before the future is polled.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Command::spawn).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves it running, unless [`kill_on_drop`](Command::kill_on_drop)
    /// was said; what it has written is lost.
    #[track_caller]
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + Send + use<> {
        let child = self.spawn_with([Stdio::null, Stdio::piped, Stdio::piped]);
        let place = Location::caller();
        async move { child?.wait_with_output_from(place).await }
    }

    #[track_caller]
    fn spawn_with(&mut self, default: [fn() -> Stdio; 3]) -> io::Result<Child> {
        if !self.chosen[STDIN] {
            self.std.stdin(default[STDIN]());
        }
        if !self.chosen[STDOUT] {
            self.std.stdout(default[STDOUT]());
        }
        if !self.chosen[STDERR] {
            self.std.stderr(default[STDERR]());
        }
        let started = Length::Long.run(Location::caller(), || self.std.spawn());
        let child = started.and_then(|child| Child::new(child, self.kill_on_drop));
        child.map_err(|error| NotStarted::of(&self.std, error))
    }
}

/// An error that names what could not be started. Go: `exec.Error`.
#[derive(Debug)]
struct NotStarted {
    program: OsString,
    dir: Option<PathBuf>,
    error: io::Error,
}

impl NotStarted {
    fn of(command: &std::process::Command, error: io::Error) -> io::Error {
        let its = NotStarted {
            program: command.get_program().to_owned(),
            dir: command.get_current_dir().map(Path::to_owned),
            error,
        };
        io::Error::new(its.error.kind(), its)
    }
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exec {:?}", self.program)?;
        if let Some(dir) = &self.dir {
            // It may be this that does not exist.
            write!(f, " in {dir:?}")?;
        }
        write!(f, ": {}", self.error)
    }
}

impl Error for NotStarted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl From<std::process::Command> for Command {
    /// The three streams are as if nobody had spoken of them.
    fn from(std: std::process::Command) -> Command {
        Command {
            std,
            ..Command::new("")
        }
    }
}
