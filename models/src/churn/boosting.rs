//! Gradient-boosted trees by forust: depth and rounds by cross-validation, then one fit on all rows.

use super::folds::Folds;
use super::params::TreesParams;
use super::rows::Rows;
use super::trees::{Node, Trees};
use crate::error::{Error, Result};
use forust_ml::gradientbooster::GrowPolicy;
use forust_ml::objective::ObjectiveType;
use forust_ml::{GradientBooster, Matrix};
use rayon::prelude::*;

/// Boosted trees and how they came about.
#[derive(Clone, Debug)]
pub(super) struct FittedTrees {
    pub(super) model: Trees,
    pub(super) depth: usize,
    pub(super) rounds: usize,
}

/// Some of the rows as forust takes them: features after one another.
struct Columns {
    values: Vec<f64>,
    labels: Vec<f64>,
    weights: Vec<f64>,
    n_features: usize,
}

impl Columns {
    fn of(rows: &Rows<'_>, of: &[u32]) -> Self {
        let n_features = rows.n_features();
        let mut values = Vec::with_capacity(of.len() * n_features);
        for column in 0..n_features {
            values.extend(of.iter().map(|row| f64::from(rows.row(*row as usize)[column])));
        }
        let label = |row: &u32| f64::from(u8::from(rows.labels()[*row as usize]));
        Self {
            values,
            labels: of.iter().map(label).collect(),
            weights: of.iter().map(|row| rows.weight(*row as usize)).collect(),
            n_features,
        }
    }

    fn matrix(&self) -> Matrix<'_, f64> {
        Matrix::new(&self.values, self.labels.len(), self.n_features)
    }
}

/// Folds that depth and rounds are searched on: more cost time, and change the choice little.
const SEARCH_FOLDS: usize = 3;

impl TreesParams {
    pub(super) fn fit(&self, rows: &Rows<'_>, folds: &Folds, seed: u64) -> Result<FittedTrees> {
        let (depth, rounds) = self.search(rows, folds, seed)?;
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        let columns = Columns::of(rows, &all);
        let mut booster = self.booster(depth, rounds, seed);
        booster.parallel = true;
        booster.fit(&columns.matrix(), &columns.labels, &columns.weights, None).map_err(unfitted)?;
        drop(columns);
        Ok(FittedTrees { model: flat(&booster, rows)?, depth, rounds })
    }

    /// The depth and the number of rounds with the lowest log loss over the folds; the shallower of equals.
    ///
    /// The folds' curves of log loss over rounds are averaged up to where the first of them stopped, and the lowest
    /// point of the mean is taken: one fold's luck decides less than with early stopping on a single part.
    fn search(&self, rows: &Rows<'_>, folds: &Folds, seed: u64) -> Result<(usize, usize)> {
        if let (Some(rounds), [depth]) = (self.rounds, self.depths.as_slice()) {
            return Ok((*depth, rounds));
        }
        let sampled = Folds::sample(rows, self.search_rows, seed);
        let mut splits = folds.splits(|row| sampled[row]);
        splits.truncate(SEARCH_FOLDS);
        let mut depths = self.depths.clone();
        depths.sort_unstable();
        let tasks: Vec<(usize, usize)> =
            depths.iter().flat_map(|depth| (0..splits.len()).map(|split| (*depth, split))).collect();
        let curve = |(depth, split): &(usize, usize)| self.curve(rows, &splits[*split], (*depth, seed));
        let curves = tasks.par_iter().map(curve).collect::<Result<Vec<Vec<f64>>>>()?;
        let mut best = (f64::INFINITY, depths[0], 1);
        for (depth, curves) in depths.iter().zip(curves.chunks(splits.len())) {
            let shortest = curves.iter().map(Vec::len).min().unwrap_or(0);
            for round in 0..shortest {
                let sum: f64 = curves.iter().map(|curve| curve[round]).sum();
                if sum < best.0 {
                    best = (sum, *depth, round + 1);
                }
            }
        }
        Ok((best.1, best.2))
    }

    /// The sum of log losses of the rows inside after each round on the rows outside.
    fn curve(
        &self,
        rows: &Rows<'_>,
        (outside, inside): &(Vec<u32>, Vec<u32>),
        (depth, seed): (usize, u64),
    ) -> Result<Vec<f64>> {
        let (outside, inside) = (Columns::of(rows, outside), Columns::of(rows, inside));
        let weight: f64 = inside.weights.iter().sum();
        let mut booster = self.booster(depth, self.most_rounds, seed);
        booster.early_stopping_rounds = Some(self.patience);
        let judged = vec![(inside.matrix(), inside.labels.as_slice(), inside.weights.as_slice())];
        booster.fit(&outside.matrix(), &outside.labels, &outside.weights, Some(judged)).map_err(unfitted)?;
        Ok(booster
            .evaluation_history
            .map_or_else(Vec::new, |history| history.data.iter().map(|mean| mean * weight).collect()))
    }

    fn booster(&self, depth: usize, rounds: usize, seed: u64) -> GradientBooster {
        let mut booster = GradientBooster::default();
        booster.objective_type = ObjectiveType::LogLoss;
        booster.initialize_base_score = true;
        booster.iterations = rounds;
        booster.learning_rate = self.learning_rate;
        booster.max_depth = depth;
        booster.max_leaves = usize::MAX;
        booster.grow_policy = GrowPolicy::DepthWise;
        booster.l2 = self.l2;
        booster.min_leaf_weight = self.least_leaf_weight;
        booster.allow_missing_splits = false;
        booster.seed = seed;
        // Searches run side by side instead.
        booster.parallel = false;
        booster
    }
}

fn unfitted(error: impl std::fmt::Display) -> Error {
    Error::Unreadable { part: "what boosted trees are learned from".into(), reason: error.to_string() }
}

/// Copies a booster into flat arrays. Its thresholds are doubles: the least single that is not below one parts the
/// same singles.
fn flat(booster: &GradientBooster, rows: &Rows<'_>) -> Result<Trees> {
    let (mut roots, mut nodes) = (Vec::with_capacity(booster.trees.len()), Vec::new());
    for tree in &booster.trees {
        let root = nodes.len() as u32;
        roots.push(root);
        for (at, node) in tree.nodes.iter().enumerate() {
            let own = root + at as u32;
            let place = |child: usize| root + child as u32;
            nodes.push(if node.is_leaf {
                Node { feature: 0, number: node.weight_value, left: own, right: own, cover: 1.0 }
            } else {
                Node {
                    feature: node.split_feature as u32,
                    number: single_from_above(node.split_value),
                    left: place(node.left_child),
                    right: place(node.right_child),
                    cover: 1.0,
                }
            });
        }
    }
    Trees::new(booster.base_score, &roots, nodes, rows)
}

fn single_from_above(threshold: f64) -> f32 {
    let near = threshold as f32;
    let above = if f64::from(near) < threshold { near.next_up() } else { near };
    above.clamp(f32::MIN, f32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::churn::population::Population;

    #[test]
    fn flat_trees_say_what_forust_says_and_no_thread_matters() {
        let population = Population::drawn(3000, 7);
        let rows = population.rows();
        let params = TreesParams::default();
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        let columns = Columns::of(&rows, &all);
        let fitted = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut booster = params.booster(5, 60, 1);
            booster.parallel = true;
            pool.install(|| booster.fit(&columns.matrix(), &columns.labels, &columns.weights, None)).unwrap();
            booster
        };
        let booster = fitted(1);
        let trees = flat(&booster, &rows).unwrap();
        let wanted = booster.predict(&columns.matrix(), false);
        let batch = trees.margins(rows.values(), rows.n_features());
        for (row, wanted) in wanted.iter().enumerate() {
            assert!((trees.margin(rows.row(row)) - wanted).abs() < 1e-6);
            assert_eq!(trees.margin(rows.row(row)), batch[row]);
        }
        let mean = wanted.iter().sum::<f64>() / wanted.len() as f64;
        assert!((trees.average - mean).abs() < 1e-5, "{} {mean}", trees.average);
        assert_eq!(flat(&fitted(3), &rows).unwrap(), trees);
    }

    #[test]
    fn a_single_from_above_parts_the_same_singles() {
        for threshold in [0.1f64, -0.1, 1e-50, -1e-50, 3.0, f64::MAX, 1e300, -1e300, 16_777_217.0] {
            let single = single_from_above(threshold);
            for x in [single.next_down(), single, single.next_up(), 0.0, 0.1, -0.1, 3.0, 1e9, -1e9] {
                if x.is_finite() && x.abs() < f32::MAX {
                    assert_eq!(x < single, f64::from(x) < threshold, "{x} {threshold}");
                }
            }
        }
    }
}
