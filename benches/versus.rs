//! The scheduler's rows, everybody against everybody, in one interleaved run.
//!
//! `cargo bench -p benches --bench versus -- [words] [--rounds 9] [--workers 1,2]
//! [--peers marmot,tokio] [--scale 1] [--no-trim]`

mod peers;

use std::path::Path;

use benches::{contest, interleaved};

fn main() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    interleaved::main("versus", &contest::scheduler::<peers::All>(), scratch);
}
