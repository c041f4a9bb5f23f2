//! The rows of locks and of what stands beside them, each written once for every library.

pub mod locks;
pub mod signals;
pub mod tables;

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use benches::contest::{Contest, Entrant, Laps};
use benches::peer::{Kind, Runtime};

/// A row for one library: what `benches::rows::Row` is for channels.
pub trait Job: 'static {
    /// Its name.
    const NAME: &'static str;
    /// What one operation is.
    const OP: &'static str;
    /// Operations in a lap.
    const LAP: u64;
    /// Laps in a round.
    const LAPS: u64;

    /// Runs so many laps.
    fn run<R: Runtime>(rt: &R, laps: u64);
}

struct Started<R, J> {
    rt: R,
    job: PhantomData<fn() -> J>,
}

impl<R: Runtime, J: Job> Laps for Started<R, J> {
    fn run(&self, laps: u64) {
        J::run(&self.rt, laps);
    }
}

/// One who takes part in a row, as a contest of its own.
#[must_use]
pub fn alone<R: Runtime, J: Job>(name: &'static str) -> Contest {
    Contest {
        name: J::NAME,
        op: J::OP,
        lap: J::LAP,
        laps: J::LAPS,
        entrants: vec![Entrant {
            name,
            kind: Kind::Runtime,
            start: |workers| {
                Box::new(Started::<R, J> {
                    rt: R::start(workers),
                    job: PhantomData,
                })
            },
        }],
    }
}

/// All who take part in one row, in one contest.
///
/// # Panics
///
/// If there is nobody.
#[must_use]
pub fn together(contests: Vec<Contest>) -> Contest {
    let mut contests = contests.into_iter();
    let mut all = contests.next().expect("somebody takes part");
    all.entrants
        .extend(contests.flat_map(|contest| contest.entrants));
    all
}

/// Rows in which the same take part: name, runtime and library of each.
macro_rules! contests {
    ($($kind:ident :: $row:ident),* => $peers:tt) => {
        vec![$(contests!(@row $kind::$row, $peers)),*]
    };
    (@row $kind:ident :: $row:ident, {$($name:literal: $rt:ty, $library:ty;)*}) => {
        $crate::primitives::rows::together(vec![$(
            $crate::primitives::rows::alone::<$rt, $kind::$row<$library>>($name)
        ),*])
    };
}

pub(crate) use contests;

/// How many tasks fight where several do.
pub const TASKS: u64 = 8;

/// Runs the same task [`TASKS`] times on what they share, and waits for all; adds up what
/// they give.
async fn eight<R, S, T, F>(shared: Arc<S>, task: T) -> u64
where
    R: Runtime,
    S: Send + Sync + 'static,
    T: Fn(Arc<S>, u64) -> F + Send + 'static,
    F: Future<Output = u64> + Send + 'static,
{
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| R::spawn(task(Arc::clone(&shared), number)))
        .collect();
    let mut sum = 0;
    for task in tasks {
        sum += R::join(task).await;
    }
    sum
}

/// About a microsecond of dependent multiplications.
fn one_microsecond(seed: u64) -> u64 {
    (0..850).fold(seed, |x, step| {
        std::hint::black_box(x).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ step
    })
}
