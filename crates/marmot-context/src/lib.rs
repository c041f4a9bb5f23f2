//! Cancellation, deadlines and values after Go's context, and groups of goroutines.
