//! Segments: the groups that a customer relationship desk thinks in, with words for people in two languages.
//!
//! - [`RfmCuts`]: recency, frequency and money in quintiles of everyone who ever ordered.
//! - [`GridCuts`]: nine cells of what a customer is worth by how often they order, each with an attitude to take.
//! - [`ValidStageRules`]: the stage of life that a customer is in on a date, why, and when it changes by itself.
//! - [`Clusters`]: groups that the data form by themselves, given only where they come out again from resamples.
//! - [`Portraits`]: the real customers who stand for the groups of an embedding.
//!
//! Cut points, centres and rules are learned or set once and belong to the release, so that a customer's segment
//! changes because of what they do, never because others were counted anew.

mod clusters;
mod cuts;
mod grid;
mod language;
mod lloyd;
mod portraits;
mod reason;
mod rfm;
mod scaling;
mod stability;
mod stage;

pub use clusters::{ClusterParams, ClusterSearch, Clusters, Trial, ValidClusterParams};
pub use grid::{Cell, GridCuts, Level};
pub use language::Language;
pub use lloyd::{Geometry, Nearest};
pub use portraits::{Distinction, Portrait, PortraitParams, Portraits, ValidPortraitParams, distinguishing};
pub use reason::{Rhythm, StageReason};
pub use rfm::{Rfm, RfmCuts};
pub use scaling::Scaling;
pub use stability::adjusted_rand;
pub use stage::{Situation, Stage, StageRules, ValidStageRules};
