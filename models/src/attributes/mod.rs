//! Attributes as numbers: what a profile, or the description of an item, leads one to expect before anything happened.
//!
//! [`Features`] turn attributes into a sparse row of numbers; a [`Prior`] is a ridge regression from such rows to
//! vectors, of people to the factorisation's space or of items to the index's. People without history and items
//! without buyers stand where the prior puts them; evidence then takes over ([`crate::taste`]).

mod features;
mod prior;

pub use features::{Feature, FeatureRows, Features};
pub(crate) use prior::expected;
pub use prior::{Prior, PriorParams, ValidPriorParams};
