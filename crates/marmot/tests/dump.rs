//! What a dump tells: of goroutines that wait, run, block and burn, and of Ps and Ms.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use marmot::prelude::*;
use marmot::runtime::dump::{MachineStatus, ProcStatus};
use marmot::runtime::{Goroutine, GoroutineState};
use marmot_testing::{until, within};

const LATE: Duration = Duration::from_secs(20);

fn two_procs() -> Runtime {
    Runtime::builder().max_procs(2).build().expect("a runtime")
}

/// The only goroutine that the test has started, once it does what the test is about.
#[track_caller]
fn one(rt: &Runtime, what: &str, is_so: impl Fn(&Goroutine) -> bool) -> Goroutine {
    let handle = rt.handle();
    let find = || handle.dump().goroutines.into_iter().find(|g| is_so(g));
    until(LATE, what, || find().is_some());
    find().expect("it was there just now")
}

#[test]
fn a_goroutine_that_waits_is_told_with_reason_object_place_and_birthplace() {
    let rt = two_procs();
    let (tx, rx) = chan::<u32>(0);
    let other = rx.clone();
    let line = line!() + 1;
    drop(rt.spawn(async move {
        runtime::set_name("the reader");
        drop(go!(async move { other.recv().await }));
        rx.recv().await
    }));
    let is_child = |g: &Goroutine| g.parent != 0 && g.state == GoroutineState::Waiting;
    let child = one(&rt, "the child waits", is_child);
    let parent = one(&rt, "the parent waits", |g| {
        g.parent == 0 && g.state == GoroutineState::Waiting
    });
    assert_eq!(parent.name.as_deref(), Some("the reader"));
    assert_eq!(child.name, None, "a name is not inherited");
    assert_eq!(child.parent, parent.id);
    let born = parent.birthplace.expect("known");
    assert!(born.file.ends_with("dump.rs"), "{born}");
    assert_eq!(born.line, line);
    for g in [&child, &parent] {
        assert_eq!(g.reason.as_str(), "chan receive");
        assert!(g.waits_at.expect("known").file.ends_with("dump.rs"));
        assert!(!g.lost);
    }
    assert!(
        parent.object != 0 && parent.object == child.object,
        "one channel"
    );
    drop(tx);
}

#[test]
fn a_name_ends_with_its_goroutine() {
    let rt = two_procs();
    rt.block_on(rt.spawn(async { runtime::set_name("short") }))
        .expect("it ends");
    let (tx, rx) = chan::<()>(0);
    // Cells are used again: had the name stayed, one of these would have it.
    for _ in 0..1000 {
        let rx = rx.clone();
        drop(rt.spawn(async move { rx.recv().await }));
    }
    assert!(!rt.handle().stack().contains("short"));
    drop(tx);
}

#[test]
fn the_text_is_in_gos_layout() {
    let rt = two_procs();
    let (_tx, rx) = chan::<()>(0);
    drop(rt.spawn(async move { rx.recv().await }));
    one(&rt, "it waits", |g| g.state == GoroutineState::Waiting);
    let text = rt.handle().stack();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("goroutine 1 [chan receive]:"), "{text}");
    let at = lines.next().expect("a place");
    assert!(at.starts_with("\tat ") && at.contains("dump.rs:"), "{text}");
    let created = lines.find(|line| line.starts_with("created by "));
    assert!(
        created.is_some_and(|line| line.contains("dump.rs:")),
        "{text}"
    );
}

#[test]
fn who_waits_for_a_time_waits_in_gos_words() {
    let words = ["chan receive", "chan receive", "chan receive", "sleep"];
    for (kind, words) in words.into_iter().enumerate() {
        let rt = two_procs();
        let hour = secs(3600);
        drop(rt.spawn(async move {
            match kind {
                0 => drop(Timer::new(hour).recv().await),
                1 => drop(Ticker::new(hour).recv().await),
                2 => drop(after(hour).recv().await),
                _ => sleep(hour).await,
            }
        }));
        let g = one(&rt, "it waits", |g| g.state == GoroutineState::Waiting);
        assert_eq!(g.reason.as_str(), words);
    }
}

#[test]
fn the_main_goroutine_was_created_by_nobody() {
    let text = within(LATE, || {
        let rt = two_procs();
        let main = rt.handle().spawn_main(async { runtime::stack() });
        rt.block_on(main).expect("it ends")
    });
    assert!(text.starts_with("goroutine 1 [running]:\n"), "{text}");
    assert!(!text.contains("created by"), "{text}");
}

#[test]
fn a_dump_works_while_every_thread_is_stuck_and_says_how() {
    let rt = two_procs();
    let over = Arc::new(AtomicBool::new(false));
    let burns = Arc::clone(&over);
    drop(rt.spawn(async move {
        while !burns.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    }));
    let sleeps = Arc::clone(&over);
    drop(rt.spawn(async move {
        while !sleeps.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }));
    let long = |g: &Goroutine| g.in_state.is_some_and(|d| d > Duration::from_millis(20));
    let call = |g: &Goroutine| g.runs_on.and_then(|runs| runs.system_call);
    if cfg!(target_os = "linux") {
        let blocked = one(&rt, "one is seen to sleep", |g| {
            call(g).is_some() && long(g)
        });
        assert_eq!(blocked.state, GoroutineState::Running);
        assert!(call(&blocked).expect("seen").contains("nanosleep"));
        assert!(blocked.to_string().contains("blocked in clock_nanosleep"));
    }
    let burning = one(&rt, "one is seen to run", |g| {
        g.state == GoroutineState::Running && call(g).is_none() && long(g)
    });
    let runs = burning.runs_on.expect("it runs somewhere");
    let machines = rt.handle().dump().machines;
    let m = machines
        .iter()
        .find(|m| m.id == runs.machine)
        .expect("known");
    assert_eq!(m.thread, runs.thread);
    assert_eq!(m.goroutine, Some(burning.id));
    over.store(true, Ordering::Relaxed);
}

#[test]
fn who_holds_a_lock_is_told_beside_those_who_wait_for_it() {
    let rt = two_procs();
    let mutex = Arc::new(Mutex::new(()));
    let (end, ends) = chan::<()>(0);
    let theirs = Arc::clone(&mutex);
    drop(rt.spawn(async move {
        let _guard = theirs.lock().await;
        ends.recv().await
    }));
    let holder = one(&rt, "it holds the lock", |g| {
        g.reason.as_str() == "chan receive"
    });
    drop(rt.spawn(async move { drop(mutex.lock().await) }));
    let waits = one(&rt, "the other waits for it", |g| g.held_by.is_some());
    let held = waits.held_by.expect("just seen");
    assert_eq!(held.goroutine, holder.id);
    let text = waits.to_string();
    assert!(text.contains("held by goroutine 1"), "{text}");
    drop(end);
}

#[test]
fn an_idle_runtime_has_idle_procs_and_no_goroutines() {
    let rt = two_procs();
    let handle = rt.handle();
    rt.block_on(rt.spawn(async {})).expect("it ends");
    until(LATE, "all is idle", || {
        let dump = handle.dump();
        let idle = |status| matches!(status, MachineStatus::Idle | MachineStatus::Polling);
        dump.goroutines.is_empty()
            && dump.procs.len() == 2
            && dump.procs.iter().all(|p| p.status == ProcStatus::Idle)
            && dump.machines.iter().all(|m| idle(m.status))
    });
}

#[test]
fn a_goroutine_that_nothing_can_wake_is_leaked_and_others_are_not() {
    let rt = two_procs();
    let (tx, rx) = chan::<()>(0);
    drop(rt.spawn(std::future::pending::<()>()));
    drop(rt.spawn(async move { rx.recv().await }));
    // Its handle could still abort it.
    let held = rt.spawn(std::future::pending::<()>());
    let handle = rt.handle();
    let all_wait = || {
        let all = handle.dump().goroutines;
        all.iter().all(|g| g.state == GoroutineState::Waiting)
    };
    until(LATE, "all wait", all_wait);
    let ids = || handle.leaked().iter().map(|g| g.id).collect::<Vec<_>>();
    assert_eq!(ids(), [1]);
    assert!(handle.stack().contains("lost: nothing can wake it"));
    drop(held);
    assert_eq!(ids(), [1, 3], "nobody can abort it any more");
    drop(tx);
}

#[test]
fn count_and_dump_agree_while_goroutines_come_and_go() {
    let rt = two_procs();
    let handle = rt.handle();
    rt.block_on(async {
        for round in 0..50 {
            let handles: Vec<_> = (0..round).map(|_| go!(gosched())).collect();
            let dump = handle.dump();
            assert!(dump.goroutines.len() <= round, "{dump}");
            assert!(dump.goroutines.is_sorted_by_key(|g| g.id));
            for each in handles {
                each.await.expect("it ends");
            }
        }
        assert_eq!(runtime::num_goroutine(), 0);
        assert!(handle.dump().goroutines.is_empty());
    });
}

#[cfg(feature = "serde")]
#[test]
fn a_dump_serialises_to_json() {
    let rt = two_procs();
    let (tx, rx) = chan::<u32>(0);
    drop(rt.spawn(async move { rx.recv().await }));
    one(&rt, "it waits", |g| g.state == GoroutineState::Waiting);
    let json = serde_json::to_value(rt.handle().dump()).expect("it serialises");
    let g = &json["goroutines"][0];
    assert_eq!(g["id"], 1);
    assert_eq!(g["state"], "waiting");
    assert_eq!(g["reason"], "chan receive");
    assert!(g["waits_at"]["line"].as_u64().is_some_and(|line| line > 0));
    assert!(g["in_state_ns"].is_u64());
    assert_eq!(json["procs"].as_array().map(Vec::len), Some(2));
    let metrics = serde_json::to_value(rt.handle().metrics()).expect("it serialises");
    assert_eq!(metrics["goroutines"]["by_reason"]["chan receive"], 1);
    drop(tx);
}
