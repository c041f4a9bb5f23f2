//! Children that nobody waits for: reaped when they end.
//!
//! ```text
//!   dropped ─▶ ended? ─ yes ─▶ reaped
//!                └ no ─▶ watched; the waker of its descriptor looks again
//! ```
//!
//! As with signals there is no goroutine for it: the waker does the work. A child that is
//! watched counts as something that is waited for, so no deadlock is certain while it runs.

use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::process::watch::Watch;
use crate::signal::{self, Listening, Signal};

/// Sees to it that the child is reaped when it ends.
pub(super) fn adopt(mut child: Child, watch: Option<Watch>) {
    Orphans::listen();
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    let watch = watch.map_or_else(|| Watch::new(&child), Ok);
    match watch {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Ok(Watch::Descriptor(descriptor)) => watched::Orphan::begin(child, descriptor),
        // Without descriptors there may still be signals.
        _ => Orphans::add(child),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod watched {
    //! One child whose descriptor is watched.

    use std::process::Child;
    use std::sync::{Arc, Mutex, PoisonError};
    use std::task::{Context, Wake, Waker};

    use marmot_netpoll::Direction;
    use marmot_wait::{budget, note};

    use crate::process::watch::pidfd::{Descriptor, look};

    /// Owned by the waker in its own descriptor, until the child has ended.
    pub(super) struct Orphan(Mutex<Option<(Child, Descriptor)>>);

    impl Orphan {
        pub(super) fn begin(child: Child, descriptor: Descriptor) {
            Arc::new(Orphan(Mutex::new(Some((child, descriptor))))).look();
        }

        fn look(self: Arc<Self>) {
            let waker = Waker::from(Arc::clone(&self));
            let mut its = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some((child, descriptor)) = its.as_mut() else {
                return;
            };
            // This may be in the middle of some goroutine's poll, which is not concerned.
            let budget = budget::suspend();
            let polled =
                descriptor.poll_io(Direction::Read, &mut Context::from_waker(&waker), |_| {
                    look(child)
                });
            note::clear();
            budget::restore(budget);
            if polled.is_ready() {
                let over = its.take();
                drop(its);
                drop(over);
            }
        }
    }

    impl Wake for Orphan {
        fn wake(self: Arc<Self>) {
            self.look();
        }
    }
}

/// Children that signals tell of.
struct Orphans {
    children: Vec<Child>,
    /// While there are any, if it could be had.
    listening: Option<Listening>,
}

static ORPHANS: Mutex<Orphans> = Mutex::new(Orphans {
    children: Vec::new(),
    listening: None,
});

impl Orphans {
    fn lock() -> MutexGuard<'static, Orphans> {
        ORPHANS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(child: Child) {
        Orphans::lock().children.push(child);
        Orphans::listen();
    }

    /// Sees to it that signals are listened to, if there are children that they tell of.
    fn listen() {
        if !Orphans::lock().are_unheard() {
            return;
        }
        // Not under the lock: it may call who listens already. If it can't be listened to, the next
        // child that anybody drops tries again.
        let new = signal::on(&[Signal::CHLD], |_| Orphans::sweep()).ok();
        let mut orphans = Orphans::lock();
        let unused = match orphans.are_unheard() {
            true => std::mem::replace(&mut orphans.listening, new),
            false => new,
        };
        drop(orphans);
        drop(unused);
        // One may have ended before we listened.
        Orphans::sweep();
    }

    fn are_unheard(&self) -> bool {
        !self.children.is_empty() && self.listening.is_none()
    }

    fn sweep() {
        let mut orphans = Orphans::lock();
        let runs = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        orphans.children.retain_mut(runs);
        let over = match orphans.children.is_empty() {
            true => orphans.listening.take(),
            false => None,
        };
        drop(orphans);
        drop(over);
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    use marmot_testing::{until, within};
    use marmot_wait::park::block_on;

    use super::Orphans;
    use crate::process::watch::Watch;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn cat() -> Child {
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped()).spawn().expect("started")
    }

    #[test]
    fn without_descriptors_of_processes_a_signal_tells_of_the_end() {
        within(PATIENCE, || {
            let mut children: Vec<Child> = (0..5).map(|_| cat()).collect();
            for child in &mut children {
                let watch = Watch::signals(child).expect("it can be listened to");
                assert!(child.try_wait().expect("a child").is_none());
                drop(child.stdin.take());
                let place = std::panic::Location::caller();
                let status = block_on(watch.wait(child, place)).expect("it ends");
                assert!(status.success());
            }
        });
    }

    #[test]
    fn without_descriptors_of_processes_orphans_are_reaped_at_a_signal() {
        within(PATIENCE, || {
            let (mut first, mut second) = (cat(), cat());
            let stdins = [first.stdin.take(), second.stdin.take()];
            Orphans::add(first);
            Orphans::add(second);
            assert!(Orphans::lock().listening.is_some());
            assert_eq!(Orphans::lock().children.len(), 2);
            drop(stdins);
            let none = || Orphans::lock().children.is_empty();
            until(PATIENCE, "both were reaped", none);
            until(PATIENCE, "nobody listens", || {
                Orphans::lock().listening.is_none()
            });
        });
    }
}
