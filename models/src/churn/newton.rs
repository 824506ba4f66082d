//! Logistic regression by Newton's method: few columns, any number of rows, weights and offsets.
//!
//! ```text
//! minimise  Σ w_i · log(1 + exp(−s_i m_i)) + ridge/2 · |β|²,   m_i = offset_i + intercept + x_i·β,  s_i = ±1
//! step      (Xᵀ W X + ridge·I)⁻¹ (Xᵀ (y − p) − ridge·β),       W = w p (1 − p)
//! ```
//!
//! The intercept bears no ridge. Steps are halved until the objective falls, so that every start converges. The sums
//! go over blocks of a fixed size, added in order: the result does not depend on the number of threads.

use crate::error::{Error, Result};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use rayon::prelude::*;

/// What is known of a row beside its columns.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) offset: f64,
    pub(super) label: bool,
    pub(super) weight: f64,
}

/// A regression to solve.
pub(super) struct Problem<R> {
    pub(super) n_rows: usize,
    pub(super) n_columns: usize,
    /// Writes the columns of a row and tells the rest.
    pub(super) row: R,
    pub(super) ridge: f64,
}

/// The optimum.
#[derive(Clone, Debug)]
pub(super) struct Solution {
    pub(super) intercept: f64,
    pub(super) weights: Vec<f64>,
}

/// Newton's steps double the digits each; many more than ever needed.
const MOST_STEPS: usize = 100;
const MOST_HALVINGS: usize = 40;
const BLOCK_ROWS: usize = 4096;

/// The objective and its derivatives at a point; the intercept is the last coefficient.
struct Sums {
    objective: f64,
    weight: f64,
    gradient: Vec<f64>,
    /// Lower triangle, row-major.
    hessian: Vec<f64>,
}

impl<R: Fn(usize, &mut [f64]) -> Known + Sync> Problem<R> {
    pub(super) fn solve(&self) -> Result<Solution> {
        let n = self.n_columns + 1;
        let mut point = vec![0.0; n];
        let mut here = self.sums(&point);
        for _ in 0..MOST_STEPS {
            let step = here.step()?;
            let gain: f64 = step.iter().zip(&here.gradient).map(|(s, g)| s * g).sum();
            if gain <= 1e-14 * here.weight {
                break;
            }
            let halved = |halvings: usize| {
                let scale = 0.5f64.powi(halvings as i32);
                let next: Vec<f64> = point.iter().zip(&step).map(|(x, s)| x - scale * s).collect();
                let there = self.sums(&next);
                (there.objective <= here.objective).then_some((next, there))
            };
            let Some((next, there)) = (0..MOST_HALVINGS).find_map(halved) else { break };
            (point, here) = (next, there);
        }
        let intercept = point.pop().unwrap_or_default();
        Ok(Solution { intercept, weights: point })
    }

    fn sums(&self, point: &[f64]) -> Sums {
        let starts: Vec<usize> = (0..self.n_rows).step_by(BLOCK_ROWS).collect();
        let blocks: Vec<Sums> = starts
            .into_par_iter()
            .map(|start| self.block(point, start..(start + BLOCK_ROWS).min(self.n_rows)))
            .collect();
        let mut sums = Sums::zero(point.len());
        blocks.iter().for_each(|block| sums.add(block));
        for (column, value) in point.iter().enumerate().take(self.n_columns) {
            sums.objective += 0.5 * self.ridge * value * value;
            sums.gradient[column] += self.ridge * value;
            sums.hessian[column * point.len() + column] += self.ridge;
        }
        sums
    }

    fn block(&self, point: &[f64], rows: std::ops::Range<usize>) -> Sums {
        let n = point.len();
        let mut sums = Sums::zero(n);
        let mut columns = vec![1.0; n];
        for row in rows {
            let known = (self.row)(row, &mut columns[..n - 1]);
            let margin = known.offset + columns.iter().zip(point).map(|(x, b)| x * b).sum::<f64>();
            let p = sigmoid(margin);
            sums.objective += known.weight * log_loss(margin, known.label);
            sums.weight += known.weight;
            let slope = known.weight * (p - f64::from(u8::from(known.label)));
            let curvature = known.weight * p * (1.0 - p);
            for a in 0..n {
                sums.gradient[a] += slope * columns[a];
                let scaled = curvature * columns[a];
                let line = &mut sums.hessian[a * n..=a * n + a];
                line.iter_mut().zip(&columns).for_each(|(sum, x)| *sum += scaled * x);
            }
        }
        sums
    }
}

impl Sums {
    fn zero(n: usize) -> Self {
        Self { objective: 0.0, weight: 0.0, gradient: vec![0.0; n], hessian: vec![0.0; n * n] }
    }

    fn add(&mut self, other: &Self) {
        self.objective += other.objective;
        self.weight += other.weight;
        self.gradient.iter_mut().zip(&other.gradient).for_each(|(sum, x)| *sum += x);
        self.hessian.iter_mut().zip(&other.hessian).for_each(|(sum, x)| *sum += x);
    }

    fn step(&self) -> Result<Vec<f64>> {
        let n = self.gradient.len();
        // Probabilities of almost 0 or 1 have no curvature; this much leaves the optimum where it is.
        let least = 1e-10 * self.weight;
        let hessian = Mat::from_fn(n, n, |a, b| {
            self.hessian[a.max(b) * n + a.min(b)] + if a == b { least } else { 0.0 }
        });
        let gradient = Mat::from_fn(n, 1, |a, _| self.gradient[a]);
        let factor = hessian.llt(Side::Lower);
        let factor = factor.map_err(|_| Error::NotPositiveDefinite { what: "the logistic regression" })?;
        let step = factor.solve(&gradient);
        Ok((0..n).map(|a| step[(a, 0)]).collect())
    }
}

/// The probability of log odds; exactly 0 or 1 only beyond ±37.
pub(super) fn sigmoid(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// −log of the probability of an answer under log odds, without overflow.
pub(super) fn log_loss(log_odds: f64, label: bool) -> f64 {
    let against = if label { -log_odds } else { log_odds };
    against.max(0.0) + (-against.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};
    use smartcore::linalg::basic::arrays::Array;
    use smartcore::linalg::basic::matrix::DenseMatrix;
    use smartcore::linear::logistic_regression::{LogisticRegression, LogisticRegressionParameters};

    fn drawn(n: usize) -> (Vec<[f64; 3]>, Vec<bool>) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
        let mut number = || random.random_range(-1.0..1.0);
        let columns: Vec<[f64; 3]> = (0..n).map(|_| [number(), number(), number()]).collect();
        let labels = columns.iter().map(|x| 2.0 * x[0] - x[1] - 0.7 > number() * 2.0).collect();
        (columns, labels)
    }

    #[test]
    fn newton_finds_the_optimum_of_smartcore_and_its_gradient_is_zero() {
        let (columns, labels) = drawn(5000);
        let row = |row: usize, into: &mut [f64]| {
            into.copy_from_slice(&columns[row]);
            Known { offset: 0.0, label: labels[row], weight: 1.0 }
        };
        let problem = Problem { n_rows: 5000, n_columns: 3, row, ridge: 10.0 };
        let solution = problem.solve().unwrap();
        let mut point = solution.weights.clone();
        point.push(solution.intercept);
        let gradient = problem.sums(&point).gradient;
        assert!(gradient.iter().all(|g| g.abs() < 1e-6), "{gradient:?}");

        let lines: Vec<Vec<f64>> = columns.iter().map(|x| x.to_vec()).collect();
        let matrix = DenseMatrix::from_2d_vec(&lines).unwrap();
        let answers: Vec<i32> = labels.iter().map(|label| i32::from(*label)).collect();
        let params = LogisticRegressionParameters::default().with_alpha(10.0);
        let twin = LogisticRegression::fit(&matrix, &answers, params).unwrap();
        assert!((solution.intercept - twin.intercept().get((0, 0))).abs() < 1e-4);
        for (column, weight) in solution.weights.iter().enumerate() {
            assert!((weight - twin.coefficients().get((0, column))).abs() < 1e-4);
        }
    }

    #[test]
    fn a_weight_of_two_is_two_rows_and_answers_that_part_cleanly_still_converge() {
        let (columns, _) = drawn(300);
        let label = |row: usize| columns[row][0] > 0.0;
        let weighted = |row: usize, into: &mut [f64]| {
            into.copy_from_slice(&columns[row]);
            Known { offset: 0.5, label: label(row), weight: 2.0 }
        };
        let twice = |row: usize, into: &mut [f64]| Known { weight: 1.0, ..weighted(row % 300, into) };
        let one = Problem { n_rows: 300, n_columns: 3, row: weighted, ridge: 0.1 }.solve().unwrap();
        let two = Problem { n_rows: 600, n_columns: 3, row: twice, ridge: 0.1 }.solve().unwrap();
        assert!((one.intercept - two.intercept).abs() < 1e-6);
        assert!(one.weights.iter().zip(&two.weights).all(|(a, b)| (a - b).abs() < 1e-6));
        assert!(one.weights[0] > 5.0 && one.weights[0].is_finite());
    }
}
