//! How one learns that a child has ended.
//!
//! ```text
//!   Linux:      pidfd_open ─▶ a descriptor that is readable once the child has ended
//!   elsewhere, and where there is no descriptor left:  SIGCHLD says that some child has
//! ```
//!
//! In both cases the answer is `try_wait`'s, which asks the kernel and reaps. A descriptor is
//! made only if the child has not ended yet when it is first asked for.

use std::future::poll_fn;
use std::io;
use std::panic::Location;
use std::pin::pin;
use std::process::{Child, ExitStatus};

use marmot_chan::Receiver;
use marmot_wait::{WaitReason, note};

use crate::signal::{self, Signal};

/// What tells of a child's end.
#[derive(Debug)]
pub(super) enum Watch {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Descriptor(pidfd::Descriptor),
    Signals(Receiver<Signal>),
}

impl Watch {
    pub(super) fn new(child: &Child) -> io::Result<Watch> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(descriptor) = pidfd::open(child)? {
            return Ok(Watch::Descriptor(descriptor));
        }
        Watch::signals(child)
    }

    /// The way of systems without descriptors of processes.
    pub(super) fn signals(_child: &Child) -> io::Result<Watch> {
        signal::try_notify(&[Signal::CHLD]).map(Watch::Signals)
    }

    /// Waits for the child's end.
    pub(super) async fn wait(
        &self,
        child: &mut Child,
        place: &'static Location<'static>,
    ) -> io::Result<ExitStatus> {
        let pid = child.id() as usize;
        let mut wait = pin!(self.ended(child, place));
        poll_fn(|cx| {
            let polled = wait.as_mut().poll(cx);
            if polled.is_pending() {
                // In place of what the descriptor or the channel has said.
                note::set(WaitReason::Process, pid, place);
            }
            polled
        })
        .await
    }

    async fn ended(
        &self,
        child: &mut Child,
        place: &'static Location<'static>,
    ) -> io::Result<ExitStatus> {
        match self {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Watch::Descriptor(descriptor) => pidfd::ended(descriptor, child, place).await,
            Watch::Signals(signals) => loop {
                // Listening since before this look.
                if let Some(status) = child.try_wait()? {
                    return Ok(status);
                }
                signals.recv().await;
            },
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) mod pidfd {
    //! A process as a descriptor.

    use std::io;
    use std::os::fd::OwnedFd;
    use std::panic::Location;
    use std::process::{Child, ExitStatus};

    use marmot_netpoll::{Any, Direction, Evented, Interest};
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    pub(crate) type Descriptor = Evented<Any<OwnedFd>>;

    /// `None` if the kernel has no such thing, forbids it, or has no descriptor left.
    pub(super) fn open(child: &Child) -> io::Result<Option<Descriptor>> {
        match pidfd_open(Pid::from_child(child), PidfdFlags::empty()) {
            Ok(descriptor) => Evented::new(Any(descriptor), Interest::READABLE).map(Some),
            Err(_) => Ok(None),
        }
    }

    pub(super) async fn ended(
        descriptor: &Descriptor,
        child: &mut Child,
        place: &'static Location<'static>,
    ) -> io::Result<ExitStatus> {
        let attempt = |_: &Any<OwnedFd>| look(child);
        descriptor.io_from(place, Direction::Read, attempt).await
    }

    /// Whether it has ended; that it has not is an error here.
    pub(crate) fn look(child: &mut Child) -> io::Result<ExitStatus> {
        child
            .try_wait()?
            .ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
}
