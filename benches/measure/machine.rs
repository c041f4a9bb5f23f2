//! What a published figure must be accompanied by: machine, kernel, compiler, commit.

use std::fs;
use std::process::Command;
use std::thread;

/// The four, as lines of a markdown list.
#[must_use]
pub fn describe() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    format!(
        "- machine: {}, {cores} cores for this process\n- kernel: {}\n- compiler: {}\n- commit: {}\n",
        cpu_model(),
        kernel(),
        said_by("rustc", &["--version"]),
        said_by("git", &["describe", "--always", "--dirty", "--exclude=*"]),
    )
}

fn cpu_model() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or_else(|| "unknown".to_owned(), |(_, model)| model.to_owned())
}

fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(
        |_| "unknown".to_owned(),
        |text| format!("Linux {}", text.trim()),
    )
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    Command::new(program)
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map_or_else(
            || "unknown".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
}
