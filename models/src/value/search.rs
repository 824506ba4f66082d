//! The search for the parameters that make what was observed most likely: Newton's method on their logarithms, damped
//! where the likelihood is not concave (Levenberg, Marquardt), from several starts.
//!
//! It is done when a full Newton step would change no parameter by more than the tolerance. A small slope alone proves
//! nothing: a likelihood that rises for ever towards a parameter of 0 or of infinity is as flat.

use crate::error::{Result, require};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How parameters are searched.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    /// Pulls parameters towards the population's own scale: per customer, this times the sum of the squared logarithms
    /// of the parameters (times and money in units of their means) is subtracted. 0 for the likeliest parameters; 0.001
    /// helps where there are few customers.
    pub penalty: f64,
    /// Places to start from: one guess, the others drawn around it.
    pub starts: usize,
    /// Of the drawn starts.
    pub seed: u64,
    /// The relative change of every parameter below which a search is done.
    pub tolerance: f64,
    /// Steps of one search at most.
    pub max_iterations: usize,
}

impl Default for Search {
    fn default() -> Self {
        Self { penalty: 0.0, starts: 3, seed: 1, tolerance: 1e-6, max_iterations: 200 }
    }
}

/// A search in range.
#[derive(Clone, Copy, Debug)]
pub(super) struct ValidSearch(Search);

impl Search {
    /// # Errors
    /// [`crate::Error::OutOfRange`] for a number that is not finite or outside its range.
    pub(super) fn check(self) -> Result<ValidSearch> {
        require((0.0..=1e3).contains(&self.penalty), "search.penalty", self.penalty, "from 0 to 1000")?;
        require((1..=100).contains(&self.starts), "search.starts", self.starts, "from 1 to 100")?;
        let holds = (1e-9..=0.1).contains(&self.tolerance);
        require(holds, "search.tolerance", self.tolerance, "from 1e-9 to 0.1")?;
        let holds = (1..=10_000).contains(&self.max_iterations);
        require(holds, "search.max_iterations", self.max_iterations, "from 1 to 10000")?;
        Ok(ValidSearch(self))
    }
}

/// A value with its first and second derivatives by N parameters; of the second, the upper triangle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<const N: usize> {
    pub(super) value: f64,
    pub(super) slope: [f64; N],
    pub(super) curvature: [[f64; N]; N],
}

impl<const N: usize> Terms<N> {
    pub(super) const ZERO: Self = Self { value: 0.0, slope: [0.0; N], curvature: [[0.0; N]; N] };

    /// Adds what each row of `rows` adds. The parts do not depend on the number of threads, so neither does the sum.
    pub(super) fn add_rows<R: Sync>(&mut self, rows: &[R], add: impl Fn(&mut Self, &R) + Sync) {
        let part = |rows: &[R]| {
            let mut part = Self::ZERO;
            rows.iter().for_each(|row| add(&mut part, row));
            part
        };
        let parts: Vec<Self> = rows.par_chunks(2048).map(part).collect();
        for part in &parts {
            self.value += part.value;
            for i in 0..N {
                self.slope[i] += part.slope[i];
                for j in i..N {
                    self.curvature[i][j] += part.curvature[i][j];
                }
            }
        }
    }

    /// Per customer, and by the logarithms: `scales` are what the derivatives of parameters by their logarithms are.
    pub(super) fn by_logarithms(mut self, scales: &[f64; N], customers: f64) -> Self {
        self.value /= customers;
        for i in 0..N {
            self.slope[i] *= scales[i] / customers;
            for j in i..N {
                self.curvature[i][j] *= scales[i] * scales[j] / customers;
            }
            self.curvature[i][i] += self.slope[i];
        }
        self
    }

    /// The step that a Newton search takes next, or `None` where −curvature + damping is not positive definite.
    fn step(&self, damping: f64) -> Option<[f64; N]> {
        let mut factor = [[0.0; N]; N];
        let mut step = self.slope;
        for i in 0..N {
            for j in i..N {
                let damped = if i == j { damping } else { 0.0 } - self.curvature[i][j];
                let left = damped - (0..i).map(|k| factor[k][i] * factor[k][j]).sum::<f64>();
                if i == j && (left.is_nan() || left <= 1e-14) {
                    return None;
                }
                factor[i][j] = if i == j { left.sqrt() } else { left / factor[i][i] };
            }
            step[i] = (step[i] - (0..i).map(|k| factor[k][i] * step[k]).sum::<f64>()) / factor[i][i];
        }
        for i in (0..N).rev() {
            step[i] = (step[i] - (i + 1..N).map(|k| factor[i][k] * step[k]).sum::<f64>()) / factor[i][i];
        }
        Some(step)
    }
}

/// Where a search ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<const N: usize> {
    pub(super) logarithms: [f64; N],
    /// Per customer, with the penalty.
    pub(super) value: f64,
    pub(super) iterations: usize,
    pub(super) ending: Ending,
}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// At a maximum.
    Converged,
    /// A parameter, by its position, ran away to beyond 100,000 times its scale or below a hundred-thousandth of it.
    Ran(usize),
    /// No step made it better, or there were too many.
    Stuck,
}

/// The logarithm of how far from its scale a parameter may go.
const FARTHEST: f64 = 11.512_925_464_970_229;
/// The longest step of any logarithm.
const LONGEST_STEP: f64 = 2.0;

impl ValidSearch {
    /// The best maximum of a function of logarithms, from a guess and from around it.
    pub(super) fn maximise<const N: usize>(
        &self,
        guess: [f64; N],
        objective: impl Fn(&[f64; N]) -> Terms<N>,
    ) -> Found<N> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.0.seed);
        let penalised = |at: &[f64; N]| self.penalised(objective(at), at);
        let mut best = self.climb(guess, &penalised);
        for _ in 1..self.0.starts {
            let found = self.climb(guess.map(|log| log + random.random_range(-1.5..1.5)), &penalised);
            let gain = found.value - best.value;
            // Of two that are as good, one that has converged.
            let converged = found.ending == Ending::Converged && best.ending != Ending::Converged;
            if gain > 1e-9 || (gain > -1e-9 && converged) {
                best = found;
            }
        }
        best
    }

    fn penalised<const N: usize>(&self, mut terms: Terms<N>, at: &[f64; N]) -> Terms<N> {
        for (i, log) in at.iter().enumerate() {
            terms.value -= self.0.penalty * log * log;
            terms.slope[i] -= 2.0 * self.0.penalty * log;
            terms.curvature[i][i] -= 2.0 * self.0.penalty;
        }
        terms
    }

    fn climb<const N: usize>(&self, start: [f64; N], objective: &impl Fn(&[f64; N]) -> Terms<N>) -> Found<N> {
        let (mut at, mut here, mut damping) = (start, objective(&start), 0.0);
        let found = |logarithms, value, iterations, ending| Found { logarithms, value, iterations, ending };
        for iteration in 0..self.0.max_iterations {
            let full = here.step(0.0);
            if full.is_some_and(|step| step.iter().all(|by| by.abs() <= self.0.tolerance)) {
                return found(at, here.value, iteration, Ending::Converged);
            }
            let Some(step) = here.step(damping) else {
                damping = stronger(damping);
                continue;
            };
            let longest = step.iter().fold(LONGEST_STEP, |longest, by| by.abs().max(longest));
            let next: [f64; N] = std::array::from_fn(|i| at[i] + step[i] * (LONGEST_STEP / longest));
            if let Some(away) = next.iter().position(|log| log.abs() > FARTHEST) {
                return found(at, here.value, iteration, Ending::Ran(away));
            }
            let there = objective(&next);
            // Sums of many terms are rounded: near the maximum a good step may seem to lose a little.
            if there.value >= here.value - 1e-11 * (1.0 + here.value.abs()) {
                (at, here) = (next, there);
                damping = if damping > 1e-6 { damping / 10.0 } else { 0.0 };
            } else if damping > 1e12 {
                return found(at, here.value, iteration, Ending::Stuck);
            } else {
                damping = stronger(damping);
            }
        }
        found(at, here.value, self.0.max_iterations, Ending::Stuck)
    }
}

fn stronger(damping: f64) -> f64 {
    (damping * 10.0).max(1e-4)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// First and second derivatives are what differences of values and of slopes say.
    pub(in super::super) fn assert_derivatives<const N: usize>(
        at: [f64; N],
        function: impl Fn(&[f64; N]) -> Terms<N>,
    ) {
        let here = function(&at);
        for i in 0..N {
            let beside = |by: f64| function(&std::array::from_fn(|k| at[k] + if k == i { by } else { 0.0 }));
            let (before, after) = (beside(-1e-5), beside(1e-5));
            let slope = (after.value - before.value) / 2e-5;
            assert!(
                (slope - here.slope[i]).abs() < 1e-7 * (1.0 + slope.abs()),
                "slope {i}: {here:?} {slope}"
            );
            for j in i..N {
                let curvature = (after.slope[j] - before.slope[j]) / 2e-5;
                let error = (curvature - here.curvature[i][j]).abs();
                assert!(error < 1e-7 * (1.0 + curvature.abs()), "curvature {i} {j}: {here:?} {curvature}");
            }
        }
    }

    /// −Σ (log − i)² · weight, plus what makes it rise for ever when asked.
    fn hill(at: &[f64; 2], rising: bool) -> Terms<2> {
        let mut terms = Terms::ZERO;
        for (i, log) in at.iter().enumerate() {
            let by = log - i as f64;
            terms.value -= by.powi(4) + by * by;
            terms.slope[i] -= 4.0 * by.powi(3) + 2.0 * by;
            terms.curvature[i][i] -= 12.0 * by * by + 2.0;
        }
        if rising {
            // The last parameter does best at infinity, with a slope that vanishes.
            terms.value += (at[1] - 1.0).powi(4) + (at[1] - 1.0).powi(2) - (-at[1]).exp();
            (terms.slope[1], terms.curvature[1][1]) = ((-at[1]).exp(), -(-at[1]).exp());
        }
        terms
    }

    #[test]
    fn a_search_ends_at_the_maximum_and_tells_a_parameter_that_runs_away_from_one_that_has_arrived() {
        let search = Search::default().check().unwrap();
        let found = search.maximise([5.0, -5.0], |at| hill(at, false));
        assert_eq!(found.ending, Ending::Converged);
        assert!(found.logarithms[0].abs() < 1e-6 && (found.logarithms[1] - 1.0).abs() < 1e-6, "{found:?}");
        assert_eq!(search.maximise([5.0, -5.0], |at| hill(at, true)).ending, Ending::Ran(1));
        let penalised = Search { penalty: 1e-3, ..Default::default() }.check().unwrap();
        assert_eq!(penalised.maximise([5.0, -5.0], |at| hill(at, true)).ending, Ending::Converged);
    }

    #[test]
    fn a_function_of_nan_is_stuck_and_does_not_loop_or_panic() {
        let search = Search::default().check().unwrap();
        let nan = Terms { value: f64::NAN, slope: [f64::NAN; 2], curvature: [[f64::NAN; 2]; 2] };
        assert_eq!(search.maximise([0.0, 0.0], |_| nan).ending, Ending::Stuck);
    }
}
