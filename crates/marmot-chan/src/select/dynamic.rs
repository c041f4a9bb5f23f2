//! A select whose cases are known only at run time.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::channel::Channel;
use crate::error::SendError;
use crate::line::Key;
use crate::lock::Lock;
use crate::recv::RecvCore;
use crate::select::arm::{Arm, Case, ChannelArm};
use crate::select::cases::{AsReceiver, AsSender};
use crate::select::engine::{Chosen as Decided, Engine, Order, Patience};
use crate::send::{SendCore, Sent, Stage, wake};
use crate::state::{State, Who};

/// Waits on any number of channel operations, of any element types, gathered at run time. Go:
/// `reflect.Select`.
///
/// Its rules are those of [`select!`](crate::select!): exactly one case happens, uniformly at
/// random among those that are ready. After a wait the cases are still there, but for a send
/// that was chosen.
///
/// # Examples
///
/// ```
/// use marmot_chan::{chan, select::Select};
/// # marmot_wait::park::block_on(async {
/// let (numbers_tx, numbers) = chan::<i32>(1);
/// let (words_tx, words) = chan::<&str>(1);
/// words_tx.try_send("hello").unwrap();
///
/// let mut select = Select::new();
/// let number = select.recv(&numbers);
/// let word = select.recv(&words);
/// let chosen = select.wait().await;
/// match chosen.index() {
///     i if i == number => println!("{:?}", chosen.recv(&numbers)),
///     i if i == word => assert_eq!(chosen.recv(&words), Some("hello")),
///     _ => unreachable!(),
/// }
/// # drop(numbers_tx);
/// # });
/// ```
#[derive(Default)]
pub struct Select<'a> {
    cases: Vec<Option<Box<dyn DynArm<'a> + Send + 'a>>>,
}

/// Which case of a [`Select`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Index(usize);

impl<'a> Select<'a> {
    /// A select without cases.
    #[must_use]
    pub fn new() -> Select<'a> {
        Select::default()
    }

    /// Adds a receive. O(1).
    #[track_caller]
    pub fn recv<R: AsReceiver<Item: Send + 'a>>(&mut self, rx: &'a R) -> Index {
        let case = rx.as_receiver().map(|rx| {
            rx.unpark();
            Received::arm(&rx.chan, Location::caller())
        });
        self.add(case)
    }

    /// Adds a send. O(1).
    #[track_caller]
    pub fn send<S: AsSender<Item: Send + 'a>>(&mut self, tx: &'a S, value: S::Item) -> Index {
        let case = tx
            .as_sender()
            .map(|tx| Posted::arm(&tx.chan, value, Location::caller()));
        self.add(case)
    }

    fn add(&mut self, case: Option<Box<dyn DynArm<'a> + Send + 'a>>) -> Index {
        self.cases.push(case);
        Index(self.cases.len() - 1)
    }

    /// How many cases there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cases.len()
    }

    /// Whether there are none: such a select waits for ever.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// Waits until one case has happened. If several can, each is equally likely. In each line it
    /// waits in, it has the place in which it came.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no waiter; a value that was already handed to a receive goes
    /// back, values to be sent stay with the select.
    ///
    /// # Complexity
    ///
    /// O(n log n) for n cases: to take all locks in order. O(n) to leave the lines.
    #[track_caller]
    pub fn wait(&mut self) -> Wait<'_, 'a> {
        Wait {
            select: self,
            engine: Some(Engine::new(Order::Random, Patience::Waits, true)),
        }
    }

    /// Does one case if that takes no waiting. As one instant: `None` means that there was a
    /// moment at which none could be done. If several can, each is equally likely.
    ///
    /// # Complexity
    ///
    /// O(n log n) for n cases.
    #[track_caller]
    pub fn try_now(&mut self) -> Option<Chosen<'a>> {
        let mut engine = Engine::uncounted(Order::Random);
        let mut cx = Context::from_waker(Waker::noop());
        match self.poll(&mut engine, &mut cx) {
            Poll::Ready(Decided::Arm(case)) => Some(self.take(case)),
            _ => None,
        }
    }

    fn poll(&mut self, engine: &mut Engine, cx: &mut Context<'_>) -> Poll<Decided> {
        self.with_arms(|arms| engine.poll(arms, cx))
    }

    fn with_arms<R>(&mut self, f: impl FnOnce(&mut [&mut dyn Arm]) -> R) -> R {
        let mut absent = Vec::new();
        absent.resize_with(self.cases.len(), || Absent);
        let mut arms: Vec<&mut dyn Arm> = self
            .cases
            .iter_mut()
            .zip(&mut absent)
            .map(|(case, absent)| match case {
                Some(case) => &mut **case as &mut dyn Arm,
                None => absent as &mut dyn Arm,
            })
            .collect();
        f(&mut arms)
    }

    /// Takes the chosen case out, and puts a new one in its place.
    fn take(&mut self, case: usize) -> Chosen<'a> {
        let slot = &mut self.cases[case];
        let again = slot.as_ref().and_then(|arm| arm.again());
        let arm = std::mem::replace(slot, again);
        Chosen {
            index: Index(case),
            arm: arm.expect("a chosen case is there"),
        }
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select")
            .field("cases", &self.cases.len())
            .finish()
    }
}

/// The future of [`Select::wait`].
#[must_use = "a wait does nothing until it is awaited"]
pub struct Wait<'s, 'a> {
    select: &'s mut Select<'a>,
    engine: Option<Engine>,
}

impl<'a> Future for Wait<'_, 'a> {
    type Output = Chosen<'a>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Chosen<'a>> {
        let this = self.get_mut();
        let Some(engine) = &mut this.engine else {
            panic!("a select was polled after it had completed");
        };
        match this.select.poll(engine, cx) {
            Poll::Ready(Decided::Arm(case)) => {
                this.engine = None;
                Poll::Ready(this.select.take(case))
            }
            Poll::Ready(Decided::Default | Decided::AllOut) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Wait<'_, '_> {
    fn drop(&mut self) {
        // First nobody may decide any more, then all leave.
        if let Some(mut engine) = self.engine.take() {
            self.select.with_arms(|arms| engine.leave(arms));
        }
    }
}

impl fmt::Debug for Wait<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").finish_non_exhaustive()
    }
}

/// The case that has happened; what came of it is to be fetched with the channel it was on.
///
/// Dropped without that, a received value goes back to the front of its channel.
pub struct Chosen<'a> {
    index: Index,
    arm: Box<dyn DynArm<'a> + Send + 'a>,
}

impl Chosen<'_> {
    /// Which case it is.
    #[must_use]
    pub fn index(&self) -> Index {
        self.index
    }

    /// What was received; `None`: the channel is closed and drained.
    ///
    /// # Panics
    ///
    /// If the case is not a receive from `rx`.
    #[track_caller]
    pub fn recv<R: AsReceiver>(mut self, rx: &R) -> Option<R::Item> {
        let rx = rx.as_receiver().filter(|rx| self.is_on(&rx.chan));
        let (Some(rx), Some(Kept::Received(key))) = (rx, self.arm.kept()) else {
            panic!("the chosen case is not a receive from this channel");
        };
        let waiter = rx.chan.lock().receivers.remove(key);
        waiter?.value
    }

    /// How the send ended.
    ///
    /// # Errors
    ///
    /// If the channel is closed, the value comes back.
    ///
    /// # Panics
    ///
    /// If the case is not a send to `tx`.
    #[track_caller]
    pub fn sent<S: AsSender>(mut self, tx: &S) -> Result<(), SendError<S::Item>> {
        let tx = tx.as_sender().filter(|tx| self.is_on(&tx.chan));
        let (Some(tx), Some(Kept::Sent(key))) = (tx, self.arm.kept()) else {
            panic!("the chosen case is not a send to this channel");
        };
        let waiter = tx.chan.lock().senders.remove(key);
        match waiter.and_then(|waiter| waiter.value) {
            Some(value) => Err(SendError(value)),
            None => Ok(()),
        }
    }

    fn is_on<T>(&self, chan: &Channel<T>) -> bool {
        self.arm.address() == chan.address()
    }
}

impl fmt::Debug for Chosen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chosen")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

/// Where the result of a chosen case is kept: in its channel, which knows its type, so that
/// nothing has to be cast here.
#[derive(Clone, Copy)]
enum Kept {
    Received(Key),
    Sent(Key),
}

/// An arm without its types that keeps its result.
trait DynArm<'a>: Arm {
    /// The channel's address.
    fn address(&self) -> usize;
    /// The result; it then belongs to the caller.
    fn kept(&mut self) -> Option<Kept>;
    /// The same case once more, for another wait.
    fn again(&self) -> Option<Box<dyn DynArm<'a> + Send + 'a>>;
}

/// A receive whose value stays in the channel.
struct Received<'a, T> {
    core: RecvCore<'a, T>,
    kept: Option<Key>,
}

impl<'a, T: Send> Received<'a, T> {
    fn arm(
        chan: &'a Channel<T>,
        place: &'static Location<'static>,
    ) -> Box<dyn DynArm<'a> + Send + 'a> {
        let case = Box::new(Received {
            core: RecvCore::new(chan, place),
            kept: None,
        });
        Box::new(ChannelArm::new(case, true))
    }
}

impl<T> Case for Received<'_, T> {
    type Value = T;
    type Output = ();

    fn channel(&self) -> Option<&Lock<State<T>>> {
        Some(&self.core.chan.state)
    }

    fn is_in_line(&self) -> bool {
        matches!(self.core.stage, Stage::Waiting(_))
    }

    fn may_be_done(&self) -> bool {
        self.core.chan.may_receive()
    }

    fn look(&mut self, state: &mut State<T>, owed: &mut Option<Waker>) -> Option<()> {
        let value = self.core.look(state, owed)?;
        self.kept = Some(state.keep_received(value));
        Some(())
    }

    fn enlist(&mut self, state: &mut State<T>, who: Who, owed: &mut Option<Waker>) {
        self.core.join(state, who, owed);
    }

    fn collect(&mut self) -> Option<()> {
        None
    }

    fn settle(&mut self, _: &mut State<T>) {
        if let Stage::Waiting(key) = self.core.stage {
            self.core.stage = Stage::Over;
            self.kept = Some(key);
        }
    }

    fn leave(&mut self) -> Option<Who> {
        let who = self.core.leave();
        if self.kept.is_none() {
            self.core.stage = Stage::New;
        }
        who
    }
}

impl<T> Drop for Received<'_, T> {
    fn drop(&mut self) {
        drop(self.core.leave());
        if let Some(key) = self.kept {
            let (who, owed) = self.core.chan.lock().leave_receiver(key);
            wake(owed);
            drop(who);
        }
    }
}

impl<'a, T: Send> DynArm<'a> for ChannelArm<Box<Received<'a, T>>> {
    fn address(&self) -> usize {
        self.case().core.chan.address()
    }

    fn kept(&mut self) -> Option<Kept> {
        self.case_mut().kept.take().map(Kept::Received)
    }

    fn again(&self) -> Option<Box<dyn DynArm<'a> + Send + 'a>> {
        let core = &self.case().core;
        Some(Received::arm(core.chan, core.place))
    }
}

/// A send whose outcome stays in the channel.
struct Posted<'a, T> {
    core: SendCore<'a, T>,
    value: Option<T>,
    kept: Option<Key>,
}

impl<T> Unpin for Posted<'_, T> {}

impl<'a, T: Send + 'a> Posted<'a, T> {
    fn arm(
        chan: &'a Channel<T>,
        value: T,
        place: &'static Location<'static>,
    ) -> Box<dyn DynArm<'a> + Send + 'a> {
        let case = Box::new(Posted {
            core: SendCore::value(chan, place),
            value: Some(value),
            kept: None,
        });
        Box::new(ChannelArm::new(case, true))
    }
}

impl<T> Case for Posted<'_, T> {
    type Value = T;
    type Output = ();

    fn channel(&self) -> Option<&Lock<State<T>>> {
        Some(&self.core.chan.state)
    }

    fn is_in_line(&self) -> bool {
        matches!(self.core.stage, Stage::Waiting(_))
    }

    fn may_be_done(&self) -> bool {
        self.core.chan.may_send()
    }

    fn look(&mut self, state: &mut State<T>, owed: &mut Option<Waker>) -> Option<()> {
        let sent = self.core.look(state, &mut self.value, owed)?;
        let back = match sent {
            Sent::Yes => None,
            Sent::Closed => self.value.take(),
        };
        self.kept = Some(state.keep_sent(back));
        Some(())
    }

    fn enlist(&mut self, state: &mut State<T>, who: Who, _: &mut Option<Waker>) {
        self.core.join(state, &mut self.value, who);
    }

    fn collect(&mut self) -> Option<()> {
        None
    }

    fn settle(&mut self, _: &mut State<T>) {
        if let Stage::Waiting(key) = self.core.stage {
            self.core.stage = Stage::Over;
            self.kept = Some(key);
        }
    }

    fn leave(&mut self) -> Option<Who> {
        let left = self.core.leave(&mut self.value);
        if self.kept.is_none() && self.value.is_some() {
            self.core.stage = Stage::New;
        }
        left?.1
    }
}

impl<T> Drop for Posted<'_, T> {
    fn drop(&mut self) {
        drop(self.core.leave(&mut self.value));
        if let Some(key) = self.kept {
            let waiter = self.core.chan.lock().senders.remove(key);
            drop(waiter);
        }
    }
}

impl<'a, T: Send> DynArm<'a> for ChannelArm<Box<Posted<'a, T>>> {
    fn address(&self) -> usize {
        self.case().core.chan.address()
    }

    fn kept(&mut self) -> Option<Kept> {
        self.case_mut().kept.take().map(Kept::Sent)
    }

    fn again(&self) -> Option<Box<dyn DynArm<'a> + Send + 'a>> {
        None
    }
}

/// A case that takes no part: Go's nil channel, or a send that has happened.
struct Absent;

mod absent {
    //! The arm that is out.
    #![expect(unsafe_code, reason = "implements the engine's trait")]

    use std::task::Context;

    use super::Absent;
    use crate::lock::Latch;
    use crate::select::arm::{Arm, Kind, Owed};
    use crate::select::selection::{Back, Ticket};

    // SAFETY: the latch is always null.
    unsafe impl Arm for Absent {
        fn site(&self) -> (Kind, *const Latch) {
            (Kind::Out, std::ptr::null())
        }

        fn may_be_done(&self) -> bool {
            false
        }

        fn look_alone(&mut self) -> bool {
            false
        }

        unsafe fn look(&mut self, _: &mut Owed) -> bool {
            false
        }

        unsafe fn enlist(&mut self, _: Ticket, _: u32, _: &mut Owed) {}

        fn settle(&mut self) {}

        fn leave(&mut self, _: &mut Back<'_>) {}

        fn poll(&mut self, _: &mut Context<'_>) -> bool {
            false
        }
    }
}
