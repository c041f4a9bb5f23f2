//! `Child`: a process that we have started.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::process::{ExitStatus, Output};

use futures::future::try_join3;

use crate::process::orphans;
use crate::process::watch::Watch;
use crate::process::{ChildStderr, ChildStdin, ChildStdout};
use crate::signal::{self, Signal};

/// A process that a [`Command`](crate::process::Command) has started.
///
/// Dropping it leaves the process running, unless it was started with
/// [`kill_on_drop`](crate::process::Command::kill_on_drop), and leaves no zombie.
///
/// # Examples
///
/// ```
/// use marmot_os::process::{Command, Stdio};
///
/// # marmot_wait::park::block_on(async {
/// let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
/// let stdin = child.stdin.take().expect("piped");
/// stdin.write_all(b"through it").await?;
/// drop(stdin);
/// let output = child.wait_with_output().await?;
/// assert_eq!(output.stdout, b"through it");
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Child {
    /// `None` only while it is being dropped.
    child: Option<std::process::Child>,
    watch: Option<Watch>,
    kill_on_drop: bool,
    /// What it reads, if it was piped and nobody has taken it.
    pub stdin: Option<ChildStdin>,
    /// What it writes, if it was piped and nobody has taken it.
    pub stdout: Option<ChildStdout>,
    /// Where it complains, if it was piped and nobody has taken it.
    pub stderr: Option<ChildStderr>,
}

impl Child {
    pub(super) fn new(mut child: std::process::Child, kill_on_drop: bool) -> io::Result<Child> {
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut child = Child {
            child: Some(child),
            watch: None,
            // One whose pipes can't be had is not left to run alone.
            kill_on_drop: true,
            stdin: None,
            stdout: None,
            stderr: None,
        };
        child.stdin = stdin.map(ChildStdin::new).transpose()?;
        child.stdout = stdout.map(ChildStdout::new).transpose()?;
        child.stderr = stderr.map(ChildStderr::new).transpose()?;
        child.kill_on_drop = kill_on_drop;
        Ok(child)
    }

    fn inner(&mut self) -> &mut std::process::Child {
        self.child
            .as_mut()
            .expect("it is there until it is dropped")
    }

    /// Its number. Once it has been waited for the system may give the same to another process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, std::process::Child::id)
    }

    /// Sends it `SIGKILL`. It is still to be waited for. That it has ended is no error.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn kill(&mut self) -> io::Result<()> {
        self.inner().kill()
    }

    /// Sends it a signal. Go: `Process.Signal`.
    ///
    /// # Errors
    ///
    /// "process already finished" if it has ended; otherwise if the system refuses.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_os::process::Command;
    /// use marmot_os::signal::Signal;
    ///
    /// # marmot_wait::park::block_on(async {
    /// let mut child = Command::new("sleep").arg("60").spawn()?;
    /// child.signal(Signal::TERM)?;
    /// assert!(!child.wait().await?.success());
    /// assert!(child.signal(Signal::TERM).is_err());
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn signal(&mut self, signal: Signal) -> io::Result<()> {
        // Reaped, its number may be another's; not reaped, it is still its own.
        if self.try_wait()?.is_some() {
            return Err(io::Error::other("process already finished"));
        }
        signal::send(self.id(), signal)
    }

    /// How it has ended, if it has.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.inner().try_wait()
    }

    /// Waits until it ends. Its standard input, if nobody has taken it, is closed first.
    ///
    /// May be called again; the answer is the same.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing (its standard input stays closed).
    #[track_caller]
    pub fn wait(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + Send + '_ {
        self.wait_from(Location::caller())
    }

    /// As [`wait`](Child::wait), for somebody who waits here.
    pub(super) async fn wait_from(
        &mut self,
        place: &'static Location<'static>,
    ) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        if let Some(status) = self.try_wait()? {
            return Ok(status);
        }
        if self.watch.is_none() {
            self.watch = Some(Watch::new(self.inner())?);
        }
        let (Some(watch), Some(child)) = (&self.watch, &mut self.child) else {
            unreachable!("both are there");
        };
        let status = watch.wait(child, place).await?;
        self.watch = None;
        Ok(status)
    }

    /// Closes its standard input, reads what it writes to its end, and waits until it ends.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    ///
    /// # Cancel safety
    ///
    /// A dropped future loses what has been read, and drops the child.
    #[track_caller]
    pub fn wait_with_output(self) -> impl Future<Output = io::Result<Output>> + Send {
        self.wait_with_output_from(Location::caller())
    }

    /// As [`wait_with_output`](Child::wait_with_output), for somebody who waits here.
    pub(super) async fn wait_with_output_from(
        mut self,
        place: &'static Location<'static>,
    ) -> io::Result<Output> {
        drop(self.stdin.take());
        let (out, err) = (self.stdout.take(), self.stderr.take());
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let read_out = async {
            match &out {
                Some(out) => out.read_to_end_from(place, &mut stdout).await,
                None => Ok(0),
            }
        };
        let read_err = async {
            match &err {
                Some(err) => err.read_to_end_from(place, &mut stderr).await,
                None => Ok(0),
            }
        };
        let (_, _, status) = try_join3(read_out, read_err, self.wait_from(place)).await?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        if self.kill_on_drop {
            // It may have ended, and be nobody's business any more.
            let _ended = child.kill();
        }
        orphans::adopt(child, self.watch.take());
    }
}
