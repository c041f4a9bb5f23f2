//! hyper on our streams: its I/O traits, an executor and a timer.
//!
//! The streams implement `hyper::rt::Read` and `Write` themselves; what comes goes from the kernel
//! straight into hyper's memory.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use hyper::rt;
use marmot_netpoll::{foreign_writes, hyper_reads};
use marmot_wait::{ambient, park, runner};

use crate::TcpStream;
#[cfg(unix)]
use crate::UnixStream;

hyper_reads!(TcpStream);
foreign_writes!(true, rt::Write: TcpStream);
#[cfg(unix)]
hyper_reads!(UnixStream);
#[cfg(unix)]
foreign_writes!(true, rt::Write: UnixStream);

/// Runs hyper's tasks as goroutines of the runtime of this thread, or each on a thread of its
/// own where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor;

impl<F> rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    #[track_caller]
    fn execute(&self, task: F) {
        let task = ambient::inherit(async { drop(task.await) });
        match runner() {
            Some(runner) => runner.spawn(Box::pin(task), Location::caller()),
            None => drop(thread::spawn(move || park::block_on(task))),
        }
    }
}

/// hyper's timeouts on our timers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer;

impl rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep(marmot_time::sleep(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep(marmot_time::sleep_until(deadline)))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(sleep) => sleep.get_mut().0.reset(deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

struct Sleep(marmot_time::Sleep);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl rt::Sleep for Sleep {}
