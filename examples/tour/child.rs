//! Runs one program as a process of its own, within a time limit, and keeps what it printed.
//!
//! The tour starts itself again with `--program P17b`: so one cargo command builds everything,
//! and a program may end its process, as a deadlock does.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The argument that makes the tour be one of its programs.
pub(crate) const PROGRAM: &str = "--program";

/// How often a running child is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// What came of a program.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// None if it was ended by force.
    pub(crate) status: Option<i32>,
    pub(crate) took: Duration,
    /// Whether there was one P from the start, so that Go's order on one is asked for.
    pub(crate) one_p: bool,
}

/// Runs the program of this name to its end, or until `limit`.
pub(crate) fn run(id: &str, limit: Duration) -> io::Result<Run> {
    let began = Instant::now();
    let mut child = start(id)?;
    let stdout = read_all(child.stdout.take());
    let stderr = read_all(child.stderr.take());
    let status = wait(&mut child, began + limit)?;
    let took = began.elapsed();
    Ok(Run {
        stdout: text(stdout),
        stderr: text(stderr),
        status: status.and_then(|status| status.code()),
        took,
        one_p: one_p(),
    })
}

/// Starts the program; whoever holds the child has to end it.
fn start(id: &str) -> io::Result<Child> {
    command(id)?
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// The tour as this program.
pub(crate) fn command(id: &str) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([PROGRAM, id]).stdin(Stdio::null());
    Ok(command)
}

/// Whether the environment asks for one P.
pub(crate) fn one_p() -> bool {
    let asked = ["MARMOT_MAXPROCS", "GOMAXPROCS"];
    let asked = asked.iter().find_map(|name| std::env::var(name).ok());
    asked.is_some_and(|procs| procs == "1")
}

/// The exit status, or None if the child had to be killed.
fn wait(child: &mut Child, until: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

/// A thread that reads a pipe to its end: a full pipe would stop the child.
fn read_all(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What could be read counts; a broken pipe ends it.
            pipe.read_to_end(&mut bytes).ok();
        }
        bytes
    })
}

fn text(reader: thread::JoinHandle<Vec<u8>>) -> String {
    let bytes = reader.join().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
