//! A goroutine's own end is the same thing in every crate.

use std::panic::{catch_unwind, resume_unwind};

use marmot_scheduler::{Runtime, goexit};
use marmot_wait::{Goexit, park};

#[test]
fn a_goexit_that_another_crate_passes_on_is_no_panic() {
    let rt = Runtime::builder().max_procs(1).build().expect("a runtime");
    let handle = rt.spawn(async { resume_unwind(Box::new(Goexit)) });
    let ended: Result<(), _> = rt.block_on(handle);
    assert!(ended.expect_err("it did not return").is_goexit());
}

#[test]
fn other_crates_know_a_goexit_when_they_catch_it() {
    let caught = catch_unwind(|| park::block_on(goexit())).expect_err("it unwinds");
    assert!(caught.is::<Goexit>());
}
