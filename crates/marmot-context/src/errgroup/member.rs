//! One goroutine of a group: runs the future, catches its panic, and gives its place back.

use std::any::Any;
use std::error::Error;
use std::future::Future;
use std::io::Write;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use marmot_wait::Goexit;
use pin_project_lite::pin_project;

use crate::errgroup::Inner;
use crate::errgroup::state::Panic;
use crate::error::cause_of;

/// A member that was not started: it does not own its group, which owns it.
pub(super) type Job = Pin<Box<dyn Start>>;

/// What can become a running member.
pub(super) trait Start: Future<Output = ()> + Send {
    /// From now on it counts as running.
    fn enter(self: Pin<&mut Self>, group: Arc<Inner>);
    /// Where it was born.
    fn place(&self) -> &'static Location<'static>;
}

pin_project! {
    pub(super) struct Member<F> {
        // Absent once it has ended.
        #[pin]
        future: Option<F>,
        // Present while it runs.
        group: Option<Running>,
        place: &'static Location<'static>,
    }

    impl<F> PinnedDrop for Member<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // Given back after the future is dropped, also if that panics.
            let _place = this.group.take();
            this.future.set(None);
        }
    }
}

impl<F> Member<F> {
    pub(super) fn new(future: F, place: &'static Location<'static>) -> Member<F> {
        Member {
            future: Some(future),
            group: None,
            place,
        }
    }
}

impl<F, E> Start for Member<F>
where
    F: Future<Output = Result<(), E>> + Send,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    fn enter(self: Pin<&mut Self>, group: Arc<Inner>) {
        *self.project().group = Some(Running(group));
    }

    fn place(&self) -> &'static Location<'static> {
        self.place
    }
}

impl<F, E> Future for Member<F>
where
    F: Future<Output = Result<(), E>> + Send,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Ready(());
        };
        let polled = catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
        if matches!(polled, Ok(Poll::Pending)) {
            return Poll::Pending;
        }
        let running = this.group.take();
        let exit = running
            .as_ref()
            .and_then(|Running(group)| tell(group, polled, this.place));
        this.future.set(None);
        drop(running);
        match exit {
            None => Poll::Ready(()),
            Some(exit) => resume_unwind(exit),
        }
    }
}

/// Tells the group at once how a member ended: before anything of it is dropped. Gives what
/// is not the group's: the exit of a member that ended itself, which is no failure, and a
/// panic that nobody can wait for.
fn tell<E: Into<Box<dyn Error + Send + Sync>>>(
    group: &Arc<Inner>,
    polled: Result<Poll<Result<(), E>>, Box<dyn Any + Send>>,
    place: &'static Location<'static>,
) -> Option<Box<dyn Any + Send>> {
    match polled {
        Ok(Poll::Ready(Err(error))) => group.fail(cause_of(error)),
        Ok(_) => {}
        Err(payload) if payload.is::<Goexit>() => return Some(payload),
        Err(payload) => {
            let text = text_of(&*payload);
            let told = format!("errgroup: a member panicked: {text}\n\tstarted at {place}\n");
            let payload = Some(payload);
            match group.panicked(Panic { payload, text }) {
                None => report(&told),
                Some(panic) => return panic.payload,
            }
        }
    }
    None
}

/// Says at once what happened: the one who waits may take long to come to it.
fn report(what: &str) {
    // Nobody to tell if stderr is closed.
    std::io::stderr().write_all(what.as_bytes()).ok();
}

/// What a panic says.
pub(super) fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(a value that is no text)")
        .to_owned()
}

/// A place among those that run, until dropped.
struct Running(Arc<Inner>);

impl Drop for Running {
    fn drop(&mut self) {
        Inner::finish(&self.0);
    }
}
