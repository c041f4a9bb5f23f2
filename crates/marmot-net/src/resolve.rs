//! Looking up names, which blocks a thread, in a goroutine of its own: so whoever waits for
//! it can be cancelled. Go does the same.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::pin;
use std::thread;

use futures::channel::oneshot;
use marmot_wait::{BlockingKind, Note, WaitReason, blocking, note, park, runner};

use crate::addrs::{Kind, Target, ToSocketAddrs};
use crate::turns::Turns;

/// So many lookups hold a thread each; further ones wait. Go has the same number.
const AT_ONCE: usize = 500;
static TURNS: Turns = Turns::new(AT_ONCE);

/// What the system's resolver says does not name the host.
#[derive(Debug)]
struct LookupError {
    host: String,
    error: io::Error,
}

impl LookupError {
    fn of(host: String, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), LookupError { host, error })
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lookup {}: {}", self.host, self.error)
    }
}

impl Error for LookupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// The addresses of a host, in the order in which they should be tried.
///
/// A lookup blocks a thread, so no more than 500 go on at a time; further ones wait for their turn.
///
/// # Errors
///
/// Those of the system's resolver, with the name before them: "lookup example.invalid: ...".
///
/// # Cancel safety
///
/// Dropping the future forgets the answer; the thread that asks goes on until there is one.
///
/// # Examples
///
/// ```
/// # marmot_wait::park::block_on(async {
/// let mut addrs = marmot_net::lookup_host("127.0.0.1:80").await?;
/// assert_eq!(addrs.next(), Some(([127, 0, 0, 1], 80).into()));
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn lookup_host(
    host: impl ToSocketAddrs,
) -> impl Future<Output = io::Result<std::vec::IntoIter<SocketAddr>>> + Send {
    let target = host.target();
    let place = Location::caller();
    async move { Ok(resolve_from(target?, place).await?.into_iter()) }
}

pub(crate) async fn resolve(target: Target) -> io::Result<Vec<SocketAddr>> {
    resolve_from(target, Location::caller()).await
}

pub(crate) async fn resolve_from(
    target: Target,
    place: &'static Location<'static>,
) -> io::Result<Vec<SocketAddr>> {
    let (host, port) = match target.0 {
        Kind::Addrs(addrs) => return Ok(addrs),
        Kind::Host(host, port) => (host, port),
    };
    let turn = noted(place, TURNS.take()).await;
    let (answer, answered) = oneshot::channel();
    let ask = async move {
        let _until_it_is_found = turn;
        let note = Note {
            reason: WaitReason::Syscall,
            object: 0,
            place: Some(place),
        };
        let found = blocking(BlockingKind::Call, note, || {
            std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port))
        });
        let found = found.map(Iterator::collect);
        let found = found.map_err(|error| LookupError::of(host, error));
        // Nobody waits for it any more, perhaps.
        let _unwanted = answer.send(found);
    };
    match runner() {
        Some(runner) => runner.spawn(Box::pin(ask), place),
        None => {
            let thread = thread::Builder::new().name("marmot-lookup".to_owned());
            drop(thread.spawn(move || park::block_on(ask))?);
        }
    }
    noted(place, answered)
        .await
        .unwrap_or_else(|_| Err(io::Error::other("the lookup was cut off")))
}

/// Says for a goroutine that waits here that it waits for the world.
pub(crate) async fn noted<F: Future>(place: &'static Location<'static>, wait: F) -> F::Output {
    let mut wait = pin!(wait);
    std::future::poll_fn(|cx| {
        let polled = wait.as_mut().poll(cx);
        if polled.is_pending() {
            note::set(WaitReason::IoWait, 0, place);
        }
        polled
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use marmot_testing::{ByHand, within};
    use marmot_wait::park::block_on;

    use super::{AT_ONCE, TURNS, lookup_host};

    #[test]
    fn no_more_lookups_than_that_hold_a_thread() {
        within(Duration::from_secs(60), || {
            let all: Vec<_> = (0..AT_ONCE).map(|_| block_on(TURNS.take())).collect();
            let mut lookup = ByHand::new(lookup_host("localhost:80"));
            lookup.expect_pending();
            assert_eq!(lookup.wakes(), 0);
            // Addresses need no thread.
            let mut address = ByHand::new(lookup_host("127.0.0.1:80"));
            address.expect_ready().expect("an address");
            drop(all);
            assert_eq!(lookup.wakes(), 1);
            drop(lookup);
            let mut found = block_on(lookup_host("localhost:80")).expect("its own name");
            assert!(found.all(|addr| addr.ip().is_loopback()));
        });
    }
}
