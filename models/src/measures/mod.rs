//! Evaluation: how good lists are, on the full catalogue, after a split in time.
//!
//! [`Cases`] pair what was known of each customer with what they bought afterwards; [`evaluate`] ranks the whole
//! catalogue for each and keeps every customer's measures, so that two models are compared on the same customers
//! ([`Evaluation::difference`]) and every mean has a bootstrap [`Interval`]. Sampled negatives are deliberately
//! absent: they do not preserve the order of models (Krichene and Rendle 2020).

mod bootstrap;
mod cases;
mod evaluate;
mod list;

pub use bootstrap::{Bootstrap, Interval};
pub use cases::{Case, Cases};
pub use evaluate::{EvaluateOptions, Evaluation, Repeats, Summary, evaluate};
pub use list::{ListMeasures, Measure};
