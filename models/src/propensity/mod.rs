//! How likely a customer accepts a treatment: an offer through a channel.
//!
//! ```text
//! log odds = pooled(row)                     a calibrated classifier of all treatments together
//!          + own(treatment, row)             from 50 acceptances on: a logistic regression with the pooled log odds as offset
//!          | shift(treatment)                below: its rate against what the pooled part foretells, shrunk
//!          | shift(group) | 0                not seen yet
//! ```
//!
//! What all treatments have in common is learned once, from all of them; what is special to one is learned from its own
//! examples beside it, under a strong ridge, so that a treatment differs from the others only as far as its examples say.
//!
//! A rate is shrunk by a Beta prior: `strength` imagined examples that behave as the prior says. The prior of a group is what
//! the pooled part foretells for its examples, the prior of a treatment what its group's rate makes of that. The posterior
//! also says how sure a rate is: [`Estimate::log_odds_deviation`], large for a young treatment.
//!
//! The level is that of the later window, on which the pooled part is calibrated: what is special to a treatment is learned
//! against the level of the window that each example is from, so that a season is not taken for a property of the
//! offers that were shown in it. What happens after training moves the odds by [`corrected`]. Where nothing was learned at
//! all, [`Prior`] gives a new offer its place from the first minute.
//!
//! Probabilities are never 0 and never 1: they stay a millionth away, so that every offer can still be found out about.

mod estimate;
mod examples;
mod fit;
mod judge;
mod level;
mod model;
mod params;
#[cfg(test)]
mod tests;

pub use estimate::{Count, Estimate, Prior, corrected};
pub use examples::{Example, Examples, Treatment};
pub use fit::{FittedPropensities, PropensityReport};
pub use judge::{Judgement, TreatmentJudgement};
pub use model::{Basis, Propensities, PropensityExplanation};
pub use params::{PropensityParams, ValidPropensityParams};
