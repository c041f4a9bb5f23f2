//! What the tour shows: each program's output, shortened, and the table at the end.

use std::io::{IsTerminal, Write};

use crate::check::Verdict;
use crate::child::Run;
use crate::permitted;
use crate::programs::{Order, Program};

/// How many lines of a program's output are shown: the first ones, and the last.
const HEAD: usize = 7;
/// How many characters of a line.
const WIDTH: usize = 84;

/// One program, after all its tries.
pub(crate) struct Visit {
    pub(crate) program: &'static Program,
    pub(crate) run: Run,
    pub(crate) verdict: Verdict,
    pub(crate) tries: u32,
}

/// Where the tour writes to, in colour if somebody looks at it.
pub(crate) struct Show<W> {
    to: W,
    colour: bool,
}

impl Show<std::io::StdoutLock<'static>> {
    pub(crate) fn stdout() -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Show {
            to: std::io::stdout().lock(),
            colour,
        }
    }
}

impl<W: Write> Show<W> {
    pub(crate) fn heading(&mut self, programs: usize, one_p: bool) -> std::io::Result<()> {
        let procs = match one_p {
            true => "on one P: in Go's run-next order where it has one",
            false => "in any order that Go permits (GOMAXPROCS=1 asks for the run-next order)",
        };
        writeln!(self.to, "{programs} programs, {procs}")
    }

    /// A program's output, as far as it can be shown.
    pub(crate) fn visit(&mut self, visit: &Visit) -> std::io::Result<()> {
        let Visit { program, run, .. } = visit;
        let title = self.bold(&format!("{:<5}{}", program.id, program.title));
        let verdict = self.verdict(visit);
        writeln!(self.to, "\n{title}  {verdict}")?;
        for line in shortened(&run.stdout) {
            writeln!(self.to, "     | {line}")?;
        }
        if run.status != Some(0) {
            for line in shortened(&run.stderr) {
                writeln!(self.to, "     ! {line}")?;
            }
            let status = run
                .status
                .map_or("none".to_owned(), |status| status.to_string());
            writeln!(self.to, "     exit status {status}")?;
        }
        self.to.flush()
    }

    /// One line a program, and the count.
    pub(crate) fn table(&mut self, visits: &[Visit], not_run: &[&str]) -> std::io::Result<()> {
        writeln!(
            self.to,
            "\n{:<6}{:<36}{:>8}  {:<14}verdict",
            "", "program", "time", "order"
        )?;
        for visit in visits {
            let Visit { program, run, .. } = visit;
            let time = format!("{:.0} ms", run.took.as_secs_f64() * 1e3);
            let verdict = self.verdict(visit);
            let order = order(program, run);
            writeln!(
                self.to,
                "{:<6}{:<36}{time:>8}  {order:<14}{verdict}",
                program.id, program.title
            )?;
        }
        for id in not_run {
            writeln!(
                self.to,
                "{id:<6}{:<36}{:>8}  {:<14}does not compile, nor does it in Go",
                "", "", ""
            )?;
        }
        let failed = failures(visits);
        let passed = visits.len() - failed;
        let count = format!(
            "{} programs run, {passed} passed, {failed} failed, 0 open",
            visits.len()
        );
        let count = if failed == 0 {
            self.green(&count)
        } else {
            self.red(&count)
        };
        writeln!(self.to, "\n{count}")
    }

    fn verdict(&self, visit: &Visit) -> String {
        let tries = match visit.tries {
            1 => String::new(),
            tries => format!(" (try {tries})"),
        };
        match &visit.verdict {
            Ok(()) => self.green("passed") + &tries,
            Err(why) => self.red(&format!("FAILED{tries}: {why}")),
        }
    }

    fn green(&self, text: &str) -> String {
        self.painted("32", text)
    }

    fn red(&self, text: &str) -> String {
        self.painted("31", text)
    }

    fn bold(&self, text: &str) -> String {
        self.painted("1", text)
    }

    fn painted(&self, code: &str, text: &str) -> String {
        match self.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

pub(crate) fn failures(visits: &[Visit]) -> usize {
    visits.iter().filter(|visit| visit.verdict.is_err()).count()
}

/// What was asked of the order, or for the time slices what was seen.
fn order(program: &Program, run: &Run) -> String {
    match program.order {
        _ if program.id == "P18a" => {
            let lines: Vec<&str> = run.stdout.lines().collect();
            format!("{} blocks", permitted::hash_blocks(&lines))
        }
        Order::OneP if run.one_p => "run-next".to_owned(),
        Order::OneP => "any".to_owned(),
        Order::CutOff(usual) if run.stdout == usual => "cut off".to_owned(),
        Order::CutOff(_) => "not cut off".to_owned(),
        Order::Clock => "by the clock".to_owned(),
        Order::Any => "permitted".to_owned(),
    }
}

/// The first lines and the last one, none of them too long.
fn shortened(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut shown: Vec<String> = lines.iter().take(HEAD).map(|line| narrow(line)).collect();
    if lines.len() > HEAD {
        let left_out = lines.len() - HEAD - 1;
        if left_out > 0 {
            shown.push(format!("({left_out} more lines)"));
        }
        shown.extend(lines.last().map(|line| narrow(line)));
    }
    shown
}

fn narrow(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    let head: String = line.chars().take(WIDTH - 3).collect();
    head + "..."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_output_is_shown_whole() {
        assert_eq!(shortened("a\nb\n"), ["a", "b"]);
        assert_eq!(shortened(""), Vec::<String>::new());
    }

    #[test]
    fn long_output_shows_its_beginning_and_its_end() {
        let text: String = (1..=100).map(|n| format!("{n}\n")).collect();
        let shown = shortened(&text);
        assert_eq!(shown.len(), HEAD + 2);
        assert_eq!(shown[HEAD..], ["(92 more lines)", "100"]);
    }

    #[test]
    fn long_lines_are_cut() {
        assert_eq!(narrow(&"x".repeat(200)).chars().count(), WIDTH);
    }
}
