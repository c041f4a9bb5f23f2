//! The engine: tries all arms in random order, enlists, sleeps, leaves. README.md beside this
//! file has the argument.
//!
//! ```text
//!            ┌── a channel arm can be done: done ─────────────────────────┐
//!   look ────┼── a future is ready ───────────────────────────────────────┼──▶ Chosen
//!     │      └── default ─────────────────────────────────────────────────┤
//!     └ enlist, open ──▶ waits ──▶ begin ──┬── a peer has decided ────────┤
//!                          ▲               ├── a future is ready ─────────┘
//!                          └─── reopen ────┴── neither (look again if somebody came by)
//! ```
//!
//! Go: `selectgo`.

#![expect(
    unsafe_code,
    reason = "holds the locks of several channels at once, and lets the arms look"
)]

use std::panic::Location;
use std::task::{Context, Poll, ready};

use marmot_wait::{WaitReason, budget, note};

use crate::lock::Latch;
use crate::select::arm::{Arm, Kind, Owed};
use crate::select::list::List;
use crate::select::rng::{self, Choices};
use crate::select::selection::{Found, Owner, Refreshed, Reopened, keep, take};

/// Operations one future may do in a select that does not wait, before its being pending no
/// longer means that it is not ready. The budget of a whole poll.
const PATIENCE: u32 = 128;

/// In which order the arms are tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Uniformly random among those that are ready.
    Random,
    /// From the first to the last.
    Biased,
}

/// Whether there is a `default`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
    /// There is none: it waits.
    Waits,
    /// There is one: it does not.
    Default,
}

/// What a select has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chosen {
    /// This arm.
    Arm(usize),
    /// No arm is ready.
    Default,
    /// No arm takes part.
    AllOut,
}

/// One select.
pub struct Engine {
    selection: Option<Owner>,
    order: Order,
    patience: Patience,
    started: bool,
    /// Whether an arm that takes part is a future.
    futures: bool,
    /// Whether arms may be looked at one by one before they are looked at all at once.
    plain: bool,
    place: &'static Location<'static>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

/// The arms of one select.
type Arms<'a, 'b> = &'a mut [&'b mut dyn Arm];

impl Engine {
    /// A select that begins. Plain: all arms are channel operations, and none stands in line.
    #[track_caller]
    #[must_use]
    #[inline]
    pub fn new(order: Order, patience: Patience, plain: bool) -> Engine {
        Engine {
            selection: None,
            order,
            patience,
            started: false,
            futures: false,
            plain: plain && order == Order::Random,
            place: Location::caller(),
        }
    }

    /// A select that is not counted: nobody could be made to wait.
    #[track_caller]
    pub(crate) fn uncounted(order: Order) -> Engine {
        let mut engine = Engine::new(order, Patience::Default, false);
        engine.started = true;
        engine
    }

    /// Goes on. After an arm was chosen it can be polled again: that is another select over
    /// the arms that are still in.
    #[inline]
    pub fn poll(&mut self, arms: Arms<'_, '_>, cx: &mut Context<'_>) -> Poll<Chosen> {
        if !self.started {
            ready!(budget::poll_proceed(cx));
            self.started = true;
        }
        match self.selection {
            None if self.plain => self.look_quickly(arms, cx),
            None => self.look(arms, cx),
            Some(_) => self.resume(arms, cx),
        }
    }

    /// Looks at one arm after another, in random order, and does the first that can be done.
    /// Only if there is none, all are looked at as one instant.
    ///
    /// The arm that is done was ready at the instant at which it was done, and every other that
    /// was ready all the time had the same chance. (With `biased` it would matter that an
    /// earlier one may have become ready meanwhile, so that looks at all at once.)
    #[inline]
    fn look_quickly(&mut self, arms: Arms<'_, '_>, cx: &mut Context<'_>) -> Poll<Chosen> {
        if arms.len() > FEW {
            return self.look(arms, cx);
        }
        match Few::first(arms.len()).try_each(|case| arms[case].look_alone()) {
            Some(case) => Poll::Ready(Chosen::Arm(case)),
            None => self.look_at_few(arms, cx),
        }
    }

    /// Nothing could be done by one arm alone: looks at all at once, and enlists. What `look`
    /// does, for a few arms that are all channel operations.
    #[inline(never)]
    fn look_at_few(&mut self, arms: Arms<'_, '_>, cx: &mut Context<'_>) -> Poll<Chosen> {
        let (mut few, mut latches) = (Few::first(0), FewLatches::new());
        for (case, arm) in arms.iter().enumerate() {
            let (_, latch) = arm.site();
            if !latch.is_null() {
                few.push(case);
                latches.insert(latch);
            }
        }
        if few.count == 0 {
            return Poll::Ready(Chosen::AllOut);
        }
        let mut owed = Owed::default();
        let locks = Locks::take(&latches.sorted[..latches.count]);
        let cases = &few.cases[..few.count];
        let done = if cases
            .iter()
            .any(|&case| arms[usize::from(case)].may_be_done())
        {
            // SAFETY: `Locks::take` holds the latches of all arms that take part.
            few.copy()
                .try_each(|case| unsafe { arms[case].look(&mut owed) })
        } else {
            None
        };
        if done.is_none() && self.patience == Patience::Waits {
            let selection = self.selection.get_or_insert_with(take);
            let mut tickets = selection.tickets(few.count);
            for &case in &few.cases[..few.count] {
                let ticket = tickets.one();
                // SAFETY: as above.
                unsafe { arms[usize::from(case)].enlist(ticket, u32::from(case), &mut owed) };
            }
            drop(tickets);
            // A new selection has no waker yet, so there is none to drop here.
            let _none = selection.open(cx.waker());
        }
        drop(locks);
        owed.wake();
        match done {
            Some(case) => Poll::Ready(Chosen::Arm(case)),
            None if self.patience == Patience::Default => Poll::Ready(Chosen::Default),
            None => self.wait(),
        }
    }

    /// Nothing has been tried yet, or all arms have left their lines.
    #[inline(never)]
    fn look(&mut self, arms: Arms<'_, '_>, cx: &mut Context<'_>) -> Poll<Chosen> {
        let (mut plan, mut latches) = (Plan::new(), Latches::new());
        plan.fill(arms, self.order, &mut latches);
        if plan.order.is_empty() {
            return Poll::Ready(Chosen::AllOut);
        }
        self.futures = plan.futures;
        loop {
            let mut owed = Owed::default();
            let locks = Locks::take(&latches);
            if plan.in_line {
                self.adopt(arms, &plan, &mut owed);
            }
            match self.try_all(arms, &mut plan, &mut owed) {
                Tried::Done(case) => {
                    drop(locks);
                    owed.wake();
                    self.finish(arms);
                    return Poll::Ready(Chosen::Arm(case));
                }
                Tried::PollFirst(case) => {
                    drop(locks);
                    owed.wake();
                    if self.poll_future(&mut *arms[case], &mut plan, cx) {
                        self.finish(arms);
                        return Poll::Ready(Chosen::Arm(case));
                    }
                    plan.polled.push(case as u32);
                }
                Tried::Nothing if self.patience == Patience::Default => {
                    drop(locks);
                    owed.wake();
                    return self.default(arms, &plan, cx);
                }
                Tried::Nothing => {
                    self.enlist(arms, &plan, &mut owed, cx);
                    drop(locks);
                    owed.wake();
                    self.note();
                    return Poll::Pending;
                }
            }
        }
    }

    /// Does the first arm in order that can be done, with all locks held.
    #[inline]
    fn try_all(&self, arms: Arms<'_, '_>, plan: &mut Plan, owed: &mut Owed) -> Tried {
        if plan.futures {
            return self.try_all_mixed(arms, plan, owed);
        }
        let order = &mut plan.order[..];
        for at in 0..order.len() {
            if self.order == Order::Random {
                draw(order, at);
            }
            let case = order[at] as usize;
            // SAFETY: `Locks::take` holds the latches of all arms that take part.
            if unsafe { arms[case].look(owed) } {
                return Tried::Done(case);
            }
        }
        Tried::Nothing
    }

    /// The same with futures among the arms: the order stays for all rounds.
    fn try_all_mixed(&self, arms: Arms<'_, '_>, plan: &Plan, owed: &mut Owed) -> Tried {
        for &case in plan.order.iter() {
            let arm = &mut *arms[case as usize];
            if arm.site().0 == Kind::Future {
                if !plan.polled.contains(&case) {
                    return Tried::PollFirst(case as usize);
                }
                continue;
            }
            // SAFETY: `Locks::take` holds the latches of all arms that take part.
            if unsafe { arm.look(owed) } {
                return Tried::Done(case as usize);
            }
        }
        Tried::Nothing
    }

    /// Polls an arm that is a future; whether it is ready.
    fn poll_future(&self, arm: &mut dyn Arm, plan: &mut Plan, cx: &mut Context<'_>) -> bool {
        if self.patience == Patience::Waits {
            return arm.poll(cx);
        }
        // A future that is pending because the budget is spent might be ready: `default`
        // must not be told that it isn't. So each gets a budget of its own.
        let budget = Restore(budget::begin(PATIENCE));
        let is_ready = arm.poll(cx);
        plan.starved |= !is_ready && budget::is_spent();
        drop(budget);
        is_ready
    }

    #[cold]
    fn default(&mut self, arms: Arms<'_, '_>, plan: &Plan, cx: &mut Context<'_>) -> Poll<Chosen> {
        self.finish(arms);
        if plan.starved {
            cx.waker().wake_by_ref();
            self.note();
            return Poll::Pending;
        }
        Poll::Ready(Chosen::Default)
    }

    /// Arms that were polled before they came here stand in line on their own: from now on
    /// they stand there for this select, busy, so that it can't match itself.
    #[cold]
    fn adopt(&mut self, arms: Arms<'_, '_>, plan: &Plan, owed: &mut Owed) {
        let selection = self.selection.get_or_insert_with(take);
        for &case in plan.order.iter() {
            let arm = &mut *arms[case as usize];
            if arm.site().0 == Kind::InLine {
                let ticket = selection.tickets(1).one();
                // SAFETY: `look` holds the latches of all arms that take part.
                unsafe { arm.enlist(ticket, case, owed) };
            }
        }
    }

    /// Joins all lines and opens the selection, with all locks held.
    fn enlist(&mut self, arms: Arms<'_, '_>, plan: &Plan, owed: &mut Owed, cx: &mut Context<'_>) {
        if !plan.channels {
            return;
        }
        let selection = self.selection.get_or_insert_with(take);
        let mut tickets = selection.tickets(plan.order.len());
        for &case in plan.order.iter() {
            // SAFETY: `look` holds the latches of all arms that take part.
            unsafe { arms[case as usize].enlist(tickets.one(), case, owed) };
        }
        drop(tickets);
        // A new selection has no waker yet, so there is none to drop here.
        let _none = selection.open(cx.waker());
    }

    /// Polled again after enlisting.
    #[inline]
    fn resume(&mut self, arms: Arms<'_, '_>, cx: &mut Context<'_>) -> Poll<Chosen> {
        let Some(selection) = &mut self.selection else {
            return self.look(arms, cx);
        };
        if !self.futures {
            let (found, _old) = selection.refresh(cx.waker());
            return match found {
                Refreshed::Decided(case) => self.settle(case, arms),
                Refreshed::LookAgain => self.look_again(arms, cx),
                Refreshed::Waits => self.wait(),
            };
        }
        let found = selection.begin();
        if let Found::Decided(case) = found {
            return self.settle(case, arms);
        }
        self.resume_futures(arms, cx)
    }

    /// Polls the futures while the selection is busy, so that no peer can decide.
    fn resume_futures(&mut self, arms: Arms<'_, '_>, cx: &mut Context<'_>) -> Poll<Chosen> {
        let mut plan = Plan::new();
        plan.fill(arms, self.order, &mut Latches::new());
        for &case in plan.order.iter() {
            let arm = &mut *arms[case as usize];
            if arm.site().0 == Kind::Future && arm.poll(cx) {
                self.finish(arms);
                return Poll::Ready(Chosen::Arm(case as usize));
            }
        }
        let Some(selection) = &mut self.selection else {
            return Poll::Pending;
        };
        let (reopened, _old) = selection.reopen(cx.waker());
        match reopened {
            Reopened::Open => self.wait(),
            Reopened::LookAgain => self.look_again(arms, cx),
        }
    }

    fn wait(&self) -> Poll<Chosen> {
        self.note();
        Poll::Pending
    }

    /// A peer has decided for this case.
    fn settle(&mut self, case: u32, arms: Arms<'_, '_>) -> Poll<Chosen> {
        arms[case as usize].settle();
        // Decided, its waker taken: there is nothing to end.
        self.leave_lines(arms);
        Poll::Ready(Chosen::Arm(case as usize))
    }

    /// Somebody came by while the selection was busy: what he left may be for us. Futures
    /// have just been polled.
    #[cold]
    fn look_again(&mut self, arms: Arms<'_, '_>, cx: &mut Context<'_>) -> Poll<Chosen> {
        let (mut plan, mut latches) = (Plan::new(), Latches::new());
        plan.fill(arms, self.order, &mut latches);
        plan.polled = plan.order.clone();
        let mut owed = Owed::default();
        let locks = Locks::take(&latches);
        if let Tried::Done(case) = self.try_all(arms, &mut plan, &mut owed) {
            drop(locks);
            owed.wake();
            self.finish(arms);
            return Poll::Ready(Chosen::Arm(case));
        }
        let old = self.selection.as_mut().and_then(|s| s.open(cx.waker()));
        drop(locks);
        drop(old);
        owed.wake();
        self.wait()
    }

    /// The select is decided: all arms leave their lines. (The selection is busy or decided
    /// here, so that no peer can decide it meanwhile; it is ended for its waker's sake.)
    #[inline]
    fn finish(&mut self, arms: Arms<'_, '_>) {
        if let Some(selection) = &mut self.selection {
            drop(selection.end());
            self.leave_lines(arms);
        }
    }

    /// All arms leave their lines, and their tickets come back.
    #[inline]
    fn leave_lines(&mut self, arms: Arms<'_, '_>) {
        if let Some(mut selection) = self.selection.take() {
            let mut back = selection.back();
            arms.iter_mut().for_each(|arm| arm.leave(&mut back));
            drop(back);
            keep(selection);
        }
    }

    /// Gives up.
    pub(crate) fn leave(&mut self, arms: Arms<'_, '_>) {
        self.finish(arms);
    }

    fn note(&self) {
        let object = std::ptr::from_ref(self) as usize;
        note::set(WaitReason::Select, object, self.place);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(mut selection) = self.selection.take() {
            drop(selection.end());
        }
    }
}

/// Puts the budget back, while unwinding too.
struct Restore(u32);

impl Drop for Restore {
    fn drop(&mut self) {
        budget::restore(self.0);
    }
}

/// What came of trying all arms once.
enum Tried {
    /// This one was done.
    Done(usize),
    /// This future has to be polled before the arms behind it are tried, without locks.
    PollFirst(usize),
    /// None can be done, and all futures have been polled.
    Nothing,
}

/// The latches of the channels of a select, by address, each once.
type Latches = List<*const Latch>;

/// Which arms take part in one round, and in which order.
struct Plan {
    order: List<u32>,
    /// The futures that have been polled in this round.
    polled: List<u32>,
    channels: bool,
    futures: bool,
    in_line: bool,
    /// A future may be pending only because its budget was spent.
    starved: bool,
}

impl Plan {
    /// No arm yet.
    #[inline(always)]
    fn new() -> Plan {
        Plan {
            order: List::new(),
            polled: List::new(),
            channels: false,
            futures: false,
            in_line: false,
            starved: false,
        }
    }

    /// Adds all arms that take part, and to `latches` those of their channels. (In place: a
    /// plan that is returned is copied.)
    #[inline]
    fn fill(&mut self, arms: Arms<'_, '_>, order: Order, latches: &mut Latches) {
        for (case, arm) in arms.iter().enumerate() {
            let (kind, latch) = arm.site();
            match kind {
                Kind::Out => continue,
                Kind::Channel => {}
                Kind::InLine => self.in_line = true,
                Kind::Future => self.futures = true,
            }
            if !latch.is_null() {
                latches.insert(latch);
                self.channels = true;
            }
            self.order.push(case as u32);
        }
        latches.settle();
        if self.futures {
            self.shuffle(order);
        }
    }

    fn shuffle(&mut self, order: Order) {
        if order == Order::Random {
            (0..self.order.len()).for_each(|at| draw(&mut self.order, at));
        }
    }
}

/// So many arms are tried one by one.
const FEW: usize = 8;

/// The numbers of a few arms.
struct Few {
    cases: [u8; FEW],
    count: usize,
}

impl Few {
    /// The first so many.
    #[inline]
    fn first(count: usize) -> Few {
        Few {
            cases: [0, 1, 2, 3, 4, 5, 6, 7],
            count,
        }
    }

    #[inline]
    fn copy(&self) -> Few {
        Few {
            cases: self.cases,
            count: self.count,
        }
    }

    /// One more; there is room.
    #[inline]
    fn push(&mut self, case: usize) {
        self.cases[self.count] = case as u8;
        self.count += 1;
    }

    /// Tries each in random order, until one can be done; gives that.
    #[inline]
    fn try_each(&mut self, mut done: impl FnMut(usize) -> bool) -> Option<usize> {
        let mut choices = Choices::new();
        for at in 0..self.count.min(FEW) {
            // As `draw`: one of those that are left. (What is behind us is not looked at again,
            // so it need not be kept.)
            let other = (at + choices.below(self.count - at)) % FEW;
            let case = usize::from(self.cases[other]);
            self.cases[other] = self.cases[at];
            if done(case) {
                return Some(case);
            }
        }
        None
    }
}

/// The latches of a few channels, by address, each once.
struct FewLatches {
    sorted: [*const Latch; FEW],
    count: usize,
}

impl FewLatches {
    #[inline]
    fn new() -> FewLatches {
        FewLatches {
            sorted: [std::ptr::null(); FEW],
            count: 0,
        }
    }

    /// Adds one at its place, unless it is there; there is room.
    #[inline]
    fn insert(&mut self, latch: *const Latch) {
        let mut at = self.count;
        while at > 0 && self.sorted[at - 1] > latch {
            at -= 1;
        }
        if at > 0 && self.sorted[at - 1] == latch {
            return;
        }
        (at..self.count)
            .rev()
            .for_each(|from| self.sorted[from + 1] = self.sorted[from]);
        self.sorted[at] = latch;
        self.count += 1;
    }
}

/// Puts one of those that are left here, each equally likely (Fisher and Yates). So the first
/// ready one is uniformly random among the ready ones. (A random start in a fixed order is not
/// fair: it favours those behind a gap.)
#[inline]
fn draw(order: &mut [u32], at: usize) {
    let left = order.len() - at;
    if left > 1 {
        order.swap(at, at + rng::below(left as u32) as usize);
    }
}

/// The locks of all channels of a select, held.
struct Locks<'a>(&'a [*const Latch]);

impl Locks<'_> {
    /// Takes them in the order of their addresses, so that no two selects can wait for each
    /// other.
    #[inline]
    fn take(latches: &[*const Latch]) -> Locks<'_> {
        for (number, &latch) in latches.iter().enumerate() {
            // SAFETY: `Arm` promises that the pointer is valid while the arms are borrowed,
            // which they are in all of `Engine::poll`.
            let latch = unsafe { &*latch };
            match number {
                0 => latch.acquire(),
                _ => latch.acquire_another(),
            }
        }
        Locks(latches)
    }
}

impl Drop for Locks<'_> {
    #[inline]
    fn drop(&mut self) {
        for &latch in self.0 {
            // SAFETY: as in `take`: the arms are still there.
            let latch = unsafe { &*latch };
            // SAFETY: `take` acquired each of them once, and what the arms were lent to look
            // at has been given back.
            unsafe { latch.release() };
        }
    }
}
