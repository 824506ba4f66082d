//! Whether estimates may be believed, in words.

use super::weights::Weights;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Fewer effective rows or groups than these say nothing.
const FEWEST: f64 = 100.0;
/// Where the mean weight must lie.
const MEAN_WEIGHT: std::ops::RangeInclusive<f64> = 0.9..=1.1;

/// Whether estimates may be believed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// Nothing in the weights speaks against it.
    Accepted,
    /// The log cannot tell: do not decide on these figures.
    Refused {
        /// All that is wrong.
        because: Vec<Refusal>,
    },
}

/// Why a log cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case", deny_unknown_fields)]
pub enum Refusal {
    /// The new policy seldom does what the log shows.
    FewEffectiveRows {
        /// How many there are.
        found: f64,
    },
    /// A few customers or households make up the estimate.
    FewEffectiveGroups {
        /// How many there are.
        found: f64,
    },
    /// The probabilities do not belong to the log, or it does not reach what the new policy shows.
    MeanWeight {
        /// The mean weight, before any clipping.
        found: f64,
    },
    /// Clipping took away too much of the new policy.
    ClippedWeight {
        /// The mean weight that it left.
        found: f64,
    },
}

impl Verdict {
    /// Judges the weights; never the estimates, lest it be argued with.
    pub(super) fn on(weights: &Weights) -> Self {
        let before = weights.clipping.map_or(weights.mean, |clipping| clipping.mean_before);
        let checks = [
            (weights.effective_rows < FEWEST, Refusal::FewEffectiveRows { found: weights.effective_rows }),
            (
                weights.effective_groups < FEWEST,
                Refusal::FewEffectiveGroups { found: weights.effective_groups },
            ),
            (!MEAN_WEIGHT.contains(&before), Refusal::MeanWeight { found: before }),
            (
                MEAN_WEIGHT.contains(&before) && !MEAN_WEIGHT.contains(&weights.mean),
                Refusal::ClippedWeight { found: weights.mean },
            ),
        ];
        let because: Vec<Refusal> =
            checks.into_iter().filter(|(fails, _)| *fails).map(|(_, refusal)| refusal).collect();
        if because.is_empty() { Self::Accepted } else { Self::Refused { because } }
    }

    /// What speaks against the estimates; empty when nothing does.
    pub fn refusals(&self) -> &[Refusal] {
        match self {
            Self::Accepted => &[],
            Self::Refused { because } => because,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted: the weights are as they should be"),
            Self::Refused { because } => {
                let words: Vec<String> = because.iter().map(ToString::to_string).collect();
                write!(f, "refused: {}", words.join("; "))
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewEffectiveRows { found } => write!(
                f,
                "the effective sample size is {found:.1} rows, below {FEWEST}: the new policy seldom does what the log \
                 shows; log more, explore more, or compare a policy that is nearer to the one in force"
            ),
            Self::FewEffectiveGroups { found } => write!(
                f,
                "the effective sample size is {found:.1} groups, below {FEWEST}: too few customers or households make \
                 up the estimate; log more of them"
            ),
            Self::MeanWeight { found } => write!(
                f,
                "the mean weight is {found:.3}, outside 0.9 to 1.1: the probabilities are not those of the policy that \
                 made the log, rows are missing, or the new policy shows what the log never could"
            ),
            Self::ClippedWeight { found } => write!(
                f,
                "clipping left a mean weight of {found:.3}, outside 0.9 to 1.1: it took away what the new policy does \
                 most; raise the limit"
            ),
        }
    }
}
