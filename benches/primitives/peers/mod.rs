//! Libraries of locks and what stands beside them.

pub mod async_lock;
pub mod maps;
pub mod marmot;
pub mod pools;
pub mod tokio;
