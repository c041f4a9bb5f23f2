//! The macros of marmot: `#[main]`, `#[test]` and the grammar of `select!`.
//!
//! Plain `proc_macro`, no parser library: bodies are passed on as raw tokens, so that editors
//! complete inside them and errors point at the user's own code.

#![forbid(unsafe_code)]

mod entry;
mod select;
mod select_expand;

/// What `marmot_chan::select!` expands to; call that one.
#[doc(hidden)]
#[proc_macro]
pub fn select_impl(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    select::expand(input)
}

/// Makes a function the main goroutine of a program.
///
/// The function is an `async fn` or a plain `fn`, without arguments, of any return type that
/// `main` may have. It runs as an ordinary goroutine on a runtime made for it. When it returns
/// the process ends; goroutines that are still alive are cut off, as in Go. An `Err` is printed,
/// and the exit status is 1. The value need not be `Send`: the goroutine itself reports it.
///
/// ```ignore
/// use marmot::prelude::*;
///
/// #[marmot::main(max_procs = 2)]
/// async fn main() {
///     let (tx, rx) = chan(0);
///     go!(async move { tx.send("hello").await });
///     println!("{:?}", rx.recv().await);
/// }
/// ```
///
/// | option | is | default |
/// |---|---|---|
/// | `max_procs = 2` | the number of Ps | the CPUs this process may use |
/// | `panic = "crash"` or `"report"` | what a panic does that nobody can observe | `"crash"` |
/// | `deadlock = "fatal"`, `"report"` or `"off"` | what happens when nothing can ever run again | `"fatal"` |
#[proc_macro_attribute]
pub fn main(
    options: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    entry::expand(entry::Kind::Main, options, item)
}

/// Makes a function a test that runs in a runtime of its own.
///
/// A panic in any goroutine fails it, and so does a deadlock. Goroutines that the body leaves
/// behind are told, after a short while, and cut off.
/// `#[should_panic]` and `#[ignore]` work as they do with
/// `#[test]`, which this attribute brings along, and so does returning a `Result`.
///
/// ```ignore
/// #[marmot::test(max_procs = 1)]
/// async fn a_value_arrives() {
///     let (tx, rx) = chan(0);
///     go!(async move { tx.send(7).await });
///     assert_eq!(rx.recv().await, Some(7));
/// }
/// ```
///
/// It takes the options of [`macro@main`], and
///
/// | option | is |
/// |---|---|
/// | `leaks = "fail"` | no goroutine may be left behind; `"report"` is the default, and `"off"` says nothing |
/// | `real_time` | the clock of the machine, which is the default |
///
/// The options `virtual_time` and `seeds` are understood but not there yet: a test that asks for
/// them does not compile.
#[proc_macro_attribute]
pub fn test(
    options: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    entry::expand(entry::Kind::Test, options, item)
}
