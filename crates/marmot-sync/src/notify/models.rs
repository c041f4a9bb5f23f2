//! Notifications in every interleaving.
