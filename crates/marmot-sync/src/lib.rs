//! Mutex, RwLock, WaitGroup, Once, Cond, Semaphore and the rest of Go's sync, async and cancel-safe.
