//! A key or a value in the table: there by itself, or behind an `Arc` once somebody outside
//! looks at it.

use std::mem;
use std::sync::Arc;

pub(super) enum Held<T> {
    /// In the table itself.
    Own(T),
    /// Where it can be looked at without the lock.
    Shared(Arc<T>),
    /// On its way from one to the other; never seen.
    Moving,
}

impl<T> Held<T> {
    /// Nothing has to be done to drop it.
    pub(super) const PLAIN: bool = !mem::needs_drop::<T>();

    #[inline]
    pub(super) fn new(value: T) -> Held<T> {
        if Self::PLAIN {
            Held::Own(value)
        } else {
            Held::Shared(Arc::new(value))
        }
    }

    /// What a reader takes along to make a value of it outside.
    #[inline]
    pub(super) fn taken_along(&self) -> Held<T>
    where
        T: Clone,
    {
        if Self::PLAIN {
            Held::Own(self.get().clone())
        } else {
            Held::Shared(self.handle())
        }
    }

    /// A handle to what is not plain.
    #[inline]
    pub(super) fn handle(&self) -> Arc<T> {
        match self {
            Held::Shared(value) => Arc::clone(value),
            Held::Own(_) | Held::Moving => unreachable!("what has to be dropped is shared"),
        }
    }

    /// Whether it is this very one.
    pub(super) fn is(&self, other: &Arc<T>) -> bool {
        matches!(self, Held::Shared(value) if Arc::ptr_eq(value, other))
    }

    #[inline]
    pub(super) fn get(&self) -> &T {
        match self {
            Held::Own(value) => value,
            Held::Shared(value) => value,
            Held::Moving => unreachable!("only seen by `share`"),
        }
    }

    /// A handle to it that outlives the lock.
    pub(super) fn share(&mut self) -> Arc<T> {
        let shared = match mem::replace(self, Held::Moving) {
            Held::Own(value) => Arc::new(value),
            Held::Shared(value) => value,
            Held::Moving => unreachable!("only seen here"),
        };
        *self = Held::Shared(Arc::clone(&shared));
        shared
    }

    #[inline]
    pub(super) fn into_value(self) -> T
    where
        T: Clone,
    {
        match self {
            Held::Own(value) => value,
            Held::Shared(value) => Arc::unwrap_or_clone(value),
            Held::Moving => unreachable!("only seen by `share`"),
        }
    }
}
