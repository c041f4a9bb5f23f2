//! The threads behind machines: started when needed, named, bounded, and what the kernel says
//! of them.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::Ordering;
use std::thread;

use marmot_wait::clock;

use crate::calls;
use crate::current;
use crate::machine::Machine;
use crate::registry::OurThread;
use crate::task::panic;

/// Starts the thread of a machine that has been handed a P. A thread that can't be started is
/// survived: the P goes back to the idle ones, and stderr tells once.
pub(crate) fn start(machine: &'static Machine) {
    if let Err(error) = try_start(machine) {
        undo(machine, &error);
    }
}

/// Starts the thread of a machine.
pub(crate) fn try_start(machine: &'static Machine) -> io::Result<()> {
    let shared = machine.shared;
    if shared.lock().threads > shared.config.max_threads {
        let limit = shared.config.max_threads;
        return Err(io::Error::other(format!(
            "thread exhaustion: the runtime has {limit} threads"
        )));
    }
    let builder = thread::Builder::new().name(format!("{}-{}", shared.config.name, machine.id));
    let builder = match shared.config.stack_bytes {
        Some(bytes) => builder.stack_size(bytes),
        None => builder,
    };
    builder.spawn(move || main(machine)).map(drop)
}

fn main(machine: &'static Machine) {
    let _ours = OurThread::new();
    // A machine's thread is the same for as long as it lives; a spare one keeps its name.
    drop(machine.thread.set(thread::current()));
    machine.tid.store(sys::gettid(), Ordering::Relaxed);
    sys::sharpen_timers();
    panic::polls_here(true);
    current::enter_machine(machine);
    machine.adopt();
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| machine.run()));
    if let Err(payload) = ran {
        let caught = panic::Caught::new(payload);
        panic::die(&format!("fatal error: the scheduler panicked: {caught}\n"));
    }
    current::leave_machine();
}

fn undo(machine: &'static Machine, error: &io::Error) {
    let shared = machine.shared;
    let mut sched = shared.lock();
    sched.threads -= 1;
    machine.alive.store(false, Ordering::Relaxed);
    sched.spare.push(machine);
    let handed = machine.handed.swap(null_mut(), Ordering::Acquire);
    let p = shared
        .procs
        .iter()
        .find(|p| std::ptr::eq(*p, handed))
        .expect("it was handed a P");
    let searched = machine.woken_to_search.swap(false, Ordering::Relaxed);
    p.lease.give_up();
    if sched.lay_down(p) {
        shared.idle.announce(searched);
    } else if searched {
        shared.idle.end_search();
    }
    // The second look of the idle protocol: a machine that went to sleep meanwhile found no P
    // to take.
    let kick = if !sched.nobody_sleeps() && shared.has_work(clock::now_ns()) {
        sched
            .take_idle(shared)
            .map(|p| sched.hand_over(shared, p, false))
    } else {
        None
    };
    let first = !std::mem::replace(&mut sched.thread_failure_told, true);
    let threads = sched.threads;
    drop(sched);
    if let Some(kick) = kick {
        shared.act(kick);
    }
    if first {
        eprintln!(
            "marmot: cannot start another thread beside {threads}: {error}; goroutines wait \
             until a thread is free"
        );
    }
}

/// What the kernel says of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadState {
    /// It runs, or would if a CPU were free; or we cannot know.
    Running,
    /// It sleeps in the kernel.
    Blocked,
    /// It sleeps until somebody releases a lock.
    Locked,
}

/// Asks the kernel about threads, keeping the files of the first ones open.
#[derive(Debug, Default)]
pub(crate) struct Inspector {
    files: HashMap<i32, File>,
}

/// So many files are kept open; asking about another thread opens and closes one (20 us
/// instead of 2).
const KEPT_FILES: usize = 64;

/// The beginning of what such a file says: the number of the system call, and three arguments.
type Said = [u8; 64];

impl Inspector {
    /// Whether the thread sleeps in the kernel. `/proc/self/task/TID/syscall` says `running`
    /// for a thread that only lacks a CPU, which the thread's CPU clock could not tell.
    pub(crate) fn state(&mut self, tid: i32) -> ThreadState {
        match self.read(tid) {
            Some(text) if text.starts_with(b"running") => ThreadState::Running,
            Some(text) if waits_for_lock(&text) => ThreadState::Locked,
            Some(_) => ThreadState::Blocked,
            None => ThreadState::Running,
        }
    }

    /// The system call that the thread sleeps in, by name.
    pub(crate) fn system_call(&mut self, tid: i32) -> Option<&'static str> {
        called(&self.read(tid)?)
    }

    #[cfg(target_os = "linux")]
    fn read(&mut self, tid: i32) -> Option<Said> {
        use std::os::unix::fs::FileExt;
        let mut text = [0; size_of::<Said>()];
        if let Some(file) = self.files.get(&tid) {
            if let Ok(1..) = file.read_at(&mut text, 0) {
                return Some(text);
            }
            self.files.remove(&tid);
        }
        let file = File::open(format!("/proc/self/task/{tid}/syscall")).ok()?;
        let read = file.read_at(&mut text, 0).ok()?;
        if self.files.len() < KEPT_FILES {
            self.files.insert(tid, file);
        }
        (read > 0).then_some(text)
    }

    #[cfg(not(target_os = "linux"))]
    fn read(&mut self, _tid: i32) -> Option<Said> {
        None
    }
}

/// Whether these are the words of a thread that waits for a lock: `futex`, an address, one of
/// the two operations that wait, and 2, which a lock's word is while somebody waits for it.
///
/// So it is in glibc, whose allocator has such locks, and in Rust's `Mutex` (both after Drepper,
/// *Futexes are tricky*). What waits for something else waits at another value: a parked thread
/// of Rust at -1, a condition at a count. One that is taken for a lock is only dealt with later.
fn waits_for_lock(text: &[u8]) -> bool {
    const WAIT: u64 = 0;
    const WAIT_BITSET: u64 = 9;
    /// `FUTEX_PRIVATE_FLAG` and `FUTEX_CLOCK_REALTIME`.
    const FLAGS: u64 = 128 | 256;
    let mut arguments = text.split(u8::is_ascii_whitespace).skip(2).map(|word| {
        let digits = std::str::from_utf8(word).ok()?.strip_prefix("0x")?;
        u64::from_str_radix(digits, 16).ok()
    });
    let (operation, value) = (arguments.next().flatten(), arguments.next().flatten());
    called(text) == Some("futex")
        && matches!(operation.map(|op| op & !FLAGS), Some(WAIT | WAIT_BITSET))
        && value == Some(2)
}

/// The name of the system call that such words are about.
fn called(text: &[u8]) -> Option<&'static str> {
    let number = text.split(|byte| !byte.is_ascii_digit()).next()?;
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some(calls::name(number))
}

#[cfg(target_os = "linux")]
pub(crate) mod sys {
    //! The three system calls that std does not offer.
    #![expect(unsafe_code, reason = "system calls without a safe wrapper in std")]

    /// The kernel's number of this thread.
    pub(crate) fn gettid() -> i32 {
        // SAFETY: takes nothing, cannot fail.
        unsafe { libc::gettid() }
    }

    /// Lets this thread's sleeps end on time: the kernel may be 50 us late otherwise, to wake
    /// several sleepers at once.
    pub(crate) fn sharpen_timers() {
        // SAFETY: takes numbers only; a failure leaves things as they are.
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1000_usize) };
    }

    /// The CPU time that a thread of this process has used, in nanoseconds; 0 if unknown.
    pub(crate) fn cpu_ns(tid: i32) -> u64 {
        // The kernel's number for "the CPU clock of thread TID": its complement, shifted, with
        // the bits for one thread and for scheduled time.
        let clock = (!tid << 3) | 0b110;
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the pointer is to a timespec of ours.
        let failed = unsafe { libc::clock_gettime(clock, &raw mut time) };
        if failed != 0 {
            return 0;
        }
        let (seconds, rest) = (time.tv_sec.cast_unsigned(), time.tv_nsec.cast_unsigned());
        seconds * 1_000_000_000 + rest
    }

    /// The CPUs this process may run on.
    pub(crate) fn affinity() -> Option<usize> {
        // SAFETY: an all-zero set is a valid empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer and the size are those of `set`.
        let failed = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
        if failed != 0 {
            return None;
        }
        // SAFETY: reads the set.
        usize::try_from(unsafe { libc::CPU_COUNT(&set) }).ok()
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) mod sys {
    //! Where there is nothing to ask.

    pub(crate) fn gettid() -> i32 {
        0
    }

    pub(crate) fn sharpen_timers() {}

    pub(crate) fn cpu_ns(_tid: i32) -> u64 {
        0
    }

    pub(crate) fn affinity() -> Option<usize> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use marmot_testing::until;

    use super::{Inspector, ThreadState, sys, waits_for_lock};

    #[test]
    fn who_waits_for_a_lock_is_told_from_who_waits_for_something_else() {
        let futex = libc::SYS_futex;
        let waits = |text: &str| waits_for_lock(text.as_bytes());
        assert!(waits(&format!("{futex} 0x7f12a4000030 0x80 0x2 0x0 0x0")));
        assert!(waits(&format!("{futex} 0x7f12a4000030 0x189 0x2 0x0 0x0")));
        // A thread of Rust that is parked; one that wakes another; one that sleeps.
        assert!(!waits(&format!("{futex} 0x55d0 0x89 0xffffffff 0x0 0x0")));
        assert!(!waits(&format!("{futex} 0x55d0 0x81 0x2 0x0 0x0")));
        assert!(!waits(&format!("{} 0x0 0x0 0x2", libc::SYS_nanosleep)));
        assert!(!waits("running\n") && !waits("-1 0x7ffd 0x7f12") && !waits(""));
    }

    #[test]
    fn a_thread_at_a_mutex_of_rust_waits_for_a_lock() {
        let mutex = std::sync::Mutex::new(());
        let held = mutex.lock().expect("nobody panics");
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                tell.send(sys::gettid()).expect("the test waits");
                drop(mutex.lock());
            });
            let tid = told.recv().expect("it lives");
            let mut inspector = Inspector::default();
            until(Duration::from_secs(30), "it waits", || {
                inspector.state(tid) == ThreadState::Locked
            });
            drop(held);
        });
    }
}
