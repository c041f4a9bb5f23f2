//! The promises of `Map`.

mod support;

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use marmot_sync::Map;
use support::{Rng, text_of, within_seconds};

/// How much is tried; little under miri, which takes a thousand times as long.
const TURNS: usize = if cfg!(miri) { 60 } else { 3000 };
const SEEDS: u64 = if cfg!(miri) { 1 } else { 5 };
const RACES: u64 = if cfg!(miri) { 5 } else { 2000 };

fn contents<K: Clone + Eq + Hash, V: Clone>(map: &Map<K, V>) -> HashMap<K, V> {
    let mut all = HashMap::new();
    map.range(|key, value| {
        let before = all.insert(key.clone(), value.clone());
        assert!(before.is_none(), "no key comes twice");
        true
    });
    all
}

/// Nine operations in random order give what a plain map gives.
fn matches_a_plain_map<K, V>(seed: u64, key: impl Fn(usize) -> K, value: impl Fn(usize) -> V)
where
    K: Clone + Eq + Hash + Debug,
    V: Clone + PartialEq + Debug,
{
    let mut rng = Rng::new(seed);
    let (map, mut plain) = (Map::new(), HashMap::new());
    for turn in 0..TURNS {
        let k = key(rng.below(20));
        let (v, other) = (value(rng.below(4)), value(rng.below(4)));
        let at = format!("seed {seed} turn {turn} key {k:?}");
        match rng.below(10) {
            0 => assert_eq!(map.load(&k), plain.get(&k).cloned(), "{at}"),
            1 => {
                map.store(k.clone(), v.clone());
                plain.insert(k, v);
            }
            2 => {
                let loaded = plain.contains_key(&k);
                let expected = plain.entry(k.clone()).or_insert(v.clone()).clone();
                assert_eq!(map.load_or_store(k, v), (expected, loaded), "{at}");
            }
            3 => assert_eq!(map.swap(k.clone(), v.clone()), plain.insert(k, v), "{at}"),
            4 => assert_eq!(map.load_and_delete(&k), plain.remove(&k), "{at}"),
            5 => {
                map.delete(&k);
                plain.remove(&k);
            }
            6 => {
                let is = plain.get(&k) == Some(&v);
                if is {
                    plain.insert(k.clone(), other.clone());
                }
                assert_eq!(map.compare_and_swap(&k, v, other), is, "{at}");
            }
            7 => {
                let is = plain.get(&k) == Some(&v);
                if is {
                    plain.remove(&k);
                }
                assert_eq!(map.compare_and_delete(&k, v), is, "{at}");
            }
            8 if turn % 50 == 0 => {
                map.clear();
                plain.clear();
            }
            _ => assert_eq!(contents(&map), plain, "{at}"),
        }
        assert_eq!(map.len(), plain.len(), "{at}");
    }
}

#[test]
fn random_operations_give_what_a_plain_map_gives() {
    for seed in 1..=SEEDS {
        matches_a_plain_map(seed, |n| n, |n| n);
        matches_a_plain_map(seed, |n| format!("key {n}"), |n| n);
        matches_a_plain_map(seed, |n| n, |n| format!("value {n}"));
        matches_a_plain_map(seed, |n| format!("key {n}"), Arc::new);
    }
}

/// A key whose hash says nothing, or almost nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BadHash(usize, usize);

impl Hash for BadHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0 % self.1).hash(state);
    }
}

#[test]
fn keys_with_bad_hashes_work_as_well() {
    matches_a_plain_map(11, |n| BadHash(n, 1), |n| n);
    matches_a_plain_map(12, |n| BadHash(n, 4), |n| n);
}

#[test]
fn range_may_nest_and_change_the_map() {
    const KEYS: usize = if cfg!(miri) { 5 } else { 100 };
    let map = Map::new();
    for n in 0..KEYS {
        map.store(n, n);
    }
    let mut pairs = 0;
    map.range(|_, _| {
        map.range(|inner, _| {
            map.store(*inner, 0);
            map.store(inner + 1000, 0);
            map.delete(&(inner + 1000));
            pairs += 1;
            true
        });
        true
    });
    assert_eq!((pairs, map.len()), (KEYS * KEYS, KEYS));
    map.range(|key, _| {
        map.delete(key);
        true
    });
    assert!(map.is_empty());
}

#[test]
fn range_ends_when_told_to() {
    let map: Map<_, _> = (0..10).map(|n| (n, n)).collect();
    let mut seen = 0;
    map.range(|_, _| {
        seen += 1;
        seen < 3
    });
    assert_eq!(seen, 3);
}

#[test]
fn what_is_deleted_or_replaced_is_dropped_at_once() {
    let map = Map::new();
    let value = Arc::new(());
    map.store(1, Arc::clone(&value));
    map.store(1, Arc::clone(&value));
    assert_eq!(Arc::strong_count(&value), 2);
    map.delete(&1);
    assert_eq!(Arc::strong_count(&value), 1);
    map.store(2, Arc::clone(&value));
    map.clear();
    assert_eq!(Arc::strong_count(&value), 1);
}

/// A value that looks into its own map when it is cloned, compared or dropped.
struct Nosy(Arc<Map<i32, Nosy>>);

impl Drop for Nosy {
    fn drop(&mut self) {
        assert!(self.0.len() < 100);
    }
}

impl Clone for Nosy {
    fn clone(&self) -> Self {
        self.0.delete(&7);
        Nosy(Arc::clone(&self.0))
    }
}

impl PartialEq for Nosy {
    fn eq(&self, _: &Self) -> bool {
        !self.0.is_empty()
    }
}

#[test]
fn values_may_use_the_map_while_they_are_cloned_compared_and_dropped() {
    within_seconds(|| {
        let map = Arc::new(Map::new());
        let nosy = || Nosy(Arc::clone(&map));
        map.store(1, nosy());
        map.store(1, nosy());
        drop(map.load(&1));
        drop(map.load_or_store(1, nosy()));
        assert!(map.compare_and_swap(1, nosy(), nosy()));
        assert!(map.compare_and_delete(1, nosy()));
        map.store(1, nosy());
        drop(map.swap(1, nosy()));
        drop(map.load_and_delete(&1));
        map.store(1, nosy());
        map.clear();
    });
}

/// A key or a value that uses its own map when it is cloned or compared, and has nothing to drop.
#[derive(Debug)]
struct Plain(i32, Option<&'static Map<Plain, Plain>>);

impl Plain {
    fn use_map(&self) {
        if let Some(map) = self.1 {
            map.delete(&Plain(0, None));
        }
    }
}

impl Clone for Plain {
    fn clone(&self) -> Self {
        self.use_map();
        Plain(self.0, self.1)
    }
}

impl PartialEq for Plain {
    fn eq(&self, other: &Self) -> bool {
        self.use_map();
        other.use_map();
        self.0 == other.0
    }
}

impl Eq for Plain {}

impl Hash for Plain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[test]
fn what_uses_the_map_from_inside_panics_and_the_map_goes_on() {
    const TEXT: &str = "a Map is used while it compares keys, or clones or compares values that need \
         no drop: their Eq, Clone and PartialEq must not use it";
    static MAP: LazyLock<Map<Plain, Plain>> = LazyLock::new(Map::new);
    within_seconds(|| {
        let plain = |n| Plain(n, None);
        let nosy = |n| Plain(n, Some(&*MAP));
        MAP.store(plain(1), nosy(1));
        for _ in 0..if cfg!(miri) { 1 } else { 5 } {
            assert_eq!(text_of(|| drop(MAP.load(&plain(1)))), TEXT);
            let swap = || assert!(MAP.compare_and_swap(plain(1), plain(1), plain(2)));
            assert_eq!(text_of(swap), TEXT);
            assert_eq!(text_of(|| drop(MAP.load(&nosy(1)))), TEXT);
            assert_eq!(text_of(|| MAP.store(nosy(1), plain(1))), TEXT);
            assert_eq!(text_of(|| MAP.delete(&nosy(1))), TEXT);
        }
        // Nothing has changed, nothing is locked, and it may be used again from outside.
        MAP.range(|_, value| value.clone().0 == 1);
        assert_eq!(MAP.len(), 1);
        MAP.store(plain(1), plain(3));
        assert_eq!(MAP.load(&plain(1)), Some(plain(3)));
    });
}

#[test]
fn what_range_shows_stays_as_it_was_while_it_is_replaced() {
    fn try_with<V: Clone + PartialEq + Debug>(old: &V, new: &V) {
        let map: Map<_, _> = (0..20).map(|n| (n, old.clone())).collect();
        for _ in 0..2 {
            map.range(|key, value| {
                assert_eq!(map.swap(*key, new.clone()), Some(old.clone()));
                assert_eq!(value, old);
                map.store(*key, old.clone());
                assert!(map.compare_and_swap(key, old, new.clone()));
                assert!(map.compare_and_swap(key, new, old.clone()));
                assert_eq!(map.load_and_delete(key), Some(old.clone()));
                assert_eq!(value, old);
                assert_eq!(map.load_or_store(*key, old.clone()), (old.clone(), false));
                true
            });
        }
        assert_eq!(map.len(), 20);
    }
    try_with(&1, &2);
    try_with(&String::from("old"), &String::from("new"));
}

#[test]
fn values_that_cannot_be_cloned_may_be_changed_where_range_shows_them() {
    let map: Map<_, _> = (0..10).map(|n| (n, AtomicUsize::new(n))).collect();
    for round in 0..3 {
        map.range(|key, count| {
            assert_eq!(count.fetch_add(1, Ordering::Relaxed), key + round);
            true
        });
    }
}

#[test]
fn a_map_may_have_a_hasher_of_its_own() {
    let map = Map::with_hasher(BuildHasherDefault::<DefaultHasher>::default());
    map.store("a", 1);
    assert_eq!(map.load("a"), Some(1));
    let map: Map<_, _, BuildHasherDefault<DefaultHasher>> = [(1, 2)].into_iter().collect();
    assert_eq!(map.load(&1), Some(2));
}

/// Those who load see values that were stored, and no mixture of two.
#[test]
fn who_loads_while_others_store_and_range_sees_whole_values() {
    within_seconds(|| {
        let map: Arc<Map<_, _>> = Arc::new((0..8_u64).map(|n| (n, [n; 8])).collect());
        let workers: Vec<_> = (0..4)
            .map(|who| {
                let map = Arc::clone(&map);
                std::thread::spawn(move || {
                    let mut rng = Rng::new(who + 1);
                    for turn in 0..RACES * 4 {
                        let key = rng.below(8) as u64;
                        if turn % 64 == 0 {
                            map.range(|_, value| value.iter().all(|n| *n == value[0]));
                        } else if turn % 16 == who {
                            map.store(key, [turn * 8 + key; 8]);
                        } else {
                            let value = map.load(&key).expect("always there");
                            assert_eq!(value, [value[0]; 8]);
                            assert_eq!(value[0] % 8, key);
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().expect("it ends well");
        }
    });
}

#[test]
fn of_many_threads_that_swap_one_value_each_step_is_taken_once() {
    within_seconds(|| {
        let map = Arc::new(Map::new());
        map.store("n", 0_u64);
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let map = Arc::clone(&map);
                std::thread::spawn(move || {
                    for _ in 0..RACES {
                        loop {
                            let seen = map.load("n").expect("always there");
                            if map.compare_and_swap("n", seen, seen + 1) {
                                break;
                            }
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().expect("it ends well");
        }
        assert_eq!(map.load("n"), Some(4 * RACES));
    });
}

#[test]
fn of_many_threads_that_store_first_one_wins_and_all_see_it() {
    within_seconds(|| {
        for round in 0..RACES / 5 {
            let map = Arc::new(Map::new());
            let workers: Vec<_> = (0..4)
                .map(|n| {
                    let map = Arc::clone(&map);
                    std::thread::spawn(move || map.load_or_store(round, n))
                })
                .collect();
            let got: Vec<_> = workers
                .into_iter()
                .map(|worker| worker.join().expect("it ends well"))
                .collect();
            assert_eq!(got.iter().filter(|(_, loaded)| !loaded).count(), 1);
            assert!(got.iter().all(|(value, _)| *value == got[0].0));
        }
    });
}

/// Each thread has keys of its own, whose hashes are those of everybody else's: what it does to
/// them gives what it would give to a plain map.
#[test]
fn threads_that_share_all_hashes_do_not_see_each_others_keys() {
    within_seconds(|| {
        for spread in [1, 4, 1 << 20] {
            let map = Arc::new(Map::new());
            let workers: Vec<_> = (0..4_usize)
                .map(|who| {
                    let map = Arc::clone(&map);
                    std::thread::spawn(move || {
                        let mut rng = Rng::new(who as u64 + 1);
                        let mut plain = HashMap::new();
                        for _ in 0..RACES {
                            let n = rng.below(8);
                            let key = BadHash(n * 4 + who, spread);
                            let (v, other) = (rng.below(3), rng.below(3));
                            match rng.below(6) {
                                0 => assert_eq!(map.load(&key), plain.get(&n).copied()),
                                1 => assert_eq!(map.swap(key, v), plain.insert(n, v)),
                                2 => {
                                    let loaded = plain.contains_key(&n);
                                    let expected = *plain.entry(n).or_insert(v);
                                    assert_eq!(map.load_or_store(key, v), (expected, loaded));
                                }
                                3 => assert_eq!(map.load_and_delete(&key), plain.remove(&n)),
                                4 => {
                                    let is = plain.get(&n) == Some(&v);
                                    assert_eq!(map.compare_and_swap(&key, v, other), is);
                                    plain.entry(n).and_modify(|at| {
                                        if is {
                                            *at = other
                                        }
                                    });
                                }
                                _ => {
                                    let is = plain.get(&n) == Some(&v);
                                    assert_eq!(map.compare_and_delete(&key, v), is);
                                    plain.retain(|at, _| !(is && *at == n));
                                }
                            }
                        }
                        plain.len()
                    })
                })
                .collect();
            let left: usize = workers
                .into_iter()
                .map(|worker| worker.join().expect("it ends well"))
                .sum();
            assert_eq!((map.len(), contents(&map).len()), (left, left));
        }
    });
}
