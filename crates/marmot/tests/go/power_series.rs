//! Power series whose coefficients are computed on demand by goroutines, after M. Douglas
//! McIlroy, "Squinting at Power Series" (1990).
//!
//! A series is a pair of unbuffered channels: its user asks on one and gets a coefficient on the
//! other. Whoever needs two coefficients at once asks for both, in any order that comes, in a
//! select whose cases are switched off one by one. Who needs a series twice splits it.

use std::fmt::Debug;

use marmot::prelude::*;

use crate::support::on_each;

/// A rational number in lowest terms.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ratio {
    over: i128,
    under: i128,
}

impl Ratio {
    fn new(over: i128, under: i128) -> Ratio {
        let (mut a, mut b) = (over.abs(), under.abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let sign = under.signum();
        Ratio {
            over: sign * over / a,
            under: sign * under / a,
        }
    }

    fn plus(self, other: Ratio) -> Ratio {
        Ratio::new(
            self.over * other.under + other.over * self.under,
            self.under * other.under,
        )
    }

    fn times(self, other: Ratio) -> Ratio {
        Ratio::new(self.over * other.over, self.under * other.under)
    }
}

impl From<i128> for Ratio {
    fn from(whole: i128) -> Ratio {
        Ratio::new(whole, 1)
    }
}

impl Debug for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.under {
            1 => write!(f, "{}", self.over),
            under => write!(f, "{}/{under}", self.over),
        }
    }
}

/// What goes through the channels: a coefficient in some form.
trait Item: Send + Sync + 'static {
    fn of(value: Ratio) -> Self;
    fn value(&self) -> Ratio;
}

impl Item for Ratio {
    fn of(value: Ratio) -> Ratio {
        value
    }
    fn value(&self) -> Ratio {
        *self
    }
}

/// A coefficient behind a pointer whose type is known only at run time.
trait Coefficient: Send + Sync {
    fn reveal(&self) -> Ratio;
}

struct Whole(i128);
struct Fraction(Ratio);

impl Coefficient for Whole {
    fn reveal(&self) -> Ratio {
        Ratio::from(self.0)
    }
}

impl Coefficient for Fraction {
    fn reveal(&self) -> Ratio {
        self.0
    }
}

impl Item for Box<dyn Coefficient> {
    fn of(value: Ratio) -> Box<dyn Coefficient> {
        match value.under {
            1 => Box::new(Whole(value.over)),
            _ => Box::new(Fraction(value)),
        }
    }
    fn value(&self) -> Ratio {
        self.reveal()
    }
}

/// The user's end of a series.
struct Series<T> {
    ask: Sender<()>,
    data: Receiver<T>,
}

/// The maker's end of a series.
struct Supply<T> {
    asked: Receiver<()>,
    data: Sender<T>,
}

/// The user of the series has gone.
struct Gone;

fn series<T>() -> (Supply<T>, Series<T>) {
    let ((ask, asked), (data_tx, data)) = (chan(0), chan(0));
    let supply = Supply {
        asked,
        data: data_tx,
    };
    (supply, Series { ask, data })
}

impl<T: Item> Series<T> {
    async fn next(&self) -> Result<Ratio, Gone> {
        self.ask.send(()).await.map_err(|_| Gone)?;
        Ok(self.data.recv().await.ok_or(Gone)?.value())
    }

    async fn take(&self, count: usize) -> Vec<Ratio> {
        let mut terms = Vec::new();
        for _ in 0..count {
            terms.extend(self.next().await.ok());
        }
        terms
    }
}

impl<T: Item> Supply<T> {
    async fn put(&self, value: Ratio) -> Result<(), Gone> {
        self.asked.recv().await.ok_or(Gone)?;
        self.answer(value).await
    }

    async fn answer(&self, value: Ratio) -> Result<(), Gone> {
        self.data.send(T::of(value)).await.map_err(|_| Gone)
    }

    /// The rest of this series is that one.
    async fn copy(&self, from: &Series<T>) -> Result<(), Gone> {
        loop {
            self.asked.recv().await.ok_or(Gone)?;
            self.answer(from.next().await?).await?;
        }
    }
}

/// A series that a goroutine makes.
fn made<T: Item, F>(make: impl FnOnce(Supply<T>) -> F) -> Series<T>
where
    F: Future<Output = Result<(), Gone>> + Send + 'static,
{
    let (supply, series) = series();
    let making = make(supply);
    go!(async move {
        // It ends when nobody wants more of it.
        let _ended = making.await;
    });
    series
}

/// The next coefficient of both, asked for at the same time.
async fn both<T: Item>(f: &Series<T>, g: &Series<T>) -> Result<(Ratio, Ratio), Gone> {
    let (mut ask_f, mut ask_g) = (Some(&f.ask), Some(&g.ask));
    let (mut from_f, mut from_g) = (None::<&Receiver<T>>, None::<&Receiver<T>>);
    let (mut got_f, mut got_g) = (None, None);
    loop {
        if let (Some(f), Some(g)) = (got_f, got_g) {
            return Ok((f, g));
        }
        select! {
            sent = ask_f.map(|ask| ask.send(())) => {
                sent.map_err(|_| Gone)?;
                (ask_f, from_f) = (None, Some(&f.data));
            }
            sent = ask_g.map(|ask| ask.send(())) => {
                sent.map_err(|_| Gone)?;
                (ask_g, from_g) = (None, Some(&g.data));
            }
            item = <-from_f => {
                (got_f, from_f) = (Some(item.ok_or(Gone)?.value()), None);
            }
            item = <-from_g => {
                (got_g, from_g) = (Some(item.ok_or(Gone)?.value()), None);
            }
        }
    }
}

/// Two series like this one, each read as far as its user likes. The one that is ahead leaves a
/// chain of goroutines behind it, each of which keeps one coefficient for the other.
fn split<T: Item>(from: Series<T>) -> (Series<T>, Series<T>) {
    let ((left_in, left), (right_in, right)) = (series(), series());
    go!(async move {
        let _ended = splitter(from, left_in, right_in).await;
    });
    (left, right)
}

async fn splitter<T: Item>(from: Series<T>, left: Supply<T>, right: Supply<T>) -> Result<(), Gone> {
    let left_leads = select! {
        Some(()) = <-left.asked => true,
        Some(()) = <-right.asked => false,
        else => return Err(Gone),
    };
    let (leader, follower) = match left_leads {
        true => (left, right),
        false => (right, left),
    };
    let value = from.next().await?;
    let (rest, rest_too) = split(from);
    go!(async move {
        if leader.answer(value).await.is_ok() {
            let _ended = leader.copy(&rest).await;
        }
    });
    follower.put(value).await?;
    follower.copy(&rest_too).await
}

fn constant<T: Item>(c: Ratio) -> Series<T> {
    made(async move |to: Supply<T>| {
        loop {
            to.put(c).await?;
        }
    })
}

fn ones<T: Item>() -> Series<T> {
    constant(Ratio::from(1))
}

fn scaled<T: Item>(c: Ratio, f: Series<T>) -> Series<T> {
    made(async move |to: Supply<T>| {
        loop {
            to.asked.recv().await.ok_or(Gone)?;
            to.answer(c.times(f.next().await?)).await?;
        }
    })
}

fn sum<T: Item>(f: Series<T>, g: Series<T>) -> Series<T> {
    made(async move |to: Supply<T>| {
        loop {
            to.asked.recv().await.ok_or(Gone)?;
            let (f, g) = both(&f, &g).await?;
            to.answer(f.plus(g)).await?;
        }
    })
}

fn difference<T: Item>(f: Series<T>, g: Series<T>) -> Series<T> {
    sum(f, scaled(Ratio::from(-1), g))
}

fn derivative<T: Item>(f: Series<T>) -> Series<T> {
    made(async move |to: Supply<T>| {
        to.asked.recv().await.ok_or(Gone)?;
        f.next().await?;
        for n in 1.. {
            to.answer(f.next().await?.times(Ratio::from(n))).await?;
            to.asked.recv().await.ok_or(Gone)?;
        }
        Ok(())
    })
}

fn integral<T: Item>(c: Ratio, f: Series<T>) -> Series<T> {
    made(async move |to: Supply<T>| {
        to.put(c).await?;
        for n in 1.. {
            to.asked.recv().await.ok_or(Gone)?;
            to.answer(f.next().await?.times(Ratio::new(1, n))).await?;
        }
        Ok(())
    })
}

/// (f + xF)(g + xG) = fg + x(fG + gF) + x²FG.
fn product<T: Item>(f: Series<T>, g: Series<T>) -> Series<T> {
    made(async move |to: Supply<T>| {
        to.asked.recv().await.ok_or(Gone)?;
        let (f0, g0) = both(&f, &g).await?;
        to.answer(f0.times(g0)).await?;
        let ((f, f_too), (g, g_too)) = (split(f), split(g));
        let middle = sum(scaled(f0, g), scaled(g0, f));
        let last = product(f_too, g_too);
        to.asked.recv().await.ok_or(Gone)?;
        to.answer(middle.next().await?).await?;
        to.copy(&sum(middle, last)).await
    })
}

/// The series E with E(0) = 1 and E' = E·F': it is made of itself.
fn exponential<T: Item>(f: Series<T>) -> Series<T> {
    let (supply, whole) = series();
    let (inside, outside) = split(whole);
    go!(async move {
        let made_of_itself = integral(Ratio::from(1), product(inside, derivative(f)));
        let _ended = supply.copy(&made_of_itself).await;
    });
    outside
}

/// F(cxⁿ).
fn substituted<T: Item>(f: Series<T>, c: Ratio, n: usize) -> Series<T> {
    made(async move |to: Supply<T>| {
        let mut power = Ratio::from(1);
        loop {
            to.asked.recv().await.ok_or(Gone)?;
            to.answer(f.next().await?.times(power)).await?;
            power = power.times(c);
            for _ in 1..n {
                to.put(Ratio::from(0)).await?;
            }
        }
    })
}

/// The integral of 1/(1 + x²).
fn arctangent<T: Item>() -> Series<T> {
    let inside = substituted(ones(), Ratio::from(-1), 2);
    integral(Ratio::from(0), inside)
}

async fn first(count: usize, series: Series<impl Item>) -> String {
    let terms: Vec<_> = series.take(count).await;
    let terms: Vec<_> = terms.iter().map(|term| format!("{term:?}")).collect();
    terms.join(" ")
}

async fn the_known_series_come_out<T: Item>() {
    // They wait for a first question that never comes.
    let _unread = (sum(ones::<T>(), ones()), difference(ones::<T>(), ones()));
    assert_eq!(first(5, ones::<T>()).await, "1 1 1 1 1");
    let twos = scaled(Ratio::from(-2), ones::<T>());
    assert_eq!(first(10, twos).await, "-2 -2 -2 -2 -2 -2 -2 -2 -2 -2");
    let counting = "1 2 3 4 5 6 7 8 9 10";
    assert_eq!(first(10, derivative(ones::<T>())).await, counting);
    assert_eq!(first(10, product(ones::<T>(), ones())).await, counting);
    assert_eq!(
        first(10, integral(Ratio::from(0), ones::<T>())).await,
        "0 1 1/2 1/3 1/4 1/5 1/6 1/7 1/8 1/9"
    );
    assert_eq!(
        first(10, exponential(ones::<T>())).await,
        "1 1 3/2 13/6 73/24 167/40 4051/720 37633/5040 43817/4480 4596553/362880"
    );
    assert_eq!(
        first(10, arctangent::<T>()).await,
        "0 1 0 -1/3 0 1/5 0 -1/7 0 1/9"
    );
}

#[test]
fn power_series_are_computed_on_demand_by_goroutines() {
    on_each(the_known_series_come_out::<Ratio>);
}

#[test]
fn power_series_of_trait_objects_are_computed_too() {
    on_each(the_known_series_come_out::<Box<dyn Coefficient>>);
}
