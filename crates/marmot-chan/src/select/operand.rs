//! What `select!` makes of an operand: which kind of arm it is, told by its type alone.
//!
//! `(&&&&Probe::of(&operand)).kind()` resolves to the first that fits, because a method is
//! looked for on the receiver's type first and then with one `&` fewer each time (the trick
//! is known as autoref specialisation): what has a receiver inside or is one of our
//! operations, an `Option` of an operation, any future, an `Option` of a future.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

use crate::receiver::Receiver;
use crate::recv::Recv;
use crate::select::arm::{Case, ChannelArm, FutureArm};
use crate::select::cases::{ArrowSend, AsReceiver, AsSender, OwnedRecv};
use crate::send::{Reserve, SendFrom, SendValue};

/// The type of an operand.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<fn(T)>);

impl<T> Probe<T> {
    /// Of this operand.
    pub fn of(_: &T) -> Probe<T> {
        Probe(PhantomData)
    }
}

/// What is, or becomes, an operation on a channel.
pub trait IntoCase {
    /// The operation.
    type Case: Case;
    /// Becomes it.
    fn into_case(self) -> Self::Case;
}

impl<R: AsReceiver> IntoCase for R {
    type Case = OwnedRecv<R>;

    #[track_caller]
    fn into_case(self) -> OwnedRecv<R> {
        OwnedRecv::new(self)
    }
}

macro_rules! is_a_case {
    ($($name:ident)*) => {$(
        impl<'a, T> IntoCase for $name<'a, T> {
            type Case = $name<'a, T>;

            fn into_case(self) -> Self {
                self
            }
        }
    )*};
}

is_a_case!(Recv SendValue SendFrom Reserve ArrowSend);

/// Kind of arm: an operation on a channel.
#[derive(Clone, Copy, Debug)]
pub struct CaseKind;
/// Kind of arm: perhaps an operation on a channel.
#[derive(Clone, Copy, Debug)]
pub struct OptionCaseKind;
/// Kind of arm: a future.
#[derive(Clone, Copy, Debug)]
pub struct FutureKind;
/// Kind of arm: perhaps a future.
#[derive(Clone, Copy, Debug)]
pub struct OptionFutureKind;

/// First choice.
pub trait ViaCase {
    /// The kind.
    fn kind(&self) -> CaseKind {
        CaseKind
    }
}
impl<T: IntoCase> ViaCase for &&&Probe<T> {}

/// Second choice.
pub trait ViaOptionCase {
    /// The kind.
    fn kind(&self) -> OptionCaseKind {
        OptionCaseKind
    }
}
impl<T: IntoCase> ViaOptionCase for &&Probe<Option<T>> {}

/// Third choice.
pub trait ViaFuture {
    /// The kind.
    fn kind(&self) -> FutureKind {
        FutureKind
    }
}
impl<T: IntoFuture> ViaFuture for &Probe<T> {}

/// Fourth choice.
pub trait ViaOptionFuture {
    /// The kind.
    fn kind(&self) -> OptionFutureKind {
        OptionFutureKind
    }
}
impl<T: IntoFuture> ViaOptionFuture for Probe<Option<T>> {}

impl CaseKind {
    /// What is to be pinned.
    pub fn prepare<T: IntoCase>(self, operand: T) -> T::Case {
        operand.into_case()
    }

    /// The arm around it.
    pub fn arm<C: Case>(self, case: Pin<&mut C>, on: bool) -> ChannelArm<&mut C> {
        ChannelArm::new(case.get_mut(), on)
    }
}

impl OptionCaseKind {
    /// What is to be pinned.
    pub fn prepare<T: IntoCase>(self, operand: Option<T>) -> Option<T::Case> {
        operand.map(T::into_case)
    }

    /// The arm around it.
    pub fn arm<C: Case>(self, case: Pin<&mut C>, on: bool) -> ChannelArm<&mut C> {
        ChannelArm::new(case.get_mut(), on)
    }
}

impl FutureKind {
    /// What is to be pinned.
    pub fn prepare<T: IntoFuture>(self, operand: T) -> T::IntoFuture {
        operand.into_future()
    }

    /// The arm around it.
    pub fn arm<F: Future>(self, future: Pin<&mut F>, on: bool) -> FutureArm<'_, F> {
        FutureArm::new(Some(future), on)
    }
}

impl OptionFutureKind {
    /// What is to be pinned.
    pub fn prepare<T: IntoFuture>(self, operand: Option<T>) -> Option<T::IntoFuture> {
        operand.map(T::into_future)
    }

    /// The arm around it.
    pub fn arm<F: Future>(self, future: Pin<&mut Option<F>>, on: bool) -> FutureArm<'_, F> {
        FutureArm::new(future.as_pin_mut(), on)
    }
}

/// `<-rx`: borrows the place, so that the receiver stays where it is.
#[track_caller]
pub fn arrow_recv<R: AsReceiver + ?Sized>(source: &R) -> Option<Recv<'_, R::Item>> {
    source.as_receiver().map(Receiver::recv)
}

/// `tx <- value`.
#[track_caller]
pub fn arrow_send<S: AsSender + ?Sized>(tx: &S, value: S::Item) -> ArrowSend<'_, S::Item> {
    ArrowSend::new(tx.as_sender(), value)
}
