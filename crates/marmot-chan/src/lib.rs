//! Channels and the engine of select, after Go.
