//! Runs other programs, says what it does, and how long it took.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::tree;

/// `cargo` with these arguments, at the root.
///
/// The one on the path, not the one that runs us: only the former knows `+toolchain`.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(args).current_dir(tree::root());
    command
}

/// The flags of the environment and ours.
pub(crate) fn and_env(name: &str, ours: &str) -> String {
    match std::env::var(name) {
        Ok(theirs) if !theirs.is_empty() => format!("{theirs} {ours}"),
        _ => ours.to_owned(),
    }
}

/// Runs the command and says how it went.
///
/// # Errors
///
/// If it cannot be started, or fails.
pub(crate) fn step(title: &str, command: &mut Command) -> Result<(), String> {
    let began = begin(title, command);
    let status = command
        .status()
        .map_err(|error| format!("{title}: cannot start {command:?}: {error}"))?;
    end(title, began, status.success())
}

/// The same, for a command that must end in time.
///
/// # Errors
///
/// If it cannot be started, fails, or does not end; then it is killed with its children.
pub(crate) fn step_within(
    title: &str,
    limit: Duration,
    command: &mut Command,
) -> Result<(), String> {
    let began = begin(title, command);
    match within(limit, command).map_err(|error| format!("{title}: {error}"))? {
        Some(good) => end(title, began, good),
        None => Err(format!("{title}: still running after {limit:?}, killed")),
    }
}

/// The same, giving what it printed, which is shown as well.
///
/// # Errors
///
/// If it cannot be started, or fails.
pub(crate) fn step_listening(title: &str, command: &mut Command) -> Result<String, String> {
    let began = begin(title, command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{title}: cannot start {command:?}: {error}"))?;
    let mut heard = String::new();
    let stdout = child.stdout.take().expect("stdout is piped");
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        // If nobody reads what we say, we listen all the same.
        let _unread = writeln!(std::io::stdout(), "{line}");
        heard.push_str(&line);
        heard.push('\n');
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    end(title, began, status.success()).map(|()| heard)
}

/// Runs a command for so long and no longer: whether it succeeded, or nothing if it had to
/// be killed.
///
/// # Errors
///
/// If it cannot be started.
pub(crate) fn within(limit: Duration, command: &mut Command) -> Result<Option<bool>, String> {
    own_group(command);
    let mut child = command
        .spawn()
        .map_err(|error| format!("cannot start {command:?}: {error}"))?;
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(Some(status.success()));
        }
        if began.elapsed() > limit {
            kill(&mut child);
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Puts the command into a process group of its own, so that its children die with it.
fn own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

fn kill(child: &mut Child) {
    let group = format!("-{}", child.id());
    // Where there is no such program, the child alone has to do.
    let _by_group = Command::new("kill").args(["-KILL", "--", &group]).status();
    let _alone = child.kill();
    let _reaped = child.wait();
}

fn begin(title: &str, command: &Command) -> Instant {
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            line += &format!("{}={:?} ", name.to_string_lossy(), value.to_string_lossy());
        }
    }
    line += &command.get_program().to_string_lossy();
    for arg in command.get_args() {
        line = line + " " + &arg.to_string_lossy();
    }
    eprintln!("\n== {title}: {line}");
    Instant::now()
}

fn end(title: &str, began: Instant, good: bool) -> Result<(), String> {
    let took = began.elapsed().as_secs_f32();
    eprintln!(
        "== {title}: {} in {took:.1} s",
        if good { "ok" } else { "FAILED" }
    );
    if good {
        Ok(())
    } else {
        Err(format!("{title} failed"))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::within;

    #[test]
    fn a_command_that_does_not_end_is_killed_with_its_children() {
        let began = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & wait"]);
        assert_eq!(within(Duration::from_millis(50), &mut command), Ok(None));
        assert!(began.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_command_that_ends_says_how() {
        let minute = Duration::from_secs(60);
        assert_eq!(within(minute, &mut Command::new("true")), Ok(Some(true)));
        assert_eq!(within(minute, &mut Command::new("false")), Ok(Some(false)));
        assert!(within(minute, &mut Command::new("no such program")).is_err());
    }
}
