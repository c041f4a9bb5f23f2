//! A map for many goroutines.
//!
//! Keys are spread over shards, each a hash table behind a lock of its own that is held for
//! a lookup only. Keys and values are behind `Arc`s: they are cloned, compared with each
//! other, dropped and shown to `range` outside the locks, so the program's code may use the
//! map again from there. The one thing of the program's that runs inside is the comparison
//! of keys.
//!
//! hashbrown's table inside. Why not a whole concurrent map from a package: those that hold
//! locks can't have `range` nest and change the map; those that hold none put off dropping
//! what was deleted, perhaps for ever, and a deleted `Sender` has to close its channel now.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::mem;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hashbrown::HashTable;

use crate::pool::processors;

struct Entry<K, V> {
    hash: u64,
    key: Arc<K>,
    value: Arc<V>,
}

type Table<K, V> = HashTable<Entry<K, V>>;

/// A shard on cache lines of its own: two, because processors fetch them in pairs.
#[repr(align(128))]
struct Shard<K, V>(RwLock<Table<K, V>>);

impl<K, V> Shard<K, V> {
    fn read(&self) -> RwLockReadGuard<'_, Table<K, V>> {
        // A comparison of keys may panic inside, but only before anything changes.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table<K, V>> {
        // As in `read`.
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many shards a map has: four for each processor, so that two threads seldom meet.
fn shards() -> usize {
    (processors() * 4).next_power_of_two()
}

/// A map that many goroutines use at once: Go's `sync.Map`, with its names.
///
/// Nothing here waits, so every method may be called from anywhere, from inside
/// [`range`](Map::range) too. What is deleted or replaced is dropped at once, unless somebody
/// is just looking at it.
///
/// Where Go gives a value and whether there was one, this gives an `Option`.
///
/// # Complexity
///
/// O(1) for one key, with one lock of a shard taken; values are cloned outside it.
///
/// # Examples
///
/// ```
/// use marmot_sync::Map;
///
/// let ages = Map::new();
/// ages.store("ann", 31);
/// assert_eq!(ages.load("ann"), Some(31));
/// assert_eq!(ages.load_or_store("ann", 7), (31, true));
/// assert!(ages.compare_and_swap("ann", 31, 32));
/// assert_eq!(ages.load_and_delete("ann"), Some(32));
/// ```
pub struct Map<K, V> {
    shards: Box<[Shard<K, V>]>,
    hasher: RandomState,
}

impl<K, V> Map<K, V> {
    /// An empty map.
    #[must_use]
    pub fn new() -> Map<K, V> {
        let shard = |_| Shard(RwLock::new(HashTable::new()));
        Map {
            shards: (0..shards()).map(shard).collect(),
            hasher: RandomState::new(),
        }
    }

    /// How many keys there are, if nobody changes the map meanwhile.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    /// Whether there is no key, if nobody changes the map meanwhile.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Deletes all keys.
    pub fn clear(&self) {
        for shard in &self.shards {
            // The lock is released at the end of this statement, before they are dropped.
            let gone = mem::take(&mut *shard.write());
            drop(gone);
        }
    }

    /// Calls `f` for each key and its value until it says `false`.
    ///
    /// No key comes twice. What is stored or deleted meanwhile may come or not. `f` may use
    /// the map, and call `range` again.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = marmot_sync::Map::new();
    /// map.store(1, "one");
    /// map.range(|key, _| {
    ///     map.delete(key);
    ///     true
    /// });
    /// assert!(map.is_empty());
    /// ```
    pub fn range(&self, mut f: impl FnMut(&K, &V) -> bool) {
        for shard in &self.shards {
            let entries: Vec<_> = {
                let table = shard.read();
                let both = |entry: &Entry<K, V>| (Arc::clone(&entry.key), Arc::clone(&entry.value));
                table.iter().map(both).collect()
            };
            for (key, value) in entries {
                if !f(&key, &value) {
                    return;
                }
            }
        }
    }
}

impl<K: Hash + Eq, V> Map<K, V> {
    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The shard for this hash: by its middle bits, since the table uses both ends.
    fn shard(&self, hash: u64) -> &Shard<K, V> {
        let bits = usize::try_from((hash >> 32) & 0xffff).expect("sixteen bits");
        &self.shards[bits & (self.shards.len() - 1)]
    }

    fn find<Q>(&self, hash: u64, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let table = self.shard(hash).read();
        let entry = table.find(hash, |entry| (*entry.key).borrow() == key);
        entry.map(|entry| Arc::clone(&entry.value))
    }

    /// Puts a value in and gives the one that was there.
    fn replace(&self, key: K, value: V) -> Option<Arc<V>> {
        let hash = self.hash(&key);
        let (key, value) = (Arc::new(key), Arc::new(value));
        let mut table = self.shard(hash).write();
        match table.find_mut(hash, |entry| entry.key == key) {
            Some(entry) => Some(mem::replace(&mut entry.value, value)),
            None => {
                insert(&mut table, Entry { hash, key, value });
                None
            }
        }
    }

    /// Takes a key out if its value is the one that `still` accepts.
    fn remove<Q>(&self, hash: u64, key: &Q, still: impl Fn(&Arc<V>) -> bool) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        // The lock is released at the end of this statement, before the key is dropped.
        let gone = self
            .shard(hash)
            .write()
            .find_entry(hash, |entry| {
                (*entry.key).borrow() == key && still(&entry.value)
            })
            .ok()
            .map(|found| found.remove().0);
        gone.map(|entry| entry.value)
    }

    /// The value of a key.
    #[must_use]
    pub fn load<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: Clone,
    {
        self.find(self.hash(key), key).map(Arc::unwrap_or_clone)
    }

    /// Sets the value of a key.
    pub fn store(&self, key: K, value: V) {
        drop(self.replace(key, value));
    }

    /// The value of a key, which is set to `value` if it has none; and whether it had one.
    #[must_use = "to set a value whatever there is, use `store`"]
    pub fn load_or_store(&self, key: K, value: V) -> (V, bool)
    where
        V: Clone,
    {
        let hash = self.hash(&key);
        if let Some(found) = self.find(hash, &key) {
            return (Arc::unwrap_or_clone(found), true);
        }
        let (value, loaded) = self.find_or_insert(hash, key, value);
        (Arc::unwrap_or_clone(value), loaded)
    }

    fn find_or_insert(&self, hash: u64, key: K, value: V) -> (Arc<V>, bool) {
        let (key, value) = (Arc::new(key), Arc::new(value));
        let mut table = self.shard(hash).write();
        if let Some(entry) = table.find(hash, |entry| entry.key == key) {
            return (Arc::clone(&entry.value), true);
        }
        let stored = Arc::clone(&value);
        insert(&mut table, Entry { hash, key, value });
        (stored, false)
    }

    /// Sets the value of a key and gives the one before.
    pub fn swap(&self, key: K, value: V) -> Option<V>
    where
        V: Clone,
    {
        self.replace(key, value).map(Arc::unwrap_or_clone)
    }

    /// Sets the value of a key to `new` if it is `old`; whether it was.
    ///
    /// Key and old value may be given by value or by reference.
    pub fn compare_and_swap(&self, key: impl Borrow<K>, old: impl Borrow<V>, new: V) -> bool
    where
        V: PartialEq,
    {
        let key = key.borrow();
        let hash = self.hash(key);
        let mut new = Arc::new(new);
        while let Some(seen) = self.find(hash, key) {
            if *seen != *old.borrow() {
                return false;
            }
            let mut table = self.shard(hash).write();
            let entry = table.find_mut(hash, |entry| *entry.key == *key);
            // The same value as the one compared: we hold it, so its place is not reused.
            if let Some(entry) = entry
                && Arc::ptr_eq(&entry.value, &seen)
            {
                mem::swap(&mut entry.value, &mut new);
                return true;
            }
        }
        false
    }

    /// Deletes a key if its value is `old`; whether it was.
    ///
    /// Key and old value may be given by value or by reference.
    pub fn compare_and_delete(&self, key: impl Borrow<K>, old: impl Borrow<V>) -> bool
    where
        V: PartialEq,
    {
        let key = key.borrow();
        let hash = self.hash(key);
        while let Some(seen) = self.find(hash, key) {
            if *seen != *old.borrow() {
                return false;
            }
            let gone = self.remove(hash, key, |value| Arc::ptr_eq(value, &seen));
            if gone.is_some() {
                return true;
            }
        }
        false
    }

    /// Deletes a key and gives its value.
    pub fn load_and_delete<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: Clone,
    {
        self.remove(self.hash(key), key, |_| true)
            .map(Arc::unwrap_or_clone)
    }

    /// Deletes a key.
    pub fn delete<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        drop(self.remove(self.hash(key), key, |_| true));
    }
}

fn insert<K, V>(table: &mut Table<K, V>, entry: Entry<K, V>) {
    table.insert_unique(entry.hash, entry, |entry| entry.hash);
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Map::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_map();
        self.range(|key, value| {
            shown.entry(key, value);
            true
        });
        shown.finish()
    }
}

impl<K: Hash + Eq, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let map = Map::new();
        for (key, value) in pairs {
            map.store(key, value);
        }
        map
    }
}
