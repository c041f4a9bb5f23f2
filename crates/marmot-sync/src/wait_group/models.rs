//! The wait group in every interleaving.
