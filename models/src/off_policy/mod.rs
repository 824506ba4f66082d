//! What would another policy have earned? Answered from the log of the policy that was in force (off-policy evaluation).
//!
//! With r the reward of a row, p the probability that the logging policy showed what was shown, π that of the new one,
//! w = π / p, q(a) what a reward model foretells of action a, and q̄ = Σ_a π(a) q(a), over the n rows of the log:
//!
//! ```text
//! IPS    Σ w r / n                              unbiased, but noisy (Horvitz and Thompson 1952)
//! SNIPS  Σ w r / Σ w                            less noisy (Swaminathan and Joachims 2015)
//! DM     Σ q̄ / n                                as good as the reward model, and no better
//! DR     Σ q̄ / n + Σ w (r − q) / n              right when either p or q is (Dudík, Langford, Li 2011)
//! SNDR   Σ q̄ / n + Σ w (r − q) / Σ w            both (Thomas and Brunskill 2016; Kallus and Uehara 2019)
//! ```
//!
//! A row is one thing that was shown, once its outcome is known; rewards are clicks, acceptances or money. Showing nothing
//! is an action like any other: leave such rows in, or the mean weight will not be 1.
//!
//! ```
//! use models::off_policy::{Estimator, Log, Row};
//!
//! // Of 400 rows a coin showed offer 0 or 1; the new policy always shows offer 1, which is accepted twice as often.
//! let row = |i: usize| Row {
//!     reward: f64::from(u8::from(i % 10 < 1 + i % 2 * 2)),
//!     logged: 0.5,
//!     new: (i % 2) as f64,
//!     foretold: None,
//! };
//! let log = Log::new((0..400).map(row).collect())?;
//! let estimates = log.estimates(None)?;
//! let snips = &estimates.by_estimator[&Estimator::SelfNormalised];
//! assert!(estimates.verdict.refusals().is_empty());
//! assert!(snips.low < snips.value && snips.value < snips.high);
//! # Ok::<(), models::Error>(())
//! ```
//!
//! [`Log`] checks the rows; [`RewardModel`] makes the two numbers of a reward model, for those who have none;
//! [`Log::estimates`] gives all estimates, how far the weights can be trusted, and a [`Verdict`] that refuses what the log
//! cannot tell.
//!
//! Deliberately absent: choosing the estimator after the fact. Name one beforehand: SNDR, or SNIPS without a reward model.

mod estimate;
mod influence;
mod log;
mod reward_model;
mod verdict;
mod weights;

pub use estimate::{Estimate, Estimates, Estimator};
pub use log::{Foretold, Log, Row};
pub use reward_model::{RewardModel, RewardModelParams, Shown, ValidRewardModelParams};
pub use verdict::{Refusal, Verdict};
pub use weights::{Clipping, Weights};
