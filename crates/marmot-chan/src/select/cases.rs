//! The operations on channels that a select decides itself.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::task::Waker;

use crate::chan::Chan;
use crate::channel::Channel;
use crate::error::{SEND_ON_CLOSED, SendError};
use crate::lock::Lock;
use crate::receiver::Receiver;
use crate::recv::{Recv, RecvCore};
use crate::select::arm::Case;
use crate::send::{Permit, Reserve, SendFrom, SendValue, Sent, Stage, slot_result};
use crate::sender::Sender;
use crate::state::{Phase, State, Who};

/// What can stand behind Go's `<-` in [`select!`](crate::select!), or alone as an arm:
/// [`Receiver`], [`Chan`], what has one inside, references to them, and an `Option` of them
/// (`None` is Go's nil channel).
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be received from",
    label = "not a `Receiver`, a `Chan`, or a reference to one"
)]
pub trait AsReceiver {
    /// What is received.
    type Item;

    /// The receiver; `None` never receives.
    fn as_receiver(&self) -> Option<&Receiver<Self::Item>>;
}

/// What can stand before Go's `<-` in [`select!`](crate::select!): [`Sender`], [`Chan`],
/// references to them, and an `Option` of them (`None` is Go's nil channel).
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be sent to",
    label = "not a `Sender`, a `Chan`, or a reference to one"
)]
pub trait AsSender {
    /// What is sent.
    type Item;

    /// The sender; `None` never sends.
    fn as_sender(&self) -> Option<&Sender<Self::Item>>;
}

impl<T> AsReceiver for Receiver<T> {
    type Item = T;

    fn as_receiver(&self) -> Option<&Receiver<T>> {
        Some(self)
    }
}

impl<T> AsReceiver for Chan<T> {
    type Item = T;

    fn as_receiver(&self) -> Option<&Receiver<T>> {
        Some(self.ends().1)
    }
}

impl<T> AsSender for Sender<T> {
    type Item = T;

    fn as_sender(&self) -> Option<&Sender<T>> {
        Some(self)
    }
}

impl<T> AsSender for Chan<T> {
    type Item = T;

    fn as_sender(&self) -> Option<&Sender<T>> {
        Some(self.ends().0)
    }
}

macro_rules! through {
    ($($pointer:ty),*) => {$(
        impl<X: AsReceiver + ?Sized> AsReceiver for $pointer {
            type Item = X::Item;

            fn as_receiver(&self) -> Option<&Receiver<X::Item>> {
                (**self).as_receiver()
            }
        }

        impl<X: AsSender + ?Sized> AsSender for $pointer {
            type Item = X::Item;

            fn as_sender(&self) -> Option<&Sender<X::Item>> {
                (**self).as_sender()
            }
        }
    )*};
}

through!(&X, &mut X, Box<X>, Arc<X>, std::rc::Rc<X>);

impl<X: AsReceiver> AsReceiver for Option<X> {
    type Item = X::Item;

    fn as_receiver(&self) -> Option<&Receiver<X::Item>> {
        self.as_ref()?.as_receiver()
    }
}

impl<X: AsSender> AsSender for Option<X> {
    type Item = X::Item;

    fn as_sender(&self) -> Option<&Sender<X::Item>> {
        self.as_ref()?.as_sender()
    }
}

/// A receive from what has a receiver inside, and owns that.
///
/// The receiver is asked for once: were it another one later, the wrong lock would be held.
#[doc(hidden)]
pub struct OwnedRecv<R: AsReceiver> {
    chan: Option<Arc<Channel<R::Item>>>,
    stage: Stage,
    place: &'static Location<'static>,
    /// Dropped last: it may be the last receiver.
    _source: R,
}

impl<R: AsReceiver> OwnedRecv<R> {
    #[track_caller]
    pub(crate) fn new(source: R) -> OwnedRecv<R> {
        let chan = source.as_receiver().map(|rx| {
            rx.unpark();
            Arc::clone(&rx.chan)
        });
        OwnedRecv {
            chan,
            stage: Stage::New,
            place: Location::caller(),
            _source: source,
        }
    }

    /// Lends the receive to `f`, and keeps what becomes of its stage.
    #[inline]
    fn with<Out>(&mut self, f: impl FnOnce(&mut RecvCore<'_, R::Item>) -> Out) -> Option<Out> {
        let mut core = RecvCore {
            chan: self.chan.as_ref()?,
            stage: self.stage,
            place: self.place,
        };
        let out = f(&mut core);
        self.stage = core.stage;
        Some(out)
    }
}

impl<R: AsReceiver> Unpin for OwnedRecv<R> {}

impl<R: AsReceiver> Case for OwnedRecv<R> {
    type Value = R::Item;
    type Output = Option<R::Item>;

    #[inline]
    fn channel(&self) -> Option<&Lock<State<R::Item>>> {
        self.chan.as_ref().map(|chan| &chan.state)
    }

    #[inline]
    fn is_in_line(&self) -> bool {
        matches!(self.stage, Stage::Waiting(_))
    }

    #[inline]
    fn may_be_done(&self) -> bool {
        self.chan.as_ref().is_some_and(|chan| chan.may_receive())
    }

    #[inline]
    fn look(
        &mut self,
        state: &mut State<R::Item>,
        owed: &mut Option<Waker>,
    ) -> Option<Option<R::Item>> {
        self.with(|core| core.look(state, owed))?
    }

    fn enlist(&mut self, state: &mut State<R::Item>, who: Who, owed: &mut Option<Waker>) {
        self.with(|core| core.join(state, who, owed));
    }

    #[inline]
    fn collect(&mut self) -> Option<Option<R::Item>> {
        self.with(|core| core.collect())?
    }

    fn settle(&mut self, state: &mut State<R::Item>) -> Option<R::Item> {
        self.with(|core| core.settle(state))?
    }

    #[inline]
    fn leave(&mut self) -> Option<Who> {
        if self.is_in_line() {
            self.with(|core| core.leave())?
        } else {
            None
        }
    }
}

impl<R: AsReceiver> Drop for OwnedRecv<R> {
    fn drop(&mut self) {
        drop(self.leave());
    }
}

impl<R: AsReceiver> fmt::Debug for OwnedRecv<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedRecv").finish_non_exhaustive()
    }
}

impl<T> Case for Recv<'_, T> {
    type Value = T;
    type Output = Option<T>;

    #[inline]
    fn channel(&self) -> Option<&Lock<State<T>>> {
        Some(&self.core.chan.state)
    }

    #[inline]
    fn is_in_line(&self) -> bool {
        matches!(self.core.stage, Stage::Waiting(_))
    }

    #[inline]
    fn may_be_done(&self) -> bool {
        self.core.chan.may_receive()
    }

    #[inline]
    fn look(&mut self, state: &mut State<T>, owed: &mut Option<Waker>) -> Option<Option<T>> {
        self.core.look(state, owed)
    }

    fn enlist(&mut self, state: &mut State<T>, who: Who, owed: &mut Option<Waker>) {
        self.core.join(state, who, owed);
    }

    #[inline]
    fn collect(&mut self) -> Option<Option<T>> {
        self.core.collect()
    }

    fn settle(&mut self, state: &mut State<T>) -> Option<T> {
        self.core.settle(state)
    }

    #[inline]
    fn leave(&mut self) -> Option<Who> {
        self.core.leave()
    }
}

/// The three sends differ in where the value is and what they give.
macro_rules! send_case {
    ($name:ident<$life:lifetime, $t:ident>, $output:ty, |$this:ident| $slot:expr, $result:expr) => {
        impl<$life, $t> Case for $name<$life, $t> {
            type Value = $t;
            type Output = $output;

            #[inline]
            fn channel(&self) -> Option<&Lock<State<$t>>> {
                Some(&self.core.chan.state)
            }

            #[inline]
            fn is_in_line(&self) -> bool {
                matches!(self.core.stage, Stage::Waiting(_))
            }

            #[inline]
            fn may_be_done(&self) -> bool {
                self.core.chan.may_send()
            }

            #[inline]
            fn look(&mut self, state: &mut State<$t>, owed: &mut Option<Waker>) -> Option<$output> {
                let $this = self;
                let sent = $this.core.look(state, $slot, owed)?;
                Some($result($this, sent))
            }

            fn enlist(&mut self, state: &mut State<$t>, who: Who, _: &mut Option<Waker>) {
                let $this = self;
                $this.core.join(state, $slot, who);
            }

            #[inline]
            fn collect(&mut self) -> Option<$output> {
                let $this = self;
                if $this.core.collect() {
                    Some($result($this, Sent::Yes))
                } else {
                    None
                }
            }

            fn settle(&mut self, state: &mut State<$t>) -> $output {
                let $this = self;
                let waiter = match $this.core.stage {
                    Stage::Waiting(key) => state.senders.remove(key),
                    _ => None,
                };
                let sent = $this.core.settle(waiter, $slot);
                $result($this, sent)
            }

            #[inline]
            fn leave(&mut self) -> Option<Who> {
                let $this = self;
                $this.core.leave($slot)?.1
            }
        }
    };
}

send_case!(SendValue<'a, T>, Result<(), SendError<T>>, |this| &mut this.value, SendValue::result);
send_case!(SendFrom<'a, T>, Result<(), SendError<()>>, |this| this.slot, |_: &mut SendFrom<'a, T>, sent| slot_result(sent));
send_case!(
    Reserve<'a, T>,
    Result<Permit<'a, T>, SendError<()>>,
    |_this| &mut None,
    Reserve::result
);

/// Go's `ch <- v`.
#[derive(Debug)]
#[doc(hidden)]
pub struct ArrowSend<'a, T> {
    send: Option<SendValue<'a, T>>,
}

impl<T> Unpin for ArrowSend<'_, T> {}

impl<'a, T> ArrowSend<'a, T> {
    #[track_caller]
    pub(crate) fn new(tx: Option<&'a Sender<T>>, value: T) -> ArrowSend<'a, T> {
        ArrowSend {
            send: tx.map(|tx| tx.send(value)),
        }
    }
}

/// How a `ch <- v` ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[doc(hidden)]
pub enum Arrow {
    /// The value was sent.
    Sent,
    /// Somebody has closed the channel.
    Closed,
    /// Nobody is left to receive.
    Gone,
}

impl Arrow {
    /// Whether it was sent; if not, the arm is out.
    ///
    /// # Panics
    ///
    /// "send on closed channel", as in Go, if somebody has closed it.
    #[track_caller]
    #[must_use]
    pub fn is_sent(self) -> bool {
        assert!(self != Arrow::Closed, "{SEND_ON_CLOSED}");
        self == Arrow::Sent
    }

    fn of<T, E>(sent: Result<(), E>, state: &State<T>) -> Arrow {
        match sent {
            Ok(()) => Arrow::Sent,
            Err(_) if state.phase() == Phase::Explicitly => Arrow::Closed,
            Err(_) => Arrow::Gone,
        }
    }
}

impl<T> Case for ArrowSend<'_, T> {
    type Value = T;
    type Output = Arrow;

    #[inline]
    fn channel(&self) -> Option<&Lock<State<T>>> {
        self.send.as_ref()?.channel()
    }

    #[inline]
    fn is_in_line(&self) -> bool {
        self.send.as_ref().is_some_and(Case::is_in_line)
    }

    #[inline]
    fn may_be_done(&self) -> bool {
        self.send.as_ref().is_some_and(Case::may_be_done)
    }

    fn look(&mut self, state: &mut State<T>, owed: &mut Option<Waker>) -> Option<Arrow> {
        let send = self.send.as_mut()?;
        let sent = send.core.look(state, &mut send.value, owed)?;
        Some(Arrow::of(slot_result(sent), state))
    }

    fn enlist(&mut self, state: &mut State<T>, who: Who, owed: &mut Option<Waker>) {
        if let Some(send) = &mut self.send {
            send.enlist(state, who, owed);
        }
    }

    #[inline]
    fn collect(&mut self) -> Option<Arrow> {
        let served = self.send.as_mut()?.core.collect();
        served.then_some(Arrow::Sent)
    }

    fn settle(&mut self, state: &mut State<T>) -> Arrow {
        let Some(send) = &mut self.send else {
            return Arrow::Gone;
        };
        let waiter = match send.core.stage {
            Stage::Waiting(key) => state.senders.remove(key),
            _ => None,
        };
        let sent = send.core.settle(waiter, &mut send.value);
        Arrow::of(slot_result(sent), state)
    }

    #[inline]
    fn leave(&mut self) -> Option<Who> {
        self.send.as_mut()?.leave()
    }
}

/// An absent operation takes no part.
impl<C: Case> Case for Option<C> {
    type Value = C::Value;
    type Output = C::Output;

    #[inline]
    fn channel(&self) -> Option<&Lock<State<C::Value>>> {
        self.as_ref()?.channel()
    }

    #[inline]
    fn is_in_line(&self) -> bool {
        self.as_ref().is_some_and(C::is_in_line)
    }

    #[inline]
    fn may_be_done(&self) -> bool {
        self.as_ref().is_some_and(C::may_be_done)
    }

    fn look(&mut self, state: &mut State<C::Value>, owed: &mut Option<Waker>) -> Option<C::Output> {
        self.as_mut()?.look(state, owed)
    }

    fn enlist(&mut self, state: &mut State<C::Value>, who: Who, owed: &mut Option<Waker>) {
        if let Some(case) = self {
            case.enlist(state, who, owed);
        }
    }

    #[inline]
    fn collect(&mut self) -> Option<C::Output> {
        self.as_mut()?.collect()
    }

    fn settle(&mut self, state: &mut State<C::Value>) -> C::Output {
        self.as_mut()
            .expect("a case that was served is there")
            .settle(state)
    }

    #[inline]
    fn leave(&mut self) -> Option<Who> {
        self.as_mut()?.leave()
    }
}
