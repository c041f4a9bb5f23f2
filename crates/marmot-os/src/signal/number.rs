//! `Signal`: the number of a signal, and its names.

use std::fmt;

/// One more than the highest number that is kept a count for; Linux has 64 signals.
pub(super) const COUNT: usize = 65;

/// A signal of the operating system.
///
/// `Display` gives Go's words ("interrupt", "terminated"), `Debug` the name ("SIGINT").
///
/// # Examples
///
/// ```
/// use marmot_os::signal::Signal;
///
/// assert_eq!(Signal::TERM.to_string(), "terminated");
/// assert_eq!(format!("{:?}", Signal::INT), "SIGINT");
/// assert_eq!(Signal::from_raw(Signal::HUP.as_raw()), Some(Signal::HUP));
/// assert_eq!(Signal::from_raw(0), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

macro_rules! signals {
    ($($(#[$doc:meta])* $short:ident $long:ident $words:literal,)*) => {
        impl Signal {
            $(
                $(#[$doc])*
                pub const $short: Signal = Signal(libc::$long as u8);
            )*

            fn texts(self) -> Option<(&'static str, &'static str)> {
                $(if self == Signal::$short { return Some((stringify!($long), $words)); })*
                None
            }
        }
    };
}

signals! {
    /// The terminal is gone, or the configuration is to be read again.
    HUP SIGHUP "hangup",
    /// Ctrl-C.
    INT SIGINT "interrupt",
    /// Ctrl-\.
    QUIT SIGQUIT "quit",
    /// An instruction that is none. It can't be listened to.
    ILL SIGILL "illegal instruction",
    /// A breakpoint. It can't be listened to.
    TRAP SIGTRAP "trace/breakpoint trap",
    /// `abort` was called. It can't be listened to.
    ABRT SIGABRT "aborted",
    /// An address that is none. It can't be listened to.
    BUS SIGBUS "bus error",
    /// An error of arithmetic. It can't be listened to.
    FPE SIGFPE "floating point exception",
    /// The end, at once. Nothing can be done about it.
    KILL SIGKILL "killed",
    /// The first that means what the program likes.
    USR1 SIGUSR1 "user defined signal 1",
    /// Memory that is not ours. It can't be listened to.
    SEGV SIGSEGV "segmentation fault",
    /// The second that means what the program likes.
    USR2 SIGUSR2 "user defined signal 2",
    /// A write to a pipe that nobody reads.
    PIPE SIGPIPE "broken pipe",
    /// A timer of the system's.
    ALRM SIGALRM "alarm clock",
    /// A polite request to end.
    TERM SIGTERM "terminated",
    /// A child process has ended, stopped or gone on.
    CHLD SIGCHLD "child exited",
    /// Go on after a stop.
    CONT SIGCONT "continued",
    /// Stop. Nothing can be done about it.
    STOP SIGSTOP "stopped (signal)",
    /// Ctrl-Z.
    TSTP SIGTSTP "stopped",
    /// A read from the terminal, in the background.
    TTIN SIGTTIN "stopped (tty input)",
    /// A write to the terminal, in the background.
    TTOU SIGTTOU "stopped (tty output)",
    /// Urgent data at a socket.
    URG SIGURG "urgent I/O condition",
    /// The limit of CPU time is reached.
    XCPU SIGXCPU "CPU time limit exceeded",
    /// The limit of a file's size is reached.
    XFSZ SIGXFSZ "file size limit exceeded",
    /// A timer of the system's that counts CPU time.
    VTALRM SIGVTALRM "virtual timer expired",
    /// The timer of a profiler. It can't be listened to.
    PROF SIGPROF "profiling timer expired",
    /// The terminal has another size.
    WINCH SIGWINCH "window changed",
    /// A descriptor is ready.
    IO SIGIO "I/O possible",
    /// A system call that is none. It can't be listened to.
    SYS SIGSYS "bad system call",
}

impl Signal {
    /// The signal with this number; `None` if there is none.
    #[must_use]
    pub fn from_raw(number: i32) -> Option<Signal> {
        let number = u8::try_from(number).ok()?;
        (number != 0 && usize::from(number) < COUNT).then_some(Signal(number))
    }

    /// The system's number for it.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0 as i32
    }

    /// Whether a program can learn of it through a channel: not if it can't be caught, tells of
    /// an error at the very instruction that is being executed, or belongs to the C library.
    #[must_use]
    pub fn is_catchable(self) -> bool {
        const NEVER: [Signal; 10] = [
            Signal::KILL,
            Signal::STOP,
            Signal::ILL,
            Signal::TRAP,
            Signal::ABRT,
            Signal::BUS,
            Signal::FPE,
            Signal::SEGV,
            Signal::SYS,
            Signal::PROF,
        ];
        // 32 to 34 are the C libraries' own, on Linux.
        !NEVER.contains(&self) && !(32..=34).contains(&self.0)
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// All that can be listened to.
    pub(super) fn all() -> impl Iterator<Item = Signal> {
        let highest = if cfg!(any(target_os = "linux", target_os = "android")) {
            64
        } else {
            31
        };
        (1..=highest)
            .map(Signal)
            .filter(|signal| signal.is_catchable())
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.texts() {
            Some((_, words)) => f.pad(words),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.texts() {
            Some((name, _)) => f.pad(name),
            None => write!(f, "Signal({})", self.0),
        }
    }
}

/// A set of signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Set(u128);

impl Set {
    /// Those of them that can be caught; all that can, if none is named.
    pub(super) fn of(signals: &[Signal]) -> Set {
        if signals.is_empty() {
            return Signal::all().fold(Set::default(), Set::with);
        }
        let catchable = signals
            .iter()
            .copied()
            .filter(|signal| signal.is_catchable());
        catchable.fold(Set::default(), Set::with)
    }

    fn with(self, signal: Signal) -> Set {
        Set(self.0 | 1 << signal.0)
    }

    pub(super) fn without(self, other: Set) -> Set {
        Set(self.0 & !other.0)
    }

    pub(super) fn and(self, other: Set) -> Set {
        Set(self.0 | other.0)
    }

    pub(super) fn has(self, signal: Signal) -> bool {
        self.0 & (1 << signal.0) != 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Signal> {
        (1..COUNT as u8)
            .map(Signal)
            .filter(move |&signal| self.has(signal))
    }
}

#[cfg(test)]
mod tests {
    use super::{Set, Signal};

    #[test]
    fn a_set_of_none_is_all_that_can_be_caught() {
        let all = Set::of(&[]);
        assert!(all.has(Signal::TERM) && all.has(Signal::CHLD));
        assert!(!all.has(Signal::KILL) && !all.has(Signal::SEGV));
        assert_eq!(Set::of(&[Signal::KILL]), Set::default());
    }

    #[test]
    fn sets_add_and_subtract() {
        let both = Set::of(&[Signal::INT, Signal::TERM]);
        let int = both.without(Set::of(&[Signal::TERM, Signal::HUP]));
        assert_eq!(int, Set::of(&[Signal::INT]));
        assert_eq!(int.and(Set::of(&[Signal::TERM])), both);
        assert_eq!(both.iter().collect::<Vec<_>>(), [Signal::INT, Signal::TERM]);
    }
}
