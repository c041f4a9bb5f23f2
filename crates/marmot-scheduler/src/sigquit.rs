//! SIGQUIT prints every goroutine and ends the process with status 2, as in Go.
//!
//! ```text
//!   signal ─▶ handler: a byte ─▶ pipe ─▶ a thread of its own: writes to fd 2, _exit(2)
//! ```
//!
//! The thread does nothing else and is there from the start, because all others may be stuck:
//! machines in polls, the monitor in a waker that it calls. It takes no lock that is held while
//! code of the program runs; that of stderr is one, so it writes to the descriptor.
//!
//! A program that wants the signal for itself has it: who put a handler there before the
//! runtime was made keeps it, and while a handler of somebody else stands above ours
//! (`signal::notify`), ours may be called by it but does nothing.

#[cfg(unix)]
pub(crate) use unix::install;

/// Where there is no such signal.
#[cfg(not(unix))]
pub(crate) fn install() {}

#[cfg(unix)]
mod unix {
    #![expect(
        unsafe_code,
        reason = "a signal handler, and the last write of a process"
    )]

    use std::io::{self, PipeReader, Read, Write};
    use std::mem::ManuallyDrop;
    use std::os::fd::{FromRawFd, IntoRawFd};
    use std::sync::Once;
    use std::sync::atomic::{AtomicI32, Ordering};
    use std::thread;

    use crate::registry::{self, OurThread};
    use crate::snapshot;

    /// The pipe's end to write to; -1 before there is one. It is never closed.
    static BELL: AtomicI32 = AtomicI32::new(-1);

    /// Writes a byte, and leaves everything as it was. Asked here and not by the thread that
    /// reads it, when the program may have got its signal and taken its handler away.
    extern "C" fn handle(_signal: libc::c_int) {
        // SAFETY: gives the address of the thread's errno, which is always there.
        let place = unsafe { errno() };
        // SAFETY: the thread's own.
        let before = unsafe { *place };
        // Somebody else's handler is above ours: the program wants the signal itself.
        // (`sigaction` is allowed in handlers.)
        if now() == Some(ours()) {
            ring();
        }
        // SAFETY: as above.
        unsafe { *place = before };
    }

    fn ring() {
        let byte = 1_u8;
        // ORDERING: Acquire, the pair of the Release in `listen`; the number is all there is
        // to it.
        let bell = BELL.load(Ordering::Acquire);
        // SAFETY: reads one byte of a local variable; `write` is allowed in handlers.
        let _full = unsafe { libc::write(bell, (&raw const byte).cast(), 1) };
    }

    /// Where this thread's errno is.
    unsafe fn errno() -> *mut libc::c_int {
        #[cfg(any(target_os = "linux", target_os = "emscripten", target_os = "hurd"))]
        // SAFETY: always allowed.
        return unsafe { libc::__errno_location() };
        #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
        // SAFETY: always allowed.
        return unsafe { libc::__errno() };
        #[cfg(not(any(
            target_os = "linux",
            target_os = "emscripten",
            target_os = "hurd",
            target_os = "android",
            target_os = "netbsd",
            target_os = "openbsd"
        )))]
        // SAFETY: always allowed.
        return unsafe { libc::__error() };
    }

    fn ours() -> libc::sighandler_t {
        handle as extern "C" fn(libc::c_int) as libc::sighandler_t
    }

    /// What SIGQUIT does now.
    fn now() -> Option<libc::sighandler_t> {
        // SAFETY: integers and optional pointers, for which zero is a value.
        let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: asks only, into a local variable.
        let failed = unsafe { libc::sigaction(libc::SIGQUIT, std::ptr::null(), &raw mut old) };
        (failed == 0).then_some(old.sa_sigaction)
    }

    /// Makes SIGQUIT print every goroutine of the process. The first call does it; a failure
    /// leaves the signal as it was.
    pub(crate) fn install() {
        static ONCE: Once = Once::new();
        // The program's own handler stays. (What is ignored is taken, as in Go.)
        let free = |now| now == libc::SIG_DFL || now == libc::SIG_IGN;
        ONCE.call_once(|| {
            if now().is_some_and(free) && listen().is_ok() {
                catch();
            }
        });
    }

    /// The thread, before there is anything to hear.
    fn listen() -> io::Result<()> {
        let (reader, writer) = io::pipe()?;
        let name = "marmot-sigquit".to_owned();
        thread::Builder::new().name(name).spawn(move || {
            let _ours = OurThread::new();
            hear(reader);
        })?;
        // ORDERING: Release, the pair of the Acquire in `handle`.
        BELL.store(writer.into_raw_fd(), Ordering::Release);
        Ok(())
    }

    fn catch() {
        // SAFETY: integers and optional pointers, for which zero is a value; the mask is empty.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = ours();
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        // SAFETY: the handler does only what handlers may.
        unsafe { libc::sigaction(libc::SIGQUIT, &raw const action, std::ptr::null_mut()) };
    }

    fn hear(mut reader: PipeReader) {
        let mut byte = [0];
        if matches!(reader.read(&mut byte), Ok(1)) {
            tell();
            // SAFETY: ends the process; nobody else's work is needed for it, or waited for.
            unsafe { libc::_exit(2) };
        }
    }

    /// Writes everything to stderr's descriptor, without its lock, which a goroutine may hold.
    fn tell() {
        // SAFETY: `ManuallyDrop` keeps it open.
        let file = unsafe { std::fs::File::from_raw_fd(2) };
        let file = ManuallyDrop::new(file);
        let mut out = io::BufWriter::with_capacity(64 * 1024, &*file);
        // Whoever closed stderr gets no report.
        let _closed = write(&mut out);
    }

    fn write(out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "SIGQUIT: quit\n")?;
        for shared in registry::all() {
            let dump = snapshot::dump(shared);
            write!(out, "{dump}")?;
            crate::schedtrace::write(out, shared, &dump, crate::schedtrace::Detail::Machines)?;
            writeln!(out)?;
        }
        out.flush()
    }
}
