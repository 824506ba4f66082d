//! What a fit gives.

use super::search::{Ending, Found};
use serde::{Deserialize, Serialize};

/// A model and how it was found. One that has not converged is for looking at, not for deciding: fall back on something
/// simpler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fitted<M> {
    /// The model at the best parameters found.
    pub model: M,
    /// How likely it makes what was observed: the sum over customers, without the penalty.
    pub log_likelihood: f64,
    /// Customers that it was fitted on.
    pub customers: usize,
    /// Steps of the best search.
    pub iterations: usize,
    /// Whether the parameters are a maximum.
    pub converged: bool,
    /// Why not, when they are none.
    pub reason: Option<String>,
}

/// What to tell of a search that ended elsewhere than at a maximum.
pub(super) fn reason<const N: usize>(found: &Found<N>, names: [&str; N]) -> Option<String> {
    match found.ending {
        Ending::Converged => None,
        Ending::Ran(at) => {
            let way = if found.logarithms[at] > 0.0 { "grows" } else { "shrinks" };
            let name = names[at];
            Some(format!(
                "{name} {way} beyond all bounds: these customers do not show it; set search.penalty"
            ))
        }
        Ending::Stuck => {
            let steps = found.iterations;
            Some(format!(
                "no maximum within {steps} steps: raise search.max_iterations, or set search.penalty"
            ))
        }
    }
}
