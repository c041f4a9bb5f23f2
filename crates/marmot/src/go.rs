//! `go!`: starts a goroutine.

use std::future::Future;
use std::marker::PhantomData;

use crate::JoinHandle;

/// Starts a goroutine and goes on at once; gives a [`JoinHandle`].
///
/// ```
/// # use marmot::prelude::*;
/// # async fn worker(id: u32, rx: Receiver<u32>) { while rx.recv().await.is_some() { let _ = id; } }
/// # fn crunch(data: &[u8]) -> usize { data.len() }
/// # marmot::block_on(async {
/// # let (tx, rx) = chan(1);
/// # let (data, limit) = (vec![1, 2, 3], 7);
/// # let wg = WaitGroup::new();
/// go!(worker(1, rx.clone()));         // any future; arguments are evaluated now, as in Go
/// go!(async move {                    // a block
///     while rx.recv().await.is_some() {}
/// });
/// go!(move || crunch(&data));         // a closure: may block its thread or burn CPU
/// go!([tx, wg, n = limit * 2], async move {   // clones tx and wg, binds n, moves them in
///     tx.send(n).await.unwrap();
///     drop(wg);
/// });
/// let handle = go!(async { 6 * 7 });
/// assert_eq!(handle.await.unwrap(), 42);
/// # });
/// ```
///
/// Dropping the handle detaches the goroutine. A panic in it is then the runtime's business
/// ([`Panic`](crate::Panic)).
///
/// # Panics
///
/// Outside a runtime; the text says what to write around it.
#[macro_export]
macro_rules! go {
    ([$($captures:tt)*], $($what:tt)+) => {
        $crate::__go_with!([$($captures)*] $($what)+)
    };
    ($what:expr $(,)?) => {{
        use $crate::__private::{KindClosure as _, KindFuture as _};
        let task = $what;
        let kind = (&&$crate::__private::Of::new(&task)).kind();
        kind.start(task)
    }};
}

/// The captures of [`go!`], one by one: cloned, or bound to an expression. What is started goes
/// through as tokens: editors do not complete in an expression that was matched twice.
#[doc(hidden)]
#[macro_export]
macro_rules! __go_with {
    ([] $($what:tt)+) => { $crate::go!($($what)+) };
    ([mut $name:ident = $value:expr $(, $($rest:tt)*)?] $($what:tt)+) => {{
        let mut $name = $value;
        $crate::__go_with!([$($($rest)*)?] $($what)+)
    }};
    ([$name:ident = $value:expr $(, $($rest:tt)*)?] $($what:tt)+) => {{
        let $name = $value;
        $crate::__go_with!([$($($rest)*)?] $($what)+)
    }};
    ([mut $name:ident $(, $($rest:tt)*)?] $($what:tt)+) => {{
        let mut $name = $name.clone();
        $crate::__go_with!([$($($rest)*)?] $($what)+)
    }};
    ([$name:ident $(, $($rest:tt)*)?] $($what:tt)+) => {{
        let $name = $name.clone();
        $crate::__go_with!([$($($rest)*)?] $($what)+)
    }};
}

/// Tells a future from a closure: the trait for futures is found with one reference less.
#[derive(Debug)]
pub struct Of<T>(PhantomData<fn(&T)>);

impl<T> Of<T> {
    /// Of this value, which stays where it is.
    pub fn new(_value: &T) -> Of<T> {
        Of(PhantomData)
    }
}

/// A value that is a future.
pub trait KindFuture {
    /// How it is started.
    fn kind(&self) -> StartFuture {
        StartFuture(())
    }
}

impl<F: Future> KindFuture for &Of<F> {}

/// A value that is a closure.
pub trait KindClosure {
    /// How it is started.
    fn kind(&self) -> StartClosure {
        StartClosure(())
    }
}

impl<R, F: FnOnce() -> R> KindClosure for Of<F> {}

/// Starts a future.
#[derive(Debug)]
pub struct StartFuture(());

impl StartFuture {
    /// Starts it.
    #[track_caller]
    pub fn start<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        crate::runtime::spawn(future)
    }
}

/// Starts a closure.
#[derive(Debug)]
pub struct StartClosure(());

impl StartClosure {
    /// Starts it.
    #[track_caller]
    pub fn start<R, F>(self, f: F) -> JoinHandle<R>
    where
        R: Send + 'static,
        F: FnOnce() -> R + Send + 'static,
    {
        crate::runtime::spawn(async move { f() })
    }
}
