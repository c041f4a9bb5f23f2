//! The table of what can happen to one that waits, for everything in this crate that can be
//! waited for.

#[path = "support/hostile.rs"]
mod hostile;
mod support;
#[path = "support/table.rs"]
mod table;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use marmot_sync::singleflight::Group;
use marmot_sync::{
    Barrier, BarrierWait, Cond, Mutex, Notify, Once, OnceCell, RwLock, Semaphore, WaitGroup,
};
use table::{Boxed, Held, Next, Thing, all_rows, boxed};

/// Something that is held until it is opened.
type Key = RefCell<Option<Box<dyn Held>>>;

fn key(held: impl Held + 'static) -> Key {
    RefCell::new(Some(Box::new(held)))
}

/// A thing: its parts, how to make it, wait for it, open it, and see that it is whole.
macro_rules! things {
    ($(
        $name:ident $next:ident $(resumes: $resumes:literal)? ($($part:ty),+)
        new: $new:expr; wait: $wait:expr; open: $open:expr; $(again: $again:expr;)? whole: $whole:expr;
    )+) => {
        $(
            struct $name($($part),+);

            impl Thing for $name {
                const NEXT: Next = Next::$next;
                $(const RESUMES: bool = $resumes;)?

                fn new() -> $name {
                    $new
                }

                fn wait(&self) -> Boxed<'_> {
                    fn wait(thing: &$name) -> Boxed<'_> {
                        let wait: fn(&$name) -> Boxed<'_> = $wait;
                        wait(thing)
                    }
                    wait(self)
                }

                fn open(&self) {
                    let open: fn(&$name) = $open;
                    open(self);
                }

                $(fn again(&self) {
                    let again: fn(&$name) = $again;
                    again(self);
                })?

                fn is_whole(&self) -> bool {
                    let whole: fn(&$name) -> bool = $whole;
                    whole(self)
                }
            }
        )+

        #[test]
        fn whatever_happens_to_one_that_waits_the_others_get_what_is_theirs() {
            $(
                eprintln!("{}", stringify!($name));
                all_rows::<$name>();
            )+
        }
    };
}

things! {
    MutexLock One (Arc<Mutex<()>>, Key)
        new: { let it = Arc::new(Mutex::new(())); MutexLock(Arc::clone(&it), key(it.lock_owned_blocking())) };
        wait: |it| boxed(it.0.lock());
        open: |it| drop(it.1.take());
        whole: |it| it.0.try_lock().is_some();
    // Long enough in line that the lock is handed over.
    StarvingLock One (Arc<Mutex<()>>, Key)
        new: { let it = Arc::new(Mutex::new(())); StarvingLock(Arc::clone(&it), key(it.lock_owned_blocking())) };
        wait: |it| boxed(it.0.lock());
        open: |it| { starve(); drop(it.1.take()); };
        whole: |it| it.0.try_lock().is_some();
    MutexLockOwned One (Arc<Mutex<()>>, Key)
        new: { let it = Arc::new(Mutex::new(())); MutexLockOwned(Arc::clone(&it), key(it.lock_owned_blocking())) };
        wait: |it| boxed(it.0.lock_owned());
        open: |it| drop(it.1.take());
        whole: |it| it.0.try_lock().is_some();
    Read All (Arc<RwLock<()>>, Key)
        new: { let it = Arc::new(RwLock::new(())); Read(Arc::clone(&it), key(it.write_owned_blocking())) };
        wait: |it| boxed(it.0.read());
        open: |it| drop(it.1.take());
        whole: |it| it.0.try_write().is_some();
    ReadOwned All (Arc<RwLock<()>>, Key)
        new: { let it = Arc::new(RwLock::new(())); ReadOwned(Arc::clone(&it), key(it.write_owned_blocking())) };
        wait: |it| boxed(it.0.read_owned());
        open: |it| drop(it.1.take());
        whole: |it| it.0.try_write().is_some();
    Write One (Arc<RwLock<()>>, Key)
        new: { let it = Arc::new(RwLock::new(())); Write(Arc::clone(&it), key(it.write_owned_blocking())) };
        wait: |it| boxed(it.0.write());
        open: |it| drop(it.1.take());
        whole: |it| it.0.try_write().is_some();
    WriteAfterReaders One (Arc<RwLock<()>>, Key)
        new: {
            let it = Arc::new(RwLock::new(()));
            let readers = [it.read_owned_blocking(), it.read_owned_blocking()];
            WriteAfterReaders(it, key(readers))
        };
        wait: |it| boxed(it.0.write_owned());
        open: |it| drop(it.1.take());
        whole: |it| it.0.try_write().is_some();
    // Long enough in line that they are let in.
    StarvingRead All (Arc<RwLock<()>>, Key)
        new: { let it = Arc::new(RwLock::new(())); StarvingRead(Arc::clone(&it), key(it.write_owned_blocking())) };
        wait: |it| boxed(it.0.read());
        open: |it| { starve(); drop(it.1.take()); };
        whole: |it| it.0.try_write().is_some();
    StarvingWrite One (Arc<RwLock<()>>, Key)
        new: { let it = Arc::new(RwLock::new(())); StarvingWrite(Arc::clone(&it), key(it.write_owned_blocking())) };
        wait: |it| boxed(it.0.write());
        open: |it| { starve(); drop(it.1.take()); };
        whole: |it| it.0.try_write().is_some();
    StarvingWriteAfterReaders One (Arc<RwLock<()>>, Key)
        new: {
            let it = Arc::new(RwLock::new(()));
            let readers = [it.read_owned_blocking(), it.read_owned_blocking()];
            StarvingWriteAfterReaders(it, key(readers))
        };
        wait: |it| boxed(it.0.write());
        open: |it| { starve(); drop(it.1.take()); };
        whole: |it| it.0.try_write().is_some();
    Acquire One (Arc<Semaphore>, Key)
        new: { let it = Arc::new(Semaphore::new(3)); Acquire(Arc::clone(&it), key(it.acquire_owned_blocking(3))) };
        wait: |it| boxed(it.0.acquire(2));
        open: |it| drop(it.1.take());
        whole: |it| it.0.try_acquire(3).is_some();
    AcquireOwned One (Arc<Semaphore>, Key)
        new: { let it = Arc::new(Semaphore::new(1)); AcquireOwned(Arc::clone(&it), key(it.acquire_owned_blocking(1))) };
        wait: |it| boxed(it.0.acquire_owned(1));
        open: |it| drop(it.1.take());
        whole: |it| it.0.try_acquire(1).is_some();
    AcquireTogether All (Arc<Semaphore>, Key)
        new: { let it = Arc::new(Semaphore::new(3)); AcquireTogether(Arc::clone(&it), key(it.acquire_owned_blocking(3))) };
        wait: |it| boxed(it.0.acquire(1));
        open: |it| drop(it.1.take());
        whole: |it| it.0.try_acquire(3).is_some();
    NotifyOne One (Notify)
        new: NotifyOne(Notify::new());
        wait: |it| boxed(it.0.notified());
        open: |it| it.0.notify_one();
        again: |it| it.0.notify_one();
        whole: |it| format!("{:?}", it.0).contains("waiting: 0");
    NotifyAll All (Notify)
        new: NotifyAll(Notify::new());
        wait: |it| boxed(it.0.notified());
        open: |it| it.0.notify_waiters();
        whole: |it| format!("{:?}", it.0) == "Notify { permit: false, waiting: 0 }";
    Signal One (Mutex<()>, Cond)
        new: Signal(Mutex::new(()), Cond::new());
        wait: |it| boxed(it.1.wait(it.0.try_lock().expect("released by the wait before")));
        open: |it| it.1.signal();
        again: |it| it.1.signal();
        whole: |it| it.0.try_lock().is_some() && format!("{:?}", it.1).contains("waiting: 0");
    Broadcast All (RwLock<()>, Cond)
        new: Broadcast(RwLock::new(()), Cond::new());
        wait: |it| boxed(it.1.wait(it.0.try_read().expect("nobody writes")));
        open: |it| it.1.broadcast();
        whole: |it| it.0.try_write().is_some() && format!("{:?}", it.1).contains("waiting: 0");
    Meet All (&'static Barrier, RefCell<Vec<BarrierWait<'static>>>)
        new: Meet(Box::leak(Box::new(Barrier::new(9))), RefCell::default());
        wait: |it| boxed(it.0.wait());
        open: |it| loop {
            let mut wait = it.0.wait();
            if support::poll(&mut wait).is_ready() {
                break;
            }
            it.1.borrow_mut().push(wait);
        };
        whole: |it| {
            let more = it.1.take();
            more.into_iter().all(|mut wait| support::poll(&mut wait).is_ready())
                && format!("{:?}", it.0).contains("waiting: 0")
        };
    AllDone All (WaitGroup)
        new: { let it = WaitGroup::new(); it.add(1); AllDone(it) };
        wait: |it| boxed(it.0.wait());
        open: |it| it.0.done();
        whole: |it| it.0.count() == 0;
    Call OneThenAll resumes: false (&'static Once, RefCell<Option<Boxed<'static>>>)
        new: {
            let it = Box::leak(Box::new(Once::new()));
            Call(it, RefCell::new(Some(running(it.call_once(async || std::future::pending().await)))))
        };
        wait: |it| boxed(it.0.call_once(async || ()));
        open: |it| drop(it.1.take());
        whole: |it| it.0.is_completed();
    Make One resumes: false (&'static OnceCell<()>, RefCell<Option<Boxed<'static>>>)
        new: {
            let it = Box::leak(Box::new(OnceCell::new()));
            let failing = it.get_or_try_init(async || { std::future::pending::<()>().await; Err(()) });
            Make(it, RefCell::new(Some(running(failing))))
        };
        wait: |it| boxed(it.0.get_or_try_init(async || Err(())));
        open: |it| drop(it.1.take());
        whole: |it| it.0.get().is_none() && it.0.set(()).is_ok();
    Fly OneThenAll resumes: false (&'static Group<u8, u8>, RefCell<Option<Boxed<'static>>>)
        new: {
            let it = Box::leak(Box::new(Group::new()));
            Fly(it, RefCell::new(Some(running(it.run(1, std::future::pending())))))
        };
        wait: |it| boxed(it.0.run(1, async { 7 }));
        open: |it| drop(it.1.take());
        whole: |it| format!("{:?}", it.0).contains("in_progress: 0");
}

/// Until those in line have waited so long that a lock is handed over.
fn starve() {
    std::thread::sleep(Duration::from_millis(2));
}

/// Polled once, and at work.
fn running(work: impl Future + 'static) -> Boxed<'static> {
    let mut work = boxed(work);
    assert!(support::poll(&mut work).is_pending());
    work
}

/// What a second poll after the end does: `None` if it is ready again, else what it panics with.
fn polled_again<F: Future>(future: F) -> Option<String> {
    let mut future = Box::pin(future);
    let mut poll = || support::poll(&mut future).is_ready();
    assert!(poll(), "it is open");
    let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        assert!(poll(), "it may not wait for what nobody asked for");
    }));
    again.err().map(|payload| support::words(&*payload))
}

#[test]
fn one_that_is_polled_after_its_end_takes_nothing_a_second_time() {
    let mutex = Arc::new(Mutex::new(()));
    let rwlock = Arc::new(RwLock::new(()));
    let semaphore = Arc::new(Semaphore::new(2));
    let (barrier, cond) = (Barrier::new(1), Cond::new());
    let panics = [
        ("Lock", polled_again(mutex.lock())),
        ("LockOwned", polled_again(mutex.lock_owned())),
        ("Read", polled_again(rwlock.read())),
        ("ReadOwned", polled_again(rwlock.read_owned())),
        ("Write", polled_again(rwlock.write())),
        ("WriteOwned", polled_again(rwlock.write_owned())),
        ("Acquire", polled_again(semaphore.acquire(1))),
        ("AcquireOwned", polled_again(semaphore.acquire_owned(1))),
        ("BarrierWait", polled_again(barrier.wait())),
    ];
    for (name, said) in panics {
        let words = "a wait was polled after it had completed";
        assert_eq!(said.as_deref(), Some(words), "{name}");
    }
    assert!(mutex.try_lock().is_some() && rwlock.try_write().is_some());
    assert_eq!(semaphore.available(), 2);
    let mut wait = cond.wait(mutex.try_lock().expect("free"));
    assert!(support::poll(&mut wait).is_pending());
    cond.signal();
    assert!(polled_again(wait).is_some());
    let notify = Notify::new();
    notify.notify_one();
    assert_eq!(polled_again(notify.notified()), None);
    let group = WaitGroup::new();
    let mut wait = group.wait();
    assert!(support::poll(&mut wait).is_ready());
    group.add(1);
    assert!(support::poll(&mut wait).is_ready(), "it was over before");
}
