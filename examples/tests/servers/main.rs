//! The examples of the network from outside: each as a process of its own, with clients of std.

mod chat;
mod echo;
mod http;
mod program;
mod proxy;
mod scan;
