//! Pools.

use crate::primitives::Pool;

/// `object_pool::Pool`.
pub struct ObjectPool(object_pool::Pool<Vec<u8>>, usize);

impl Pool for ObjectPool {
    fn new(bytes: usize) -> Self {
        Self(object_pool::Pool::new(16, || vec![0; bytes]), bytes)
    }

    fn with<T>(&self, f: impl FnOnce(&mut [u8]) -> T) -> T {
        let bytes = self.1;
        f(&mut self.0.pull(|| vec![0; bytes]))
    }
}

struct Buffers(usize);

impl opool::PoolAllocator<Vec<u8>> for Buffers {
    fn allocate(&self) -> Vec<u8> {
        vec![0; self.0]
    }
}

/// `opool::Pool`.
pub struct Opool(opool::Pool<Buffers, Vec<u8>>);

impl Pool for Opool {
    fn new(bytes: usize) -> Self {
        Self(opool::Pool::new(64, Buffers(bytes)))
    }

    fn with<T>(&self, f: impl FnOnce(&mut [u8]) -> T) -> T {
        f(&mut self.0.get())
    }
}
