//! Values that a context carries, keyed by their type.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;

/// One value, and the name of its type.
#[derive(Clone)]
pub(crate) struct Value {
    value: Arc<dyn Any + Send + Sync>,
    type_name: &'static str,
}

impl Value {
    pub(crate) fn new<T: Any + Send + Sync>(value: T) -> Value {
        Value {
            value: Arc::new(value),
            type_name: type_name::<T>(),
        }
    }

    /// The value, if it is of this type.
    #[inline]
    pub(crate) fn get<T: Any>(&self) -> Option<&T> {
        self.value.downcast_ref()
    }

    pub(crate) fn type_name(&self) -> &'static str {
        self.type_name
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Value").field(&self.type_name).finish()
    }
}
