//! Will this customer leave? A calibrated classifier of rows of numbers into yes or no, wherever these come from; it
//! serves as well to say who will buy.
//!
//! ```text
//! earlier window ─► logistic regression ─► calibration ┐
//!                                            ▲         ├─► the lower log loss ─► Churn
//! earlier window ─► boosted trees ───────► calibration ┘
//!                        later window ───────┘
//! ```
//!
//! Both classifiers learn on [`Rows`] of an earlier window, their ridge, depth and rounds chosen on folds of whole
//! customers. What they say is then calibrated on a later window, since the share of customers who leave changes, and
//! there they compete by log loss, each row under a calibration fitted without it. Nothing is ever resampled to
//! balance the answers: probabilities would be wrong.
//!
//! What happened since, within a shorter horizon, can shift the probabilities once more ([`shift_to`], [`Churn::shifted`]).
//!
//! [`Churn`] gives probabilities, bands of risk ([`RiskBand`]) and contributions of features that sum exactly to the
//! margin. Logistic regression is solved here by Newton's method rather than by a library: it takes weights, offsets
//! for calibration, and all cores.

mod boosting;
mod calibration;
mod fit;
mod folds;
mod isotonic;
mod logistic;
mod model;
mod newton;
mod params;
#[cfg(test)]
mod population;
mod risk;
mod rows;
mod shapley;
#[cfg(test)]
mod tests;
mod trees;

pub use calibration::{Calibration, CalibrationTrial};
pub use fit::{Competition, FitReport, FittedChurn};
pub use isotonic::Isotonic;
pub use logistic::Logistic;
pub use model::{Churn, ClassifierKind, Explanation, shift_to};
pub use params::{ChurnParams, Compete, LogisticParams, TreesParams, ValidChurnParams};
pub use risk::{RiskBand, RiskCuts};
pub(crate) use rows::LEAST_OF_EACH;
pub use rows::Rows;
pub use trees::Trees;
