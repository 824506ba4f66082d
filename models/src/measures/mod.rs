//! Evaluation: how good lists are, on the full catalogue, after a split in time.
//!
//! [`Cases`] pair what was known of each customer with what they bought afterwards; [`evaluate`] ranks the whole
//! catalogue for each and keeps every customer's measures, so that two models are compared on the same customers
//! ([`Evaluation::difference`]) and every mean has a bootstrap [`Interval`]. Sampled negatives are deliberately
//! absent: they do not preserve the order of models (Krichene and Rendle 2020).
//!
//! Beside lists: [`BinaryQuality`] says how good probabilities of a yes or a no are, [`concordance`] how well the ends of
//! spells are ranked, [`survival_curve`] when they come at all.

mod binary;
mod bootstrap;
mod cases;
mod evaluate;
mod list;
mod survival;

pub use binary::{
    BinaryDifference, BinaryQuality, LiftPoint, ReliabilityBin, difference as binary_difference,
};
pub use bootstrap::{Bootstrap, Interval};
pub use cases::{Case, Cases};
pub use evaluate::{EvaluateOptions, Evaluation, Repeats, Summary, evaluate};
pub use list::{ListMeasures, Measure};
pub use survival::{concordance, survival_curve};
