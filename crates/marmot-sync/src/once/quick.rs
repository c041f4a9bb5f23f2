//! A future that is most likely ready at once.
//!
//! Its poll is a look at what may be there, and so small that it becomes part of the caller's.
//! What has to be done otherwise is made, polled and dropped out of line, where its size and its
//! state are nobody's burden.

#![expect(
    unsafe_code,
    reason = "drops a pinned future in place, from a function of its own"
)]

use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// What `look` gives; or else, from its first vain look on, what the future gives that `make`
    /// makes.
    pub(super) struct Quick<L, M, S> {
        look: L,
        make: Option<M>,
        #[pin]
        slow: Option<Aside<S>>,
    }
}

impl<L, M, S> Quick<L, M, S> {
    #[inline]
    pub(super) fn new(look: L, make: M) -> Quick<L, M, S> {
        Quick {
            look,
            make: Some(make),
            slow: None,
        }
    }
}

impl<R, L, M, S> Future for Quick<L, M, S>
where
    L: Fn() -> Option<R>,
    M: FnOnce() -> S,
    S: Future<Output = R>,
{
    type Output = R;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = self.project();
        match (this.look)() {
            Some(there) => Poll::Ready(there),
            None => poll_slow(this.make, this.slow, cx),
        }
    }
}

#[cold]
#[inline(never)]
fn poll_slow<S: Future>(
    make: &mut Option<impl FnOnce() -> S>,
    mut slow: Pin<&mut Option<Aside<S>>>,
    cx: &mut Context<'_>,
) -> Poll<S::Output> {
    if let Some(make) = make.take() {
        slow.set(Some(Aside(ManuallyDrop::new(make()))));
    }
    let slow = slow.as_pin_mut().expect("made at the first vain look");
    // SAFETY: what is inside is as pinned as its wrapper: it is never moved out, and dropped
    // where it is.
    let slow = unsafe { slow.map_unchecked_mut(|aside| &mut *aside.0) };
    slow.poll(cx)
}

/// A future whose end is out of line: what a compiler would write to drop it is long, and would
/// keep the poll around it from becoming part of its caller's.
struct Aside<S>(ManuallyDrop<S>);

impl<S> Drop for Aside<S> {
    #[inline]
    fn drop(&mut self) {
        drop_aside(&mut self.0);
    }
}

#[cold]
#[inline(never)]
fn drop_aside<S>(slow: &mut ManuallyDrop<S>) {
    // SAFETY: called once, when its wrapper is dropped; nobody touches it after that.
    unsafe { ManuallyDrop::drop(slow) };
}
