//! The rows of channels, everybody against everybody, in one interleaved run.
//!
//! `cargo bench -p benches -- chan/`, or `--bench chan -- [words] [--rounds 9]
//! [--workers 1,2] [--peers marmot,kanal] [--scale 1] [--no-trim]`

mod peers;

use std::path::Path;

use benches::{contest, interleaved};

fn main() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    interleaved::main("chan", &contest::channels::<peers::All>(), scratch);
}
