//! Readiness of sockets, on mio.
