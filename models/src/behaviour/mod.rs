//! What customers did, act by act, and what that says of them as of a date.
//!
//! [`Behaviour`] condenses events to [`Act`]s: one per order, return, day of visits or complaint. [`Facts`] are what a
//! person would count on them ("last order 74 days ago, usually one every 21"), seen from one moment and blind to what
//! came after. [`FeatureSet`] turns facts into the numbers that models learn from. Training and serving share all three.

mod acts;
mod facts;
mod features;
mod themes;

pub use acts::{Act, ActKind, Behaviour, Builder, Categories};
pub use facts::{Facts, Rhythm};
pub use features::{FEATURES, FeatureSet, N_FEATURES};
pub use themes::Theme;
