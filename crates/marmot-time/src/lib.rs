//! Sleep, timeout, Timer, Ticker and after, on per-P timer queues.
