//! Waiting on several operations at once.

pub(crate) mod selection;
