//! The read-write lock in every interleaving.
