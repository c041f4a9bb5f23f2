//! Helpers for our own tests.
