//! What happens in the instant of a signal, and the process's dispositions.
//!
//! ```text
//!   signal ─▶ handle: (whoever was there before) ─▶ count it ─▶ write a byte
//!                                                                    │
//!                                                                    ▼
//!                                       the pipe's other end, a source of the netpoller
//! ```
//!
//! The byte only says "look at the counts", so a full pipe loses nothing, and a byte written
//! by a child between fork and exec does no harm: the child's counts are its own.
//!
//! A handler that was there before ours is called by it, and is put back when nobody
//! listens any more. That is why this is `sigaction` itself and no library: those we know keep
//! their handler for ever, and the default action never comes back. Go: `sigtramp`, `sighandler`.

#![expect(
    unsafe_code,
    reason = "sigaction, kill, write and a previous handler are C's"
)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize};

use libc::{c_int, c_void, siginfo_t};

use super::count::Count;
use super::number::{COUNT, Signal};

/// How often each has come since it was last asked.
static ARRIVED: [Count<AtomicU32>; COUNT] = [const { Count::new() }; COUNT];
/// The pipe's end to write to; -1 before there is one. It is never closed.
static BELL: AtomicI32 = AtomicI32::new(-1);
/// What was there before us: the handler, and whether it wants three arguments.
static BEFORE: [Before; COUNT] = [const { Before::new() }; COUNT];

struct Before {
    handler: AtomicUsize,
    flags: AtomicI32,
}

impl Before {
    const fn new() -> Before {
        Before {
            handler: AtomicUsize::new(libc::SIG_DFL),
            flags: AtomicI32::new(0),
        }
    }
}

/// What a signal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disposition {
    /// It is counted, and the bell rung.
    Counted,
    /// Nothing.
    Ignored,
    /// What it did before us.
    Before,
}

/// Runs in a signal handler, where hardly anything is allowed: atomics and `write` are.
extern "C" fn handle(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let errno = errno::errno();
    if let Some(signal) = Signal::from_raw(number) {
        // First, while ours is surely still above it: it may ask, and whoever hears the bell
        // may take ours away.
        call_before(signal, info, context);
        ARRIVED[signal.index()].arrive();
        // ORDERING: Acquire, the pair of the Release in `set_bell`. The number is all there is
        // to it; it is here so that nobody has to think about it.
        ring(BELL.load(Acquire));
    }
    errno::set_errno(errno);
}

fn ring(bell: RawFd) {
    let byte = 0_u8;
    // SAFETY: one byte is read from a local variable; the descriptor is ours and never closed,
    // or -1, which is refused. `write` is allowed in handlers. A full pipe is no loss.
    let _full = unsafe { libc::write(bell, ptr::from_ref(&byte).cast(), 1) };
}

fn call_before(signal: Signal, info: *mut siginfo_t, context: *mut c_void) {
    let before = &BEFORE[signal.index()];
    // ORDERING: Acquire, the pair of the Release in `remember`: the flags belong to the handler.
    let handler = before.handler.load(Acquire);
    if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
        return;
    }
    // ORDERING: Relaxed; ordered by the load above.
    if before.flags.load(Relaxed) & libc::SA_SIGINFO != 0 {
        // SAFETY: the kernel gave us this number as the handler of this signal, with the flag
        // that says that it is such a function.
        let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
            unsafe { std::mem::transmute(handler) };
        handler(signal.as_raw(), info, context);
    } else {
        // SAFETY: as above, without the flag.
        let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(handler) };
        handler(signal.as_raw());
    }
}

/// Where the handlers ring from now on. The descriptor must never be closed.
pub(super) fn set_bell(bell: RawFd) {
    // ORDERING: Release, the pair of the Acquire in `handle`.
    BELL.store(bell, Release);
}

/// How often it has come since this was last asked.
pub(super) fn take(signal: Signal) -> u32 {
    ARRIVED[signal.index()].take()
}

/// What the signal does now; `Before` stands for anything that is not ours.
pub(super) fn now(signal: Signal) -> io::Result<Disposition> {
    let action = swap(signal, None)?;
    Ok(match action.sa_sigaction {
        libc::SIG_IGN => Disposition::Ignored,
        handler if handler == ours() => Disposition::Counted,
        _ => Disposition::Before,
    })
}

/// What a signal did before us, as the kernel told it.
pub(super) type Original = Option<libc::sigaction>;

/// Makes the signal do something else. `from` is what the last call asked for, `original` this
/// signal's own, and kept for it. One thread at a time.
pub(super) fn set(
    signal: Signal,
    from: Disposition,
    to: Disposition,
    original: &mut Original,
) -> io::Result<()> {
    if from == to {
        return Ok(());
    }
    if from == Disposition::Before {
        let action = swap(signal, None)?;
        // Otherwise ours is still there: another one that was above it has gone.
        if action.sa_sigaction != ours() {
            remember(signal, &action);
            *original = Some(action);
        }
    } else if to == Disposition::Before && now(signal)? != from {
        // Somebody has put a handler over ours, and will call ours, which only counts.
        return Ok(());
    }
    match to {
        Disposition::Counted => {
            let flags = libc::SA_SIGINFO | libc::SA_RESTART;
            swap(signal, Some(&action(ours(), flags, Mask::All)))?;
        }
        Disposition::Ignored => {
            swap(signal, Some(&action(libc::SIG_IGN, 0, Mask::None)))?;
        }
        Disposition::Before => _ = swap(signal, original.as_ref())?,
    }
    Ok(())
}

fn remember(signal: Signal, action: &libc::sigaction) {
    let before = &BEFORE[signal.index()];
    // ORDERING: Relaxed; published by the store below.
    before.flags.store(action.sa_flags, Relaxed);
    // ORDERING: Release, the pair of the Acquire in `call_before`.
    before.handler.store(action.sa_sigaction, Release);
}

fn ours() -> usize {
    handle as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize
}

/// What is held back while a handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mask {
    None,
    All,
}

/// Ours runs on the stack of the thread that it interrupts (one kept for signals has room for
/// one, and no more on some CPUs), and alone, so that signals of many kinds don't pile up there.
fn action(handler: usize, flags: c_int, mask: Mask) -> libc::sigaction {
    // SAFETY: all of it are integers and optional pointers, for which zero is a value; a mask of
    // zeros is empty on every system we know.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    if mask == Mask::All {
        // SAFETY: the set is there, and is written.
        unsafe { libc::sigfillset(&raw mut action.sa_mask) };
    }
    action
}

/// `sigaction`: sets the new one, if given, and gives what was there.
fn swap(signal: Signal, new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let mut old = action(libc::SIG_DFL, 0, Mask::None);
    let new = new.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: both pointers are null or valid, and the handler is `handle`, which does only
    // what handlers may, or one that the kernel gave us for this very signal.
    if unsafe { libc::sigaction(signal.as_raw(), new, &raw mut old) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(old)
}

/// `kill`.
pub(super) fn send(process: u32, signal: Signal) -> io::Result<()> {
    // Zero and negative numbers mean groups of processes.
    let process = libc::pid_t::try_from(process)
        .ok()
        .filter(|&process| process > 0);
    let process = process.ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: only integers go in.
    if unsafe { libc::kill(process, signal.as_raw()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
