//! The ridge under which spells that were held out are likeliest.

use super::HazardParams;
use super::newton;
use super::table::Table;
use crate::error::Result;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

/// A fifth of the spells is held out.
const FOLDS: usize = 5;
/// Where fewer spells ended, each fifth is held out in turn: one alone would say little.
const FEW_ENDS: usize = 5_000;
/// Where fewer spells ended, nothing can be chosen, and the largest ridge is the safest.
const LEAST_ENDS: usize = 10;

/// The ridge to fit with; the larger of equals.
pub(super) fn ridge(params: &HazardParams, table: &Table<'_>) -> Result<f64> {
    let mut ridges = params.ridges.clone();
    ridges.sort_by(|a, b| b.total_cmp(a));
    let ends = table.exposures().iter().filter(|exposure| exposure.ended).count();
    if ridges.len() == 1 || table.n_features() == 0 || ends < LEAST_ENDS {
        return Ok(ridges[0]);
    }
    let mut rows: Vec<usize> = (0..table.exposures().len()).collect();
    rows.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(params.seed));
    let mut likelihoods = vec![0.0; ridges.len()];
    let folds = if ends < FEW_ENDS { FOLDS } else { 1 };
    for fold in 0..folds {
        let (held_out, kept) = split(&rows, fold);
        let mut effects = table.start(&kept);
        for (ridge, likelihood) in ridges.iter().zip(&mut likelihoods) {
            // From one ridge to the next smaller the effects move little, so each fit begins where the last one ended.
            effects = newton::fit(table, &kept, *ridge, effects, params.max_iterations)?.effects;
            *likelihood += table.log_likelihood(&held_out, &effects);
        }
    }
    let judged = likelihoods.into_iter().zip(ridges);
    Ok(judged.reduce(|best, next| if next.0 > best.0 { next } else { best }).map_or(1.0, |best| best.1))
}

/// Every fifth of the rows, beginning with row `fold`, and the others.
fn split(rows: &[usize], fold: usize) -> (Vec<usize>, Vec<usize>) {
    let (held_out, kept): (Vec<_>, Vec<_>) = rows.iter().enumerate().partition(|(at, _)| at % FOLDS == fold);
    let rows = |part: Vec<(usize, &usize)>| part.into_iter().map(|(_, row)| *row).collect();
    (rows(held_out), rows(kept))
}
