//! The mutex in every interleaving.
