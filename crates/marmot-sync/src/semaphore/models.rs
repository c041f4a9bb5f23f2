//! The semaphore in every interleaving.
