//! The rows of locks, once, wait group, notify, barrier, map and pool: everybody against
//! everybody, in one interleaved run.
//!
//! `cargo bench -p benches --bench sync -- [words] [--rounds 9] [--workers 1,2]
//! [--peers marmot,tokio] [--scale 1]`

mod peers;
mod primitives;

use std::path::Path;

use benches::contest::Contest;
use benches::interleaved;

use peers::marmot::Marmot;
use peers::smol::Smol;
use peers::tokio::Tokio;
use primitives::peers::{async_lock, maps, marmot, pools, tokio};
use primitives::rows::{contests, locks, signals, tables};

fn fought_for() -> Vec<Contest> {
    let mut rows = contests!(locks::Alone, locks::Fought => {
        "marmot": Marmot, marmot::Mutex;
        "marmot on tokio": Tokio, marmot::Mutex;
        "tokio": Tokio, tokio::Mutex;
        "async-lock": Tokio, async_lock::Mutex;
        "smol": Smol, async_lock::Mutex;
    });
    rows.extend(
        contests!(locks::Reads, locks::Writes, locks::Mixed90, locks::Mixed99 => {
            "marmot": Marmot, marmot::RwLock;
            "marmot on tokio": Tokio, marmot::RwLock;
            "tokio": Tokio, tokio::RwLock;
            "async-lock": Tokio, async_lock::RwLock;
            "smol": Smol, async_lock::RwLock;
        }),
    );
    rows.extend(contests!(locks::Permits, locks::EightOverFour => {
        "marmot": Marmot, marmot::Semaphore;
        "marmot on tokio": Tokio, marmot::Semaphore;
        "tokio": Tokio, tokio::Semaphore;
        "async-lock": Tokio, async_lock::Semaphore;
        "smol": Smol, async_lock::Semaphore;
    }));
    rows
}

fn waited_for() -> Vec<Contest> {
    let mut rows = contests!(signals::Made => {
        "marmot": Marmot, marmot::OnceCell;
        "marmot on tokio": Tokio, marmot::OnceCell;
        "tokio": Tokio, tokio::OnceCell;
        "async-lock": Tokio, async_lock::OnceCell;
        "smol": Smol, async_lock::OnceCell;
    });
    rows.extend(contests!(signals::CountAlone => {
        "marmot": Marmot, marmot::WaitGroup;
        "marmot on tokio": Tokio, marmot::WaitGroup;
        "tokio": Tokio, tokio::Tracker;
    }));
    rows.extend(contests!(signals::CrewOfEight => {
        "marmot": Marmot, marmot::WaitGroup;
        "marmot on tokio": Tokio, marmot::WaitGroup;
        "tokio": Tokio, tokio::Tracker;
        "tokio JoinSet": Tokio, tokio::Set;
    }));
    rows.extend(contests!(signals::Remember, signals::BackAndForth => {
        "marmot": Marmot, marmot::Notify;
        "marmot on tokio": Tokio, marmot::Notify;
        "tokio": Tokio, tokio::Notify;
    }));
    rows.extend(contests!(signals::Meetings => {
        "marmot": Marmot, marmot::Barrier;
        "marmot on tokio": Tokio, marmot::Barrier;
        "tokio": Tokio, tokio::Barrier;
        "async-lock": Tokio, async_lock::Barrier;
        "smol": Smol, async_lock::Barrier;
    }));
    rows
}

fn shared() -> Vec<Contest> {
    let mut rows = contests!(
        tables::Mixed99, tables::Mixed90, tables::Stores, tables::LoadOrStore, tables::ComeAndGo => {
            "marmot": Marmot, marmot::Map;
            "dashmap": Tokio, maps::DashMap;
            "papaya": Tokio, maps::Papaya;
            "scc": Tokio, maps::Scc;
        }
    );
    rows.extend(contests!(tables::Reuse, tables::ReuseByEight => {
        "marmot": Marmot, marmot::Pool;
        "marmot on tokio": Tokio, marmot::Pool;
        "object-pool": Tokio, pools::ObjectPool;
        "opool": Tokio, pools::Opool;
    }));
    rows
}

fn main() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let rows: Vec<_> = [fought_for(), waited_for(), shared()]
        .into_iter()
        .flatten()
        .collect();
    interleaved::main("sync", &rows, scratch);
}
