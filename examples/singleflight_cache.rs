//! A cache in front of something slow: who asks for the same key at the same time shares the work.
//!
//! In Go: a `sync.Map` and golang.org/x/sync/singleflight. Look at the count of loads: a hundred
//! goroutines ask for one key, and it is loaded once. If whoever loads it is cut off in the middle,
//! the next one in the call loads it instead, so nobody waits for somebody who has gone.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use marmot::prelude::*;
use marmot::sync::{Map, singleflight};

#[marmot::main]
async fn main() {
    let cache = Arc::new(Cache::new(ms(20)));
    println!(
        "{} loads for 100 askers",
        ask_together(&cache, "gopher", 100).await
    );
    println!(
        "{} loads for 100 more",
        ask_together(&cache, "gopher", 100).await
    );
    println!(
        "{} loads for another key",
        ask_together(&cache, "marmot", 100).await
    );
}

/// Values that take a while to load.
pub(crate) struct Cache {
    known: Map<String, usize>,
    loading: singleflight::Group<String, usize>,
    loads: AtomicU32,
    time: Duration,
}

impl Cache {
    pub(crate) fn new(time: Duration) -> Cache {
        Cache {
            known: Map::new(),
            loading: singleflight::Group::new(),
            loads: AtomicU32::new(0),
            time,
        }
    }

    /// The value, from the cache or loaded now.
    pub(crate) async fn get(&self, key: &str) -> usize {
        if let Some(value) = self.known.load(key) {
            return value;
        }
        let load = async {
            // A call that ended between the look above and now has put it there.
            if let Some(value) = self.known.load(key) {
                return value;
            }
            // ORDERING: Relaxed, here and below: a count.
            self.loads.fetch_add(1, Ordering::Relaxed);
            sleep(self.time).await;
            self.known.store(key.to_owned(), key.len());
            key.len()
        };
        self.loading.run(key.to_owned(), load).await.0
    }

    /// How often something was loaded, begun ones included.
    pub(crate) fn loads(&self) -> u32 {
        self.loads.load(Ordering::Relaxed)
    }
}

/// Many ask at the same time; how often it was loaded for them.
pub(crate) async fn ask_together(cache: &Arc<Cache>, key: &'static str, askers: usize) -> u32 {
    let before = cache.loads();
    let wg = WaitGroup::new();
    for _ in 0..askers {
        let cache = Arc::clone(cache);
        wg.go(async move { assert_eq!(cache.get(key).await, key.len()) });
    }
    wg.wait().await;
    cache.loads() - before
}
