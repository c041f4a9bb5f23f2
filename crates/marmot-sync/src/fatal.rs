//! Misuse that Go answers with the end of the process.

use std::io::Write;

/// Ends the process as Go's runtime does: one line on stderr, exit status 2.
#[cold]
pub(crate) fn fatal(text: &str) -> ! {
    // The process ends whether or not anybody reads the line.
    writeln!(std::io::stderr(), "fatal error: {text}").ok();
    std::process::exit(2)
}
