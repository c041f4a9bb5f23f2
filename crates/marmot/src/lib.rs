//! An async runtime with Go's concurrency model: goroutines, channels, select, and a scheduler one cannot stall.
