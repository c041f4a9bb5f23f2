//! Work done once, in every interleaving.
