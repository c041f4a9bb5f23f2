//! Programs that show one idea each; the README beside this file is their index.
//!
//! Four of the seed programs are not among them, because they do not compile, in Go or here.
//!
//! # P3: a channel that is made and not used
//!
//! Go refuses it: "declared and not used". Rust warns, and refuses where it is told to.
//!
//! ```compile_fail
//! #![deny(unused_variables)]
//! let (tx, rx) = marmot::chan::<f64>(0);
//! ```
//!
//! # P4: the goroutine's function wants a channel and is called without one
//!
//! ```compile_fail,E0061
//! use marmot::prelude::*;
//!
//! async fn total_price(category: &str, result: Sender<f64>) {}
//!
//! #[marmot::main]
//! async fn main() {
//!     go!(total_price("Chess"));
//! }
//! ```
//!
//! # P12: a buffered channel, made and nothing more
//!
//! Besides being unused it has no type here: nobody says what it carries.
//!
//! ```compile_fail,E0283
//! let (tx, rx) = marmot::chan(1);
//! ```
//!
//! # P27: a file that names functions which are elsewhere
//!
//! ```compile_fail,E0425
//! #[marmot::main]
//! async fn main() {
//!     schedule_workers().await;
//! }
//! ```
//!
//! # Each of them with what it lacks
//!
//! ```
//! use marmot::prelude::*;
//!
//! async fn total_price(category: &str, result: Sender<f64>) {
//!     result.send(1291.0).await.expect("main receives");
//! }
//!
//! async fn schedule_workers() {}
//!
//! #[marmot::main]
//! async fn main() {
//!     let (tx, rx) = chan(1);
//!     go!(total_price("Chess", tx));
//!     assert_eq!(rx.recv().await, Some(1291.0));
//!     schedule_workers().await;
//! }
//! ```
