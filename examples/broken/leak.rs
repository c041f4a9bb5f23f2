//! Broken: goroutines wait for answers that never come, because what could send them is kept.
//!
//! Look at the numbers: goroutines by why they wait grow with every request. Then at the
//! dump: all of them were born at one line and wait at another.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::collections::HashMap;

use marmot::prelude::*;

/// Who waits for which answer. Entries are added, and never taken out.
type Pending = HashMap<u32, Sender<String>>;

fn ask(id: u32, pending: &mut Pending) {
    let (answer, wait) = chan::<String>(0);
    pending.insert(id, answer);
    go!(async move {
        runtime::set_name(format!("request {id}"));
        wait.recv().await
    });
}

#[marmot::main]
async fn main() {
    let mut pending = Pending::new();
    for id in 0..30 {
        ask(id, &mut pending);
        if id % 10 == 9 {
            sleep(ms(20)).await;
            let goroutines = runtime::metrics().goroutines;
            println!("{} goroutines wait", goroutines.waiting);
        }
    }
    let mut places = HashMap::<_, u32>::new();
    for g in runtime::dump().goroutines {
        if let (Some(born), Some(waits)) = (g.birthplace, g.waits_at) {
            *places.entry((born, g.reason, waits)).or_default() += 1;
        }
    }
    for ((born, reason, waits), count) in places {
        println!("{count} born at {born} are in {reason} at {waits}");
    }
}
