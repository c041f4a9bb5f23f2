//! Threads that are not ours: which of them could still wake a goroutine.
//!
//! A thread that sleeps in a futex, without a timeout, can only be woken by another thread of
//! this process. So when every thread is ours and has nothing to do, or sleeps so, nothing in
//! the process will ever happen again by itself. Linux tells (`/proc/self/task/TID/syscall`);
//! elsewhere, and where it does not, nothing is certain.

use std::collections::BTreeSet;

use crate::registry;

/// Whether no thread of the process but ours will ever do anything unless one of ours wakes it.
/// `spared` is a thread of which the caller knows that it will not. A no may mean that it
/// cannot be known.
pub(crate) fn asleep(spared: Option<i32>) -> bool {
    // Twice, and none has run in between: so there was an instant at which all slept. Else one
    // that was seen asleep might have been woken by one that was seen asleep later.
    let before = sleepers(spared);
    before.is_some() && sleepers(spared) == before
}

/// Each foreign thread, and how often it has gone to sleep; `None` if one may do something.
fn sleepers(spared: Option<i32>) -> Option<Vec<(i32, u64)>> {
    // The threads first: what is ours by the time we ask is not foreign.
    let all = numbers()?;
    let ours = registry::threads();
    let foreign = all.difference(&ours).filter(|tid| Some(**tid) != spared);
    foreign
        .map(|tid| {
            let sleeps = sleeps(*tid)?;
            sleeps_for_good(*tid).then_some((*tid, sleeps))
        })
        .collect()
}

/// The kernel's number of the thread that began the process.
pub(crate) fn main_thread() -> Option<i32> {
    i32::try_from(std::process::id()).ok()
}

fn numbers() -> Option<BTreeSet<i32>> {
    let entries = std::fs::read_dir("/proc/self/task").ok()?;
    let number =
        |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    Some(entries.filter_map(number).collect())
}

/// How often a thread has gone to sleep.
fn sleeps(tid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/self/task/{tid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

#[cfg(target_os = "linux")]
fn sleeps_for_good(tid: i32) -> bool {
    match std::fs::read_to_string(format!("/proc/self/task/{tid}/syscall")) {
        Ok(text) => is_endless_futex(&text),
        // It has ended meanwhile, or the kernel does not tell. In the first case the next look
        // settles it.
        Err(_) => false,
    }
}

#[cfg(not(target_os = "linux"))]
fn sleeps_for_good(_tid: i32) -> bool {
    false
}

/// `NUMBER ARG0 ARG1 .. SP PC`, in hexadecimal but for the first.
#[cfg(target_os = "linux")]
fn is_endless_futex(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let number: Option<i64> = words.next().and_then(|word| word.parse().ok());
    let mut argument = || {
        let word = words.next()?.strip_prefix("0x")?;
        u64::from_str_radix(word, 16).ok()
    };
    let (address, operation) = (argument(), argument());
    let (_value, timeout) = (argument(), argument());
    let (Some(address), Some(operation)) = (address, operation) else {
        return false;
    };
    let waits = matches!(
        libc::c_int::try_from(operation & 0x7f),
        Ok(libc::FUTEX_WAIT
            | libc::FUTEX_WAIT_BITSET
            | libc::FUTEX_LOCK_PI
            | libc::FUTEX_LOCK_PI2
            | libc::FUTEX_WAIT_REQUEUE_PI)
    );
    number == Some(libc::SYS_futex)
        && waits
        && timeout == Some(0)
        && (operation & libc::FUTEX_PRIVATE_FLAG as u64 != 0 || is_private(address))
}

/// Whether memory at this address is this process's alone. (A thread that joins another sleeps
/// in a futex that is not marked as private, because the kernel wakes it.)
#[cfg(target_os = "linux")]
fn is_private(address: u64) -> bool {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else {
        return false;
    };
    let covers = |line: &&str| {
        let range = line
            .split(' ')
            .next()
            .and_then(|range| range.split_once('-'));
        let number = |text| u64::from_str_radix(text, 16).ok();
        let bounds = range.map(|(from, to)| (number(from), number(to)));
        matches!(bounds, Some((Some(from), Some(to))) if (from..to).contains(&address))
    };
    let flags = maps
        .lines()
        .find(covers)
        .and_then(|line| line.split(' ').nth(1));
    flags.is_some_and(|flags| flags.ends_with('p'))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::{is_endless_futex, sleeps_for_good};
    use crate::threads::sys;

    #[test]
    fn only_a_futex_without_a_timeout_is_endless() {
        let private = "202 0x7f0 0x189 0x0 0x0 0x0 0xffffffff 0x7ffd 0x7f1";
        assert!(is_endless_futex(private));
        let timed = private.replacen("0x0 0x0", "0x0 0x7fff", 1);
        let others = [
            "running",
            "-1 0x7ffd 0x7f1",
            "230 0x1 0x0 0x7f 0x0 0x0 0x0 0x7ffd 0x7f1",
            &timed,
            // FUTEX_WAKE.
            "202 0x7f0 0x81 0x1 0x0 0x0 0x0 0x7ffd 0x7f1",
            "",
        ];
        for other in others {
            assert!(!is_endless_futex(other), "{other}");
        }
    }

    #[test]
    fn a_thread_that_waits_for_another_sleeps_for_good_and_one_with_a_timeout_does_not() {
        let (end, ends) = channel::<()>();
        let (tell, told) = channel();
        let start = |wait: Box<dyn FnOnce() + Send>| {
            let tell = tell.clone();
            thread::spawn(move || {
                tell.send(sys::gettid()).expect("the test listens");
                wait();
            });
            told.recv().expect("it tells")
        };
        let joined = thread::spawn(move || _ = ends.recv());
        let joins = start(Box::new(move || drop(joined.join())));
        let sleeps = start(Box::new(|| thread::sleep(Duration::from_secs(60))));
        let (_never, timed) = channel::<()>();
        let times = start(Box::new(move || {
            _ = timed.recv_timeout(Duration::from_secs(60));
        }));
        // On their way they may sleep in a lock for a moment, which would be seen as it is.
        let until = |what: &str, is_so: &dyn Fn() -> bool| {
            let began = Instant::now();
            while !is_so() {
                assert!(began.elapsed() < Duration::from_secs(20), "{what}");
                thread::yield_now();
            }
        };
        until("it joins", &|| sleeps_for_good(joins));
        until("it has a timeout", &|| !sleeps_for_good(times));
        until("it sleeps for a time", &|| !sleeps_for_good(sleeps));
        drop(end);
    }
}
