//! Goroutines on threads: G, M, P, stealing, handoff.
