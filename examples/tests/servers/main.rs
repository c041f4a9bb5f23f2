//! The examples of the network from outside: each as a process of its own, with clients of std.

mod chat;
#[cfg(target_os = "linux")]
mod descriptors;
mod echo;
mod http;
mod program;
mod proxy;
mod scan;
