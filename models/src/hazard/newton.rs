//! The likeliest effects under a ridge, by Newton's method.

use super::table::{Effects, Sums, Table, hazard_and_cumulative};
use crate::error::{Error, Result};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

/// Effects and how they were reached.
pub(super) struct Fit {
    pub(super) effects: Effects,
    pub(super) iterations: usize,
    pub(super) converged: bool,
}

/// A fit is at rest when a step could add no more than this to the log-likelihood, relative to it.
const REST: f64 = 1e-9;
/// How often a step that makes things worse is halved before the fit is taken as it is.
const HALVINGS: usize = 30;

/// Fits some rows of a table from some effects on.
///
/// # Errors
/// [`Error::NotPositiveDefinite`] when the equations cannot be solved.
pub(super) fn fit(
    table: &Table<'_>,
    rows: &[usize],
    ridge: f64,
    start: Effects,
    max_iterations: usize,
) -> Result<Fit> {
    let goal = Goal { table, rows, ridge, pooled: table.pooled_hazard(rows) };
    let mut effects = start;
    let mut sums = goal.sums(&effects);
    for iteration in 0..max_iterations {
        let step = solve(&sums)?;
        let promise: f64 = step.iter().zip(&sums.gradient).map(|(step, slope)| step * slope).sum();
        if promise <= REST * (1.0 + sums.log_likelihood.abs()) {
            return Ok(Fit { effects, iterations: iteration, converged: true });
        }
        let Some((better, better_sums)) = goal.climb(&effects, &step, sums.log_likelihood) else {
            return Ok(Fit { effects, iterations: iteration, converged: false });
        };
        (effects, sums) = (better, better_sums);
    }
    Ok(Fit { effects, iterations: max_iterations, converged: false })
}

/// What is maximised: the log-likelihood of the rows, less the ridge, with one spell of average features and the pooled
/// hazard added to each bin, so that a bin in which all or none end has a finite level.
struct Goal<'a, 'b> {
    table: &'a Table<'b>,
    rows: &'a [usize],
    ridge: f64,
    pooled: f64,
}

impl Goal<'_, '_> {
    fn sums(&self, effects: &[f64]) -> Sums {
        let mut sums = self.table.sums(self.rows, effects);
        let (n_bins, n_effects) = (self.table.n_bins(), effects.len());
        for (effect, &value) in effects.iter().enumerate() {
            let diagonal = effect * n_effects + effect;
            if effect < n_bins {
                let (hazard, cumulative) = hazard_and_cumulative(value);
                sums.log_likelihood += self.pooled * value - cumulative;
                sums.gradient[effect] += self.pooled - hazard;
                sums.information[diagonal] += hazard * (1.0 - hazard);
            } else {
                sums.log_likelihood -= self.ridge / 2.0 * value * value;
                sums.gradient[effect] -= self.ridge * value;
                sums.information[diagonal] += self.ridge;
            }
        }
        sums
    }

    /// The first of the step, its half, its quarter … that is no worse.
    fn climb(&self, effects: &[f64], step: &[f64], least: f64) -> Option<(Effects, Sums)> {
        (0..HALVINGS).find_map(|halvings| {
            let share = 0.5f64.powi(halvings as i32);
            let next: Effects =
                effects.iter().zip(step).map(|(effect, step)| effect + share * step).collect();
            let sums = self.sums(&next);
            (sums.log_likelihood >= least).then_some((next, sums))
        })
    }
}

/// The Newton step.
fn solve(sums: &Sums) -> Result<Vec<f64>> {
    let n = sums.gradient.len();
    let information = Mat::from_fn(n, n, |a, b| sums.information[a.max(b) * n + a.min(b)]);
    let gradient = Mat::from_fn(n, 1, |effect, _| sums.gradient[effect]);
    let factor = information.llt(Side::Lower);
    let factor = factor.map_err(|_| Error::NotPositiveDefinite { what: "the information of the hazard" })?;
    let step = factor.solve(&gradient);
    Ok((0..n).map(|effect| step[(effect, 0)]).collect())
}
