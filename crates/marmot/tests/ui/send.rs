//! What may not go to another thread, and what is no goroutine.

use std::rc::Rc;

use marmot::prelude::*;

fn captures() {
    let shared = Rc::new(1);
    /*~ cannot be sent between threads */go!(async move {
        gosched().await;
        drop(shared);
    });
}
