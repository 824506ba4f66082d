//! Experiments: which arm a unit belongs to, and what the arms did.
//!
//! A unit is a customer, or the household where contact is shared. [`Allocation`] gives each unit its arm, for ever and
//! without a table: a salted hash. What is compared afterwards are units, never contacts or results, since those of one unit
//! are not independent; and all units that were allocated and met the same conditions count, also those of the control
//! group for whom nothing was decided.
//!
//! Before anything else it is checked that the arms have the numbers of units that their shares promise
//! ([`SampleRatio`]; Fabijan et al. 2019): where they do not, units were lost on the way and [`compare`] refuses its
//! verdict, however large the difference. Rates are compared by Newcombe's interval, money by Welch's.
//!
//! ```
//! use models::experiments::{Allocation, ArmOutcome, UnitOutcome, compare};
//!
//! let arms = Allocation::new("2026-q4", [("treated", 0.8), ("control", 0.2)])?;
//! let mut outcomes = vec![ArmOutcome::new("treated", 0.8), ArmOutcome::new("control", 0.2)];
//! for n in 0..10_000 {
//!     let arm = arms.index(&format!("household {n}"));
//!     // One treated household in ten buys for 20, and one in twenty of the control group.
//!     let responded = n % if arm == 0 { 10 } else { 20 } == 0;
//!     outcomes[arm].add(UnitOutcome { responded, money: if responded { 20.0 } else { 0.0 } });
//! }
//! let experiment = compare(&outcomes, 1)?;
//! assert!(experiment.verdict.is_valid());
//! assert!(experiment.comparisons[0].rate_difference.low > 0.03);
//! # Ok::<(), models::Error>(())
//! ```
//!
//! Deliberately absent: looking every day and stopping at the first significant one. Intervals hold for one look, at the
//! size that [`sample_size`] says.

mod allocation;
mod compare;
mod means;
mod rates;
mod sample_ratio;
mod sample_size;

pub use allocation::Allocation;
pub use compare::{ArmOutcome, ArmSummary, Comparison, Experiment, UnitOutcome, Verdict, compare};
pub use means::{MeanDifference, Sample, welch};
pub use rates::{Rate, newcombe};
pub use sample_ratio::SampleRatio;
pub use sample_size::sample_size;
