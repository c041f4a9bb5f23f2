//! What can happen to a future that waits, and what must be so afterwards: one table for
//! everything that can be waited for.
//!
//! Each row makes a thing anew, lets three wait for it, does something unkind to one of them,
//! and looks whether the others get what is theirs.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::hostile::{At, Hostile};

/// Whatever a wait gives: a guard, a permit, a value, nothing.
pub(crate) trait Held {}
impl<T> Held for T {}

pub(crate) type Boxed<'a> = Pin<Box<dyn Future<Output = Box<dyn Held + 'a>> + 'a>>;

/// Hides what a future gives.
pub(crate) fn boxed<'a, F>(future: F) -> Boxed<'a>
where
    F: Future + 'a,
    F::Output: 'a,
{
    struct Hidden<'a, F>(Pin<Box<F>>, std::marker::PhantomData<&'a ()>);
    impl<'a, F: Future<Output: 'a>> Future for Hidden<'a, F> {
        type Output = Box<dyn Held + 'a>;
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            let output = self.0.as_mut().poll(cx);
            output.map(|held| Box::new(held) as Box<dyn Held + 'a>)
        }
    }
    Box::pin(Hidden(Box::pin(future), std::marker::PhantomData))
}

/// Who goes on when a thing is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The first in line, and the next when that one is done.
    One,
    /// All who wait.
    All,
    /// The first in line, and all when that one is done.
    OneThenAll,
}

/// Something that can be waited for, which waits to be opened.
pub(crate) trait Thing {
    const NEXT: Next;
    /// Whether a wait goes on after a panic in one of its polls.
    const RESUMES: bool = true;
    /// A closed one.
    fn new() -> Self;
    /// A new wait, which is polled before the next is made.
    fn wait(&self) -> Boxed<'_>;
    /// Lets the first go on, or all.
    fn open(&self);
    /// What it takes for the next to go on, beside what the one before has got being dropped.
    fn again(&self) {}
    /// Nobody waits, nobody holds it, and it is open.
    fn is_whole(&self) -> bool;
}

/// One that waits.
struct Waiting<'a> {
    future: Boxed<'a>,
    waker: Arc<Hostile>,
}

impl<'a> Waiting<'a> {
    fn new(thing: &'a impl Thing) -> Waiting<'a> {
        let mut waiting = Waiting {
            future: thing.wait(),
            waker: Hostile::new(),
        };
        assert!(waiting.poll().is_pending(), "it is closed");
        waiting
    }

    fn three(thing: &'a impl Thing) -> [Waiting<'a>; 3] {
        [(); 3].map(|()| Waiting::new(thing))
    }

    fn poll(&mut self) -> Poll<Box<dyn Held + 'a>> {
        let waker = self.waker.waker();
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

/// Opens a thing for those who wait, in that order, and lets each of them through.
fn let_through<'a, T: Thing>(thing: &T, waiting: impl IntoIterator<Item = Waiting<'a>>) {
    thing.open();
    pass(thing, waiting);
}

/// The same, opened before.
fn pass<'a, T: Thing>(thing: &T, waiting: impl IntoIterator<Item = Waiting<'a>>) {
    let mut waiting: Vec<_> = waiting.into_iter().collect();
    for turn in 0..waiting.len() {
        let calls: Vec<_> = waiting.iter().map(|one| one.waker.wakes()).collect();
        let woken = |n: usize| {
            usize::from(match T::NEXT {
                Next::One => n <= turn,
                Next::All => true,
                Next::OneThenAll => turn > 0 || n == 0,
            })
        };
        let expected: Vec<_> = (0..waiting.len()).map(woken).collect();
        assert_eq!(calls, expected, "wake-ups before turn {turn}");
        let Poll::Ready(held) = waiting[turn].poll() else {
            panic!("it was let through");
        };
        assert_eq!(waiting[turn].waker.handles(), 1, "no waker is left behind");
        drop(held);
        thing.again();
    }
    drop(waiting);
}

fn dropped_before_its_first_poll<T: Thing>(thing: &T) {
    drop(thing.wait());
    let after = Waiting::new(thing);
    drop(thing.wait());
    let_through(thing, [after]);
}

fn dropped_at_any_place_in_the_line<T: Thing>(thing: &T, place: usize) {
    let three = Waiting::three(thing);
    let wakers = three.each_ref().map(|one| Arc::clone(&one.waker));
    let mut rest: Vec<_> = three.into();
    drop(rest.remove(place));
    assert_eq!(wakers[place].handles(), 1, "its waker is gone");
    assert_eq!(wakers.map(|waker| waker.wakes()), [0; 3]);
    let_through(thing, rest);
}

fn dropped_with_what_it_was_given<T: Thing>(thing: &T) {
    let [first, second, third] = Waiting::three(thing);
    thing.open();
    assert_eq!(first.waker.wakes(), 1);
    drop(first);
    pass(thing, [second, third]);
}

fn two_dropped_with_what_they_were_given<T: Thing>(thing: &T) {
    let [first, second, third] = Waiting::three(thing);
    thing.open();
    drop(first);
    drop(second);
    pass(thing, [third]);
}

fn dropped_with_what_it_was_given_while_a_panic_unwinds<T: Thing>(thing: &T) {
    let [first, second, third] = Waiting::three(thing);
    thing.open();
    let ended = catch_unwind(AssertUnwindSafe(move || {
        let _first = first;
        panic!("unwinds");
    }));
    assert!(ended.is_err());
    pass(thing, [second, third]);
}

fn forgotten_in_the_line<T: Thing>(thing: &T) {
    let [first, second, third] = Waiting::three(thing);
    std::mem::forget(third.future);
    let_through(thing, [first, second]);
}

fn moved_to_another_task<T: Thing>(thing: &T) {
    let [mut first, mut second, third] = Waiting::three(thing);
    for one in [&mut first, &mut second] {
        let before = std::mem::replace(&mut one.waker, Hostile::new());
        assert!(one.poll().is_pending());
        assert_eq!(before.handles(), 1, "the task it was in is let go of");
        assert_eq!(one.waker.handles(), 2);
    }
    let_through(thing, [first, second, third]);
}

fn polled_without_being_woken<T: Thing>(thing: &T) {
    let mut three = Waiting::three(thing);
    for turn in 0..6 {
        let one = &mut three[turn % 3];
        assert!(one.poll().is_pending());
        assert_eq!(one.waker.handles(), 2, "one waker is enough");
    }
    let_through(thing, three);
}

fn its_waker_fails_when_called<T: Thing>(thing: &T, dropped: bool) {
    let [first, second, third] = Waiting::three(thing);
    first.waker.fail(At::Wake);
    let opened = catch_unwind(AssertUnwindSafe(|| thing.open()));
    assert!(opened.is_err(), "nobody swallows it");
    if dropped {
        drop(first);
        pass(thing, [second, third]);
    } else {
        pass(thing, [first, second, third]);
    }
}

fn its_waker_cannot_be_cloned<T: Thing>(thing: &T) {
    let waker = Hostile::new();
    let mut future = thing.wait();
    waker.fail(At::Clone);
    let first = waker.waker();
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let mut cx = Context::from_waker(&first);
        future.as_mut().poll(&mut cx).is_pending()
    }));
    assert!(polled.is_err());
    drop(first);
    if !T::RESUMES {
        drop(future);
        return let_through(thing, [Waiting::new(thing)]);
    }
    let mut waiting = Waiting { future, waker };
    // A wait that released a lock for this poll holds nothing and is over.
    let again = catch_unwind(AssertUnwindSafe(|| waiting.poll().is_pending()));
    match again {
        Ok(pending) => {
            assert!(pending, "it waits from now on");
            let second = Waiting::new(thing);
            let_through(thing, [waiting, second]);
        }
        Err(_) => {
            drop(waiting);
            let_through(thing, [Waiting::new(thing)]);
        }
    }
}

fn its_next_waker_cannot_be_cloned<T: Thing>(thing: &T) {
    let [mut first, second, third] = Waiting::three(thing);
    let before = std::mem::replace(&mut first.waker, Hostile::new());
    first.waker.fail(At::Clone);
    let polled = catch_unwind(AssertUnwindSafe(|| first.poll().is_pending()));
    assert!(polled.is_err());
    if T::RESUMES && catch_unwind(AssertUnwindSafe(|| first.poll().is_pending())).is_ok() {
        return let_through(thing, [first, second, third]);
    }
    drop(first);
    assert_eq!(before.handles(), 1, "it has left");
    let_through(thing, [second, third]);
}

fn its_waker_fails_when_replaced<T: Thing>(thing: &T) {
    let [mut first, second, third] = Waiting::three(thing);
    first.waker.fail(At::Drop);
    first.waker = Hostile::new();
    let polled = catch_unwind(AssertUnwindSafe(|| first.poll().is_pending()));
    assert!(polled.is_err());
    if T::RESUMES && catch_unwind(AssertUnwindSafe(|| first.poll().is_pending())).is_ok() {
        return let_through(thing, [first, second, third]);
    }
    drop(first);
    let_through(thing, [second, third]);
}

fn its_waker_fails_when_it_leaves<T: Thing>(thing: &T) {
    let [first, second, third] = Waiting::three(thing);
    first.waker.fail(At::Drop);
    let left = catch_unwind(AssertUnwindSafe(|| drop(first)));
    assert!(left.is_err());
    let_through(thing, [second, third]);
}

/// Runs a row of the table for one thing.
fn row<T: Thing>(what: &str, row: impl FnOnce(&T)) {
    // Leaked, since a row may leave a forgotten future behind that borrows it.
    let thing = Box::leak(Box::new(T::new()));
    let done = catch_unwind(AssertUnwindSafe(|| row(thing)));
    if let Err(payload) = done {
        eprintln!("in the row of one that is {what}:");
        std::panic::resume_unwind(payload);
    }
    if !what.starts_with("forgotten") {
        assert!(thing.is_whole(), "after the row of one that is {what}");
    }
}

/// The whole table for one thing.
pub(crate) fn all_rows<T: Thing>() {
    row("dropped unpolled", dropped_before_its_first_poll::<T>);
    for place in 0..3 {
        row("dropped in the line", |thing: &T| {
            dropped_at_any_place_in_the_line(thing, place);
        });
    }
    row(
        "dropped after its turn came",
        dropped_with_what_it_was_given::<T>,
    );
    row(
        "dropped by twos after their turns came",
        two_dropped_with_what_they_were_given::<T>,
    );
    row(
        "dropped by a panic",
        dropped_with_what_it_was_given_while_a_panic_unwinds::<T>,
    );
    row("forgotten", forgotten_in_the_line::<T>);
    row("moved to another task", moved_to_another_task::<T>);
    row("woken by nobody", polled_without_being_woken::<T>);
    for dropped in [false, true] {
        row("woken in vain", |thing: &T| {
            its_waker_fails_when_called(thing, dropped);
        });
    }
    row("unable to begin", its_waker_cannot_be_cloned::<T>);
    row("unable to move", its_next_waker_cannot_be_cloned::<T>);
    row(
        "unable to let its task go",
        its_waker_fails_when_replaced::<T>,
    );
    row("unable to leave", its_waker_fails_when_it_leaves::<T>);
}
