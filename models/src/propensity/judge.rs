//! How propensities did on examples that they were not learned from.

use super::examples::{Examples, Treatment};
use super::model::{Basis, Propensities};
use crate::error::Result;
use crate::events::Timestamp;
use crate::measures::{BinaryQuality, Bootstrap};
use serde::{Deserialize, Serialize};

/// Propensities beside what happened, on the latest examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// The moment of the first of these examples.
    pub from: Timestamp,
    /// Of all treatments together; absent where all examples have one answer.
    pub quality: Option<BinaryQuality>,
    /// By treatment, those with most acceptances first.
    pub treatments: Vec<TreatmentJudgement>,
}

/// How the propensities of one treatment did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreatmentJudgement {
    /// Which treatment.
    pub treatment: Treatment,
    /// What its predictions rest on.
    pub basis: Basis,
    /// How many examples were judged.
    pub examples: usize,
    /// How many of them were accepted.
    pub accepted: usize,
    /// The sum of their propensities; over `accepted`, 1 is calibrated.
    pub foretold: f64,
}

/// Judges unweighted: what is foretold should come true for those to whom treatments are shown.
pub(super) fn judge(
    propensities: &Propensities,
    examples: &Examples,
    rows: &[u32],
    bootstrap: &Bootstrap,
) -> Result<Judgement> {
    let mut labels = Vec::with_capacity(rows.len());
    let mut probabilities = Vec::with_capacity(rows.len());
    let mut sums = vec![(0, 0, 0.0); examples.treatments.len()];
    for at in rows.iter().map(|row| *row as usize) {
        let place = examples.treatment_of[at] as usize;
        let foretold = propensities.predict(&examples.treatments[place], examples.row(at))?.probability;
        let accepted = examples.accepted[at];
        let (all, yes, sum) = &mut sums[place];
        (*all, *yes, *sum) = (*all + 1, *yes + usize::from(accepted), *sum + foretold);
        labels.push(accepted);
        probabilities.push(foretold);
    }
    let has_both = labels.contains(&true) && labels.contains(&false);
    let quality = has_both.then(|| BinaryQuality::of(&labels, &probabilities, bootstrap)).transpose()?;
    let seen = examples.treatments.iter().zip(sums).filter(|(_, (all, ..))| *all > 0);
    let mut treatments: Vec<TreatmentJudgement> = seen
        .map(|(treatment, (examples, accepted, foretold))| TreatmentJudgement {
            treatment: treatment.clone(),
            basis: propensities.basis(treatment),
            examples,
            accepted,
            foretold,
        })
        .collect();
    treatments.sort_by(|a, b| b.accepted.cmp(&a.accepted).then(a.treatment.cmp(&b.treatment)));
    let from = rows.first().map_or(Timestamp(0), |row| examples.at[*row as usize]);
    Ok(Judgement { from, quality, treatments })
}
