//! Why a goroutine waits, in the words of Go's tracebacks where Go has one.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a goroutine waits.
        ///
        /// `Display` gives Go's words (`chan receive`, `select`, `sync.Mutex.Lock`, …).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum WaitReason { $($(#[$doc])* $name,)* }

        impl WaitReason {
            /// All reasons, in the order of their numbers.
            pub const ALL: &'static [WaitReason] = &[$(WaitReason::$name,)*];

            /// The words, as a dump shows them.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(WaitReason::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// A future that is not ours, or one that said nothing.
    Foreign = "foreign future",
    /// The budget of operations is spent, or the goroutine yielded: it wants to go on.
    Yield = "runnable",
    /// A receive from a channel, a timer or a ticker.
    ChanReceive = "chan receive",
    /// A receive from a channel that is nil.
    ChanReceiveNil = "chan receive (nil chan)",
    /// A send to a channel.
    ChanSend = "chan send",
    /// A send to a channel that is nil.
    ChanSendNil = "chan send (nil chan)",
    /// A wait for a channel to be closed.
    ChanClosed = "chan closed",
    /// A select over several operations.
    Select = "select",
    /// A select without any operation: for ever.
    SelectNoCases = "select (no cases)",
    /// A sleep.
    Sleep = "sleep",
    /// A timeout of something that says nothing itself.
    Timer = "timer",
    /// A socket, a pipe or another descriptor.
    IoWait = "IO wait",
    /// A mutex.
    MutexLock = "sync.Mutex.Lock",
    /// A read-write lock, to read.
    RwLockRead = "sync.RWMutex.RLock",
    /// A read-write lock, to write.
    RwLockWrite = "sync.RWMutex.Lock",
    /// A wait group.
    WaitGroupWait = "sync.WaitGroup.Wait",
    /// A condition.
    CondWait = "sync.Cond.Wait",
    /// A once, or a cell set once.
    Once = "sync.Once.Do",
    /// A weighted semaphore.
    Semaphore = "semacquire",
    /// A barrier.
    Barrier = "sync.Barrier.Wait",
    /// A notification.
    Notify = "sync.Notify",
    /// The end of another goroutine.
    Join = "join",
    /// The end of a context.
    ContextDone = "context.Done",
    /// A group of goroutines.
    GroupWait = "errgroup.Wait",
    /// Another caller's result of the same work.
    SingleFlight = "singleflight",
    /// A rate limiter.
    RateLimit = "rate.Wait",
    /// A signal from the operating system.
    Signal = "signal",
    /// A child process.
    Process = "process wait",
    /// A system call or foreign code that blocks its thread.
    Syscall = "syscall",
}

impl WaitReason {
    /// The reason with this number; [`Foreign`](WaitReason::Foreign) for a number of none.
    #[must_use]
    pub fn from_u8(number: u8) -> WaitReason {
        WaitReason::ALL
            .get(usize::from(number))
            .copied()
            .unwrap_or(WaitReason::Foreign)
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::WaitReason;

    #[test]
    fn a_reason_survives_the_trip_through_its_number() {
        for &reason in WaitReason::ALL {
            assert_eq!(WaitReason::from_u8(reason as u8), reason);
        }
    }
}
