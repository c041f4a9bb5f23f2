//! The idle protocol in every interleaving.
