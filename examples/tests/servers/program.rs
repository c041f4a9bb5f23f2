//! An example as a process; it ends with the test.

use std::env;
use std::io::{BufRead, BufReader, Lines};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use marmot_testing::within;

/// None of the tests needs a tenth of it.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Program {
    pub(crate) process: Child,
    /// What it prints.
    pub(crate) lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    pub(crate) fn start(name: &str, args: &[&str]) -> Program {
        Program::start_with(name, args, |command| command)
    }

    pub(crate) fn start_with(
        name: &str,
        args: &[&str],
        more: fn(&mut Command) -> &mut Command,
    ) -> Program {
        let mut command = Command::new(path(name));
        more(command.args(args));
        Program::of(command)
    }

    /// One that may have only so many descriptors.
    pub(crate) fn start_with_few(descriptors: u32, name: &str, args: &[&str]) -> Program {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("ulimit -n {descriptors} && exec \"$0\" \"$@\""))
            .arg(path(name))
            .args(args)
            // For the one that has its port from there.
            .env("PORT", "0");
        Program::of(command)
    }

    fn of(mut command: Command) -> Program {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the example starts");
        let stdout = process.stdout.take().expect("piped");
        Program {
            process,
            lines: BufReader::new(stdout).lines(),
        }
    }

    /// How many descriptors it has, and how many of them are sockets. (Others may come and stay: the
    /// scheduler keeps some by which it asks what its threads do.)
    pub(crate) fn descriptors(&self) -> (usize, usize) {
        let listed = std::fs::read_dir(format!("/proc/{}/fd", self.process.id()));
        let entries = listed.expect("Linux, and it runs").flatten();
        let all: Vec<_> = entries.map(|entry| entry.path().read_link()).collect();
        let is_socket = |link: &std::io::Result<PathBuf>| {
            let link = link.as_ref().ok();
            link.is_some_and(|link| link.to_string_lossy().starts_with("socket:"))
        };
        (all.len(), all.iter().filter(|link| is_socket(link)).count())
    }

    pub(crate) fn line(&mut self) -> String {
        self.lines.next().expect("a line").expect("text")
    }

    /// All that it prints until it ends.
    pub(crate) fn lines_to_the_end(mut self) -> Vec<String> {
        let lines = self.lines.by_ref();
        lines.map(|line| line.expect("text")).collect()
    }

    /// Where it says that it listens, in its first line.
    pub(crate) fn addr(&mut self) -> SocketAddr {
        let line = self.line();
        line.split([' ', ',', '/'])
            .find_map(|word| word.parse().ok())
            .unwrap_or_else(|| panic!("no address in {line:?}"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already, or goes on for ever.
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

/// A client whose reads do not last for ever.
pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    stream
}

/// Runs a test, which must not last for ever. The examples are there: cargo builds them before
/// tests, unless it was told to build this one alone.
pub(crate) fn test(test: fn()) {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "examples", "--examples"]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(built.expect("cargo").success(), "the examples compile");
    });
    within(LIMIT, test);
}

/// The program of an example, beside the folder of this one.
fn path(name: &str) -> PathBuf {
    let this = env::current_exe().expect("a program");
    let folder = this.ancestors().nth(2).expect("target/debug/deps/this");
    let path = folder.join("examples").join(name);
    path.with_extension(env::consts::EXE_EXTENSION)
}
