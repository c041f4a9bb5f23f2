//! `cargo xtask editor`: whether an editor completes inside our macros.
//!
//! Speaks the language server protocol with rust-analyzer: opens a sample whose marks say where
//! the cursor is and which completion has to be offered there, asks, and compares. Not part of
//! ci: it analyses the workspace and std, which takes most of a minute.
//!
//! ```text
//!   initialize ──▶ initialized, didOpen(sample in the place of a file of ours)
//!              ◀── serverStatus { quiescent: true }          the workspace is loaded
//!   completion at each mark ──▶
//!                           ◀── labels                       is the wanted one among them?
//! ```

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Outcome, tree};

/// What is typed, with everything that is to be completed in `«` and `»`. Each time one of them
/// is missing, and the cursor stands in its place.
const SAMPLE: &str = include_str!("editor_sample.txt");
/// The file in whose place the sample is opened: it has to belong to a crate that uses ours.
const PLACE: &str = "examples/hello.rs";
/// Loading the workspace may compile it.
const LOADING: Duration = Duration::from_secs(300);
const ANSWERING: Duration = Duration::from_secs(60);

pub(crate) fn chore(_args: &[String]) -> Outcome {
    if let Some(missing) = missing() {
        eprintln!("\n== editor: skipped, {missing}");
        return Ok(());
    }
    let began = Instant::now();
    let mut server = Server::start()?;
    let outcome = ask_all(&mut server);
    server.stop();
    eprintln!("== editor: {:.1} s", began.elapsed().as_secs_f64());
    outcome
}

/// What has to be installed first.
fn missing() -> Option<&'static str> {
    let there = quiet("rust-analyzer", &["--version"]).is_some();
    if !there {
        return Some("there is no rust-analyzer (rustup component add rust-analyzer)");
    }
    let sysroot = quiet("rustc", &["--print", "sysroot"])?;
    let std = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    (!std.is_dir()).then_some("std has no sources (rustup component add rust-src)")
}

/// What a command prints, if it succeeds.
fn quiet(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .current_dir(tree::root())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Asks at each mark, and says how it went.
fn ask_all(server: &mut Server) -> Outcome {
    let uri = format!("file://{}", tree::root().join(PLACE).display());
    server.initialize(&uri)?;
    let mut failed = 0;
    for mark in marks(SAMPLE) {
        let answer = server.complete(&uri, &mark)?;
        let good = offers(&answer, &mark.label);
        failed += usize::from(!good);
        let verdict = if good { "ok    " } else { "FAILED" };
        let line = mark.text.lines().nth(mark.line).unwrap_or_default();
        eprintln!("{verdict} `{}` in: {}", mark.label, line.trim());
    }
    match failed {
        0 => Ok(()),
        _ => Err(format!("{failed} completions are not offered")),
    }
}

/// The sample with something to be completed.
#[derive(Debug)]
struct Mark {
    text: String,
    /// From 0, as the protocol counts.
    line: usize,
    column: usize,
    label: String,
}

fn marks(sample: &str) -> Vec<Mark> {
    let whole = |text: &str| text.replace(['«', '»'], "");
    let mut marks = Vec::new();
    for (at, open) in sample.match_indices('«') {
        let Some((missing, after)) = sample[at + open.len()..].split_once('»') else {
            break;
        };
        let before = whole(&sample[..at]);
        let line = before.matches('\n').count();
        let column = before
            .chars()
            .rev()
            .take_while(|&char| char != '\n')
            .count();
        let label = missing.split('(').next().unwrap_or_default().to_owned();
        marks.push(Mark {
            text: before + &whole(after),
            line,
            column,
            label,
        });
    }
    marks
}

/// Whether the answer has a completion of this name, which may have parameters behind it.
fn offers(answer: &str, label: &str) -> bool {
    ["(", "\"", " "]
        .iter()
        .any(|end| answer.contains(&format!("\"label\":\"{label}{end}")))
}

/// A string as JSON writes it.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// rust-analyzer, and what it says.
struct Server {
    child: Child,
    to: ChildStdin,
    from: Receiver<String>,
    asked: u32,
    /// Of the sample.
    version: u32,
}

impl Server {
    fn start() -> Result<Server, String> {
        let mut child = Command::new("rust-analyzer")
            .current_dir(tree::root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("rust-analyzer does not start: {error}"))?;
        let to = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (said, from) = channel();
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Some(message) = read_message(&mut stdout) {
                if said.send(message).is_err() {
                    return;
                }
            }
        });
        Ok(Server {
            child,
            to,
            from,
            asked: 0,
            version: 1,
        })
    }

    fn stop(mut self) {
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }

    fn send(&mut self, message: &str) -> Outcome {
        write!(
            self.to,
            "Content-Length: {}\r\n\r\n{message}",
            message.len()
        )
        .and_then(|()| self.to.flush())
        .map_err(|error| format!("rust-analyzer does not listen: {error}"))
    }

    fn notify(&mut self, method: &str, params: &str) -> Outcome {
        self.send(&format!(
            r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#
        ))
    }

    /// Asks, and waits for the answer; what the server asks meanwhile is answered with nothing.
    fn request(&mut self, method: &str, params: &str) -> Result<String, String> {
        self.asked += 1;
        let id = self.asked;
        self.send(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#
        ))?;
        let ours = format!("\"id\":{id},");
        self.wait_for(ANSWERING, |message| {
            message.contains(&ours) && !message.contains("\"method\":")
        })
    }

    /// The next message of this kind.
    fn wait_for(
        &mut self,
        patience: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<String, String> {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let message = self.from.recv_timeout(left).map_err(|error| match error {
                RecvTimeoutError::Timeout => {
                    format!("rust-analyzer says nothing for {patience:?}")
                }
                RecvTimeoutError::Disconnected => "rust-analyzer has ended".to_owned(),
            })?;
            if wanted(&message) {
                return Ok(message);
            }
            if let Some(id) = asks(&message) {
                self.send(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":null}}"#))?;
            }
        }
    }

    fn initialize(&mut self, uri: &str) -> Outcome {
        let root = quoted(&format!("file://{}", tree::root().display()));
        let params = format!(
            r#"{{"processId":{},"rootUri":{root},"workspaceFolders":[{{"uri":{root},"name":"ours"}}],
            "capabilities":{{"experimental":{{"serverStatusNotification":true}},
            "textDocument":{{"completion":{{"completionItem":{{"snippetSupport":false}}}}}}}},
            "initializationOptions":{{"checkOnSave":false,"cachePriming":{{"enable":false}},
            "completion":{{"autoimport":{{"enable":false}}}},
            "cargo":{{"targetDir":{}}}}}}}"#,
            std::process::id(),
            quoted(&tree::target().join("editor").to_string_lossy()),
        );
        self.request("initialize", &params)?;
        self.notify("initialized", "{}")?;
        let document = format!(
            r#"{{"textDocument":{{"uri":{},"languageId":"rust","version":1,"text":{}}}}}"#,
            quoted(uri),
            quoted(&SAMPLE.replace(['«', '»'], "")),
        );
        self.notify("textDocument/didOpen", &document)?;
        self.wait_for(LOADING, |message| {
            message.contains("experimental/serverStatus") && message.contains("\"quiescent\":true")
        })?;
        Ok(())
    }

    fn complete(&mut self, uri: &str, mark: &Mark) -> Result<String, String> {
        self.version += 1;
        let change = format!(
            r#"{{"textDocument":{{"uri":{},"version":{}}},"contentChanges":[{{"text":{}}}]}}"#,
            quoted(uri),
            self.version,
            quoted(&mark.text),
        );
        self.notify("textDocument/didChange", &change)?;
        let params = format!(
            r#"{{"textDocument":{{"uri":{}}},"position":{{"line":{},"character":{}}}}}"#,
            quoted(uri),
            mark.line,
            mark.column,
        );
        // It refuses while it learns of another change.
        for _ in 0..10 {
            let answer = self.request("textDocument/completion", &params)?;
            if !answer.contains("\"error\":") {
                return Ok(answer);
            }
            thread::sleep(Duration::from_millis(200));
        }
        Err(format!("rust-analyzer refuses to complete {mark:?}"))
    }
}

/// The id of a message in which the server asks us something.
fn asks(message: &str) -> Option<&str> {
    if !message.contains("\"method\":") {
        return None;
    }
    let rest = message.split_once("\"id\":")?.1;
    let end = rest.find([',', '}'])?;
    Some(&rest[..end])
}

/// One message: headers, an empty line, and as many bytes as they say.
fn read_message(from: &mut BufReader<ChildStdout>) -> Option<String> {
    let mut length = None;
    loop {
        let mut header = String::new();
        if from.read_line(&mut header).ok()? == 0 {
            return None;
        }
        match header.trim_end() {
            "" => break,
            header => {
                if let Some(value) = header.strip_prefix("Content-Length: ") {
                    length = value.parse().ok();
                }
            }
        }
    }
    let mut body = vec![0; length?];
    from.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

#[cfg(test)]
mod tests {
    use super::{asks, marks, offers, quoted};

    #[test]
    fn a_mark_is_where_the_cursor_stands() {
        let found = marks("{\n  a.«b()», c.«recv(1)»;\n}");
        let places: Vec<_> = found.iter().map(|mark| (mark.line, mark.column)).collect();
        assert_eq!(places, [(1, 4), (1, 11)]);
        assert_eq!(found[0].text, "{\n  a., c.recv(1);\n}");
        assert_eq!(
            (&*found[1].text, &*found[1].label),
            ("{\n  a.b(), c.;\n}", "recv")
        );
    }

    #[test]
    fn a_label_is_found_whole() {
        let answer = r#"{"items":[{"label":"recv_many(…)"},{"label":"len()"}]}"#;
        assert!(offers(answer, "len") && offers(answer, "recv_many"));
        assert!(!offers(answer, "recv"));
    }

    #[test]
    fn a_question_of_the_server_is_told_from_an_answer() {
        let question = r#"{"jsonrpc":"2.0","id":7,"method":"client/registerCapability"}"#;
        assert_eq!(asks(question), Some("7"));
        assert_eq!(asks(r#"{"jsonrpc":"2.0","id":7,"result":null}"#), None);
        assert_eq!(quoted("a\n\"b\""), r#""a\n\"b\"""#);
    }
}
