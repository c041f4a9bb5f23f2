//! A map for many goroutines.
//!
//! Keys are spread over shards, each a hash table behind a lock of its own (`biased`) that is held
//! for a lookup only. Two things of the program's run inside: the comparison of keys, and for
//! values that are plain, having nothing to drop, their `Clone` and `PartialEq`. Other values are
//! behind `Arc`s, and cloned and compared outside. Nothing is dropped inside. What `range` shows is
//! moved behind an `Arc` at that time (`held`), so from there the program may use the map again.
//!
//! Why not a whole concurrent map from a package: decision 0032.

mod biased;
mod held;
#[cfg(all(test, marmot_loom))]
mod models;

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};

use hashbrown::HashTable;

use crate::here::processors;
use biased::{Biased, Readers, Writing};
use held::Held;

struct Entry<K, V> {
    hash: u64,
    key: Held<K>,
    value: Held<V>,
}

impl<K, V> Entry<K, V> {
    #[inline]
    fn is<Q: Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.key.get().borrow() == key
    }
}

type Table<K, V> = HashTable<Entry<K, V>>;

/// A shard on cache lines of its own: two, because processors fetch them in pairs.
#[repr(align(128))]
struct Shard<K, V>(Biased<Table<K, V>>);

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
/// Keys are hashed as in std's `HashMap`, which nobody outside can foresee. Where the keys are
/// the program's own, a [hasher](Map::with_hasher) that is only fast saves a third of the time.
///
/// # Panics
///
/// Every method does if it is called by the `Eq` of a key while the map compares keys, or by
/// the `Clone` or `PartialEq` of a value that has nothing to drop: these run under a lock of
/// the map, and should be short. (A value that has something to drop, as a `String` has, is
/// cloned and compared outside.)
///
/// # Complexity
///
/// O(1) for one key. While nobody changes a shard, those who load from it write to nothing that
/// others use. A change of a shard that others load from has to look at one word for each P. A value
/// that has something to drop takes an allocation to store and two more atomic
/// operations to load.
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
pub struct Map<K, V, S = RandomState> {
    shards: Box<[Shard<K, V>]>,
    readers: Readers,
    hasher: S,
}

impl<K, V> Map<K, V> {
    /// An empty map.
    #[must_use]
    pub fn new() -> Map<K, V> {
        Map::with_hasher(RandomState::new())
    }
}

impl<K, V, S> Map<K, V, S> {
    /// An empty map whose keys are hashed by what `hasher` builds.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::hash::{BuildHasherDefault, DefaultHasher};
    ///
    /// let hasher = BuildHasherDefault::<DefaultHasher>::new();
    /// let map = marmot_sync::Map::with_hasher(hasher);
    /// map.store("ann", 31);
    /// ```
    #[must_use]
    pub fn with_hasher(hasher: S) -> Map<K, V, S> {
        let shard = |_| Shard(Biased::new(HashTable::new()));
        Map {
            shards: (0..shards()).map(shard).collect(),
            readers: Readers::new(),
            hasher,
        }
    }

    /// How many keys there are, if nobody changes the map meanwhile.
    #[must_use]
    pub fn len(&self) -> usize {
        let count = |shard: &Shard<K, V>| shard.0.read(&self.readers, HashTable::len);
        self.shards.iter().map(count).sum()
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
            let gone = mem::take(&mut *shard.0.write(&self.readers));
            drop(gone);
        }
    }

    /// Calls `f` for each key and its value until it says `false`.
    ///
    /// No key comes twice. What is stored or deleted meanwhile may come or not. `f` may use
    /// the map, and call `range` again.
    ///
    /// # Complexity
    ///
    /// O(n), and a lock for each shard that is held while handles of its entries are copied. The
    /// first time an entry is shown it moves into an allocation of its own, two with its value.
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
                let mut table = shard.0.write(&self.readers);
                let both = |entry: &mut Entry<K, V>| (entry.key.share(), entry.value.share());
                table.iter_mut().map(both).collect()
            };
            for (key, value) in entries {
                if !f(&key, &value) {
                    return;
                }
            }
        }
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Map<K, V, S> {
    #[inline]
    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The shard for this hash: by its middle bits, since the table uses both ends.
    #[inline]
    fn shard(&self, hash: u64) -> &Biased<Table<K, V>> {
        let bits = usize::try_from((hash >> 32) & 0xffff).expect("sixteen bits");
        &self.shards[bits & (self.shards.len() - 1)].0
    }

    #[inline]
    fn write(&self, hash: u64) -> Writing<'_, Table<K, V>> {
        self.shard(hash).write(&self.readers)
    }

    /// What `look` says of the value of a key. It runs under the lock.
    #[inline]
    fn find<Q, R>(&self, hash: u64, key: &Q, look: impl FnOnce(&Held<V>) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.shard(hash).read(&self.readers, |table| {
            let entry = table.find(hash, |entry| entry.is(key));
            entry.map(|entry| look(&entry.value))
        })
    }

    #[inline]
    fn found<Q>(&self, hash: u64, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
        V: Clone,
    {
        self.find(hash, key, Held::taken_along)
            .map(Held::into_value)
    }

    /// Puts a value in and gives the one that was there.
    #[inline]
    fn replace(&self, key: K, value: V) -> Option<Held<V>> {
        let hash = self.hash(&key);
        let mut value = Held::new(value);
        let mut table = self.write(hash);
        if let Some(entry) = table.find_mut(hash, |entry| entry.is(&key)) {
            mem::swap(&mut entry.value, &mut value);
            // Dropped after the lock, since it was declared before.
            return Some(value);
        }
        let key = Held::Own(key);
        insert(&mut table, Entry { hash, key, value });
        None
    }

    /// Takes a key out if its value is one that `still` accepts.
    #[inline]
    fn remove<Q>(&self, hash: u64, key: &Q, still: impl Fn(&Held<V>) -> bool) -> Option<Held<V>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        // The lock is released at the end of this statement, before the key is dropped.
        let gone = self
            .write(hash)
            .find_entry(hash, |entry| entry.is(key) && still(&entry.value))
            .ok()
            .map(|found| found.remove().0);
        gone.map(|entry| entry.value)
    }

    /// The value of a key.
    #[inline]
    #[must_use]
    pub fn load<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: Clone,
    {
        self.found(self.hash(key), key)
    }

    /// Sets the value of a key.
    #[inline]
    pub fn store(&self, key: K, value: V) {
        drop(self.replace(key, value));
    }

    /// The value of a key, which is set to `value` if it has none; and whether it had one.
    #[inline]
    #[must_use = "to set a value whatever there is, use `store`"]
    pub fn load_or_store(&self, key: K, value: V) -> (V, bool)
    where
        V: Clone,
    {
        let hash = self.hash(&key);
        match self.found(hash, &key) {
            Some(found) => (found, true),
            None => self.find_or_insert(hash, key, value),
        }
    }

    fn find_or_insert(&self, hash: u64, key: K, value: V) -> (V, bool)
    where
        V: Clone,
    {
        let value = Held::new(value);
        let ours = value.taken_along();
        let mut table = self.write(hash);
        if let Some(entry) = table.find(hash, |entry| entry.is(&key)) {
            let found = entry.value.taken_along();
            drop(table);
            return (found.into_value(), true);
        }
        let key = Held::Own(key);
        insert(&mut table, Entry { hash, key, value });
        drop(table);
        (ours.into_value(), false)
    }

    /// Sets the value of a key and gives the one before.
    pub fn swap(&self, key: K, value: V) -> Option<V>
    where
        V: Clone,
    {
        self.replace(key, value).map(Held::into_value)
    }

    /// Calls `act` with a test that accepts `old` alone, if the value of the key is that; once
    /// more if it has changed in between. Whether `act` did it.
    fn if_it_is(
        &self,
        hash: u64,
        key: &K,
        old: &V,
        mut act: impl FnMut(&dyn Fn(&Held<V>) -> bool) -> bool,
    ) -> bool
    where
        V: PartialEq,
    {
        if Held::<V>::PLAIN {
            return act(&|value| *value.get() == *old);
        }
        while let Some(seen) = self.find(hash, key, Held::handle) {
            if *seen != *old {
                return false;
            }
            // The same value as the one compared: we hold it, so its place is not reused.
            if act(&|value| value.is(&seen)) {
                return true;
            }
        }
        false
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
        let mut new = Held::new(new);
        self.if_it_is(hash, key, old.borrow(), |accepts| {
            let mut table = self.write(hash);
            let entry = table.find_mut(hash, |entry| entry.is(key));
            let entry = entry.filter(|entry| accepts(&entry.value));
            entry
                .map(|entry| mem::swap(&mut entry.value, &mut new))
                .is_some()
        })
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
        self.if_it_is(hash, key, old.borrow(), |accepts| {
            self.remove(hash, key, accepts).is_some()
        })
    }

    /// Deletes a key and gives its value.
    pub fn load_and_delete<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: Clone,
    {
        self.remove(self.hash(key), key, |_| true)
            .map(Held::into_value)
    }

    /// Deletes a key.
    #[inline]
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

/// A panic inside of a lock comes before anything changes.
impl<K, V, S> UnwindSafe for Map<K, V, S> {}
impl<K, V, S> RefUnwindSafe for Map<K, V, S> {}

impl<K, V, S: Default> Default for Map<K, V, S> {
    fn default() -> Self {
        Map::with_hasher(S::default())
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for Map<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_map();
        self.range(|key, value| {
            shown.entry(key, value);
            true
        });
        shown.finish()
    }
}

impl<K: Hash + Eq, V, S: BuildHasher + Default> FromIterator<(K, V)> for Map<K, V, S> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let map = Map::default();
        for (key, value) in pairs {
            map.store(key, value);
        }
        map
    }
}
