//! Copying between streams.
