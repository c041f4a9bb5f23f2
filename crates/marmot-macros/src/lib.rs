//! The macros of marmot: `#[main]`, `#[test]` and the grammar of `select!`.
//!
//! Plain `proc_macro`, no parser library: bodies are passed on as raw tokens, so that editors
//! complete inside them and errors point at the user's own code.

#![forbid(unsafe_code)]
