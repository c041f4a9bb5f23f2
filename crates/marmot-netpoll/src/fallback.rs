//! The thread that looks at the poller while somebody waits and no runtime is there.
//!
//! Under a foreign executor, and on plain threads. It starts when it is first needed, and
//! rests while there is a runtime. It lives as long as the process.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use crate::loom::{Condvar, Mutex, lock};
use crate::poller::Poller;
use crate::seat::Bell;

/// How long it rests after the system refused to wait, which no known system does.
const AFTER_ERROR: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(crate) struct Fallback {
    /// Whether the thread was started.
    started: Mutex<bool>,
    /// A runtime has left.
    left: Condvar,
    pub(crate) bell: Bell,
}

impl Fallback {
    pub(crate) fn new() -> Fallback {
        Fallback {
            started: Mutex::new(false),
            left: Condvar::new(),
            bell: Bell::new(),
        }
    }

    /// Sees to it that there is a thread.
    #[cold]
    pub(crate) fn start(poller: &Arc<Poller>) -> io::Result<()> {
        let mut started = lock(&poller.fallback.started);
        if !*started {
            let its = Arc::clone(poller);
            thread::Builder::new()
                .name("marmot-netpoll".to_owned())
                .spawn(move || serve(&its))?;
            *started = true;
        }
        Ok(())
    }

    /// A runtime has left: the thread may have to work.
    pub(crate) fn look_again(&self) {
        // Under the lock, so that it falls before the thread's look or into its rest.
        drop(lock(&self.started));
        self.left.notify_all();
    }

    fn rest_while(&self, somebody_else_looks: impl Fn() -> bool) {
        let mut started = lock(&self.started);
        while somebody_else_looks() {
            started = self
                .left
                .wait(started)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn serve(poller: &Arc<Poller>) {
    let fallback = &poller.fallback;
    loop {
        fallback.rest_while(|| poller.drivers() > 0);
        // A waker is foreign code: if it panics it has said so on stderr.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            poller.poll_from(&fallback.bell, None, || {})
        }));
        if matches!(polled, Ok(Err(_))) {
            thread::sleep(AFTER_ERROR);
        }
    }
}
