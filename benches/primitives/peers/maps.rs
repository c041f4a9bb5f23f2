//! Concurrent maps.

use crate::primitives::Map;

/// `dashmap::DashMap`.
pub type DashMap = dashmap::DashMap<u64, u64>;
/// `papaya::HashMap`.
pub type Papaya = papaya::HashMap<u64, u64>;
/// `scc::HashMap`.
pub type Scc = scc::HashMap<u64, u64>;

impl Map for DashMap {
    fn new() -> Self {
        DashMap::new()
    }

    fn load(&self, key: u64) -> Option<u64> {
        self.get(&key).map(|value| *value)
    }

    fn store(&self, key: u64, value: u64) {
        self.insert(key, value);
    }

    fn load_or_store(&self, key: u64, value: u64) -> u64 {
        if let Some(found) = self.load(key) {
            return found;
        }
        *self.entry(key).or_insert(value)
    }

    fn delete(&self, key: u64) {
        self.remove(&key);
    }
}

impl Map for Papaya {
    fn new() -> Self {
        Papaya::new()
    }

    fn load(&self, key: u64) -> Option<u64> {
        self.pin().get(&key).copied()
    }

    fn store(&self, key: u64, value: u64) {
        self.pin().insert(key, value);
    }

    fn load_or_store(&self, key: u64, value: u64) -> u64 {
        *self.pin().get_or_insert(key, value)
    }

    fn delete(&self, key: u64) {
        self.pin().remove(&key);
    }
}

impl Map for Scc {
    fn new() -> Self {
        Scc::new()
    }

    fn load(&self, key: u64) -> Option<u64> {
        self.read_sync(&key, |_, value| *value)
    }

    fn store(&self, key: u64, value: u64) {
        self.upsert_sync(key, value);
    }

    fn load_or_store(&self, key: u64, value: u64) -> u64 {
        if let Some(found) = self.load(key) {
            return found;
        }
        *self.entry_sync(key).or_insert(value)
    }

    fn delete(&self, key: u64) {
        self.remove_sync(&key);
    }
}
