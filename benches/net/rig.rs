//! The processes: a server and the client, started and ended for each measurement.
//!
//! ```text
//!   --child serve KIND PEER WORKERS                             prints its port; ends with stdin
//!   --child load ROW PORT PID TURNS_PER_US WARM_UP_MS TIME_MS   prints its figures, and ends
//! ```

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{self, Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use benches::args::Args;
use benches::go;
use benches::measure::limits;

use crate::client::{self, Figures, Load};
use crate::conns;
use crate::plan::{Kind, Row};
use crate::{servers, work};

/// How long servers are warmed up and measured, at scale 1.
const WARM_UP: Duration = Duration::from_millis(150);
const TIME: Duration = Duration::from_millis(500);

/// What a microsecond of work is, for all who are measured.
pub(crate) static TURNS_PER_US: LazyLock<f64> = LazyLock::new(work::turns_per_us);

/// A server; it ends when this is dropped.
struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It reads its stdin, which ends here; if it has ended before, that is all right too.
        drop(self.process.stdin.take());
        let _gone = self.process.wait();
    }
}

impl Server {
    fn start(mut command: Command) -> Option<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut line = String::new();
        let read = BufReader::new(process.stdout.take()?).read_line(&mut line);
        let server = Self {
            process,
            port: line.trim().parse().unwrap_or(0),
        };
        (read.is_ok() && server.port != 0).then_some(server)
    }
}

/// Measures one peer once. `None` if it does not take part here.
pub(crate) fn measure(
    peer: &str,
    row: &Row,
    workers: usize,
    args: &Args,
    go: Option<&go::Program>,
) -> Option<Figures> {
    let server = Server::start(command(peer, row.kind, workers, go)?)?;
    let ms = |time: Duration| time.mul_f64(args.scale).as_millis().to_string();
    let output = this_program()?
        .args(["--child", "load", row.name])
        .args([server.port.to_string(), server.process.id().to_string()])
        .args([TURNS_PER_US.to_string(), ms(WARM_UP), ms(TIME)])
        .stderr(Stdio::inherit())
        .output()
        .ok()?;
    Figures::of_line(&String::from_utf8_lossy(&output.stdout))
}

fn command(peer: &str, kind: Kind, workers: usize, go: Option<&go::Program>) -> Option<Command> {
    if peer == go::NAME {
        return Some(go?.serve(kind.word(), workers));
    }
    let mut command = this_program()?;
    command
        .args(["--child", "serve", kind.word(), peer])
        .arg(workers.to_string());
    Some(command)
}

fn this_program() -> Option<Command> {
    env::current_exe().ok().map(Command::new)
}

/// What this process is to do for its parent.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub(crate) fn be_child(task: &[String]) {
    let words: Vec<&str> = task.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", kind, peer, workers] => serve(Kind::of(kind), peer, number(workers)),
        ["load", row, port, pid, turns_per_us, warm_up, time] => {
            let figures = client::run(Load {
                row: Row::of(row),
                server: ([127, 0, 0, 1], number(port)).into(),
                pid: number(pid),
                turns_per_us: number(turns_per_us),
                warm_up: Duration::from_millis(number(warm_up)),
                time: Duration::from_millis(number(time)),
            });
            println!("{}", figures.expect("the server answers").to_line());
        }
        _ => panic!("--child wants a server or a load"),
    }
}

#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn serve(kind: Kind, peer: &str, workers: usize) {
    let _enough = limits::raise_descriptors();
    let listener = conns::listen();
    let port = listener.local_addr().expect("it is bound").port();
    servers::start(peer, kind, workers, listener);
    println!("{port}");
    // Until the parent lets go, or is gone.
    let _ended = std::io::stdin().read(&mut [0]);
    process::exit(0);
}

fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse()
        .unwrap_or_else(|_| panic!("{word} is no number"))
}
