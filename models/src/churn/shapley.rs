//! Exact Shapley values of trees, path-dependent: TreeSHAP (Lundberg, Erion and Lee 2018, algorithm 2).
//!
//! What a tree expects of a row of which only some features are known: at a split on an unknown feature both ways are
//! taken, each with the share of the fitted rows that went there. A feature's contribution is its Shapley value in
//! that game; with no feature known the expectation is the mean log odds of the fitted rows, with all known the row's
//! own. So the contributions are relative to the average row and sum exactly to the difference.

use super::trees::Trees;

/// One feature on the way from the root, with the weights of all subsets of the others by size.
#[derive(Clone, Copy, Default)]
struct Step {
    feature: u32,
    /// The share of rows that go this way when the feature is not known.
    unknown: f64,
    /// 1 where the row itself goes this way, else 0.
    known: f64,
    /// The weight of the subsets with as many features as this step's place.
    weight: f64,
}

/// Stands for no feature, at the root.
const NONE: u32 = u32::MAX;

struct Walk<'a> {
    trees: &'a Trees,
    row: &'a [f32],
    contributions: &'a mut [f64],
}

impl Trees {
    /// What each feature adds to the average log odds.
    pub(super) fn contributions(&self, row: &[f32]) -> Vec<f64> {
        let mut contributions = vec![0.0; row.len()];
        let deepest = self.trees.iter().map(|tree| tree.depth as usize).max().unwrap_or(0);
        // Every node copies the way to its parent behind it: 2 + 3 + … steps at most.
        let mut steps = vec![Step::default(); (deepest + 2) * (deepest + 3)];
        let mut walk = Walk { trees: self, row, contributions: &mut contributions };
        for tree in &self.trees {
            let first = Step { feature: NONE, unknown: 1.0, known: 1.0, weight: 0.0 };
            walk.visit(tree.root, &mut steps, (0, first));
        }
        contributions
    }
}

impl Walk<'_> {
    /// Visits a node with `length` steps behind it, and one more that led here.
    fn visit(&mut self, at: u32, steps: &mut [Step], (mut length, next): (usize, Step)) {
        extend(steps, length, next);
        length += 1;
        let node = self.trees.nodes[at as usize];
        if self.trees.is_leaf(at) {
            for place in 1..length {
                let step = steps[place];
                let difference = step.known - step.unknown;
                let weight = total_without(&steps[..length], place);
                self.contributions[step.feature as usize] += weight * difference * f64::from(node.number);
            }
            return;
        }
        let (left_share, right_share) = self.trees.shares(&node);
        let goes_left = self.row[node.feature as usize] < node.number;
        let (mut unknown, mut known) = (1.0, 1.0);
        // A feature counts once however often the way splits on it.
        if let Some(place) = (1..length).find(|place| steps[*place].feature == node.feature) {
            (unknown, known) = (steps[place].unknown, steps[place].known);
            remove(&mut steps[..length], place);
            length -= 1;
        }
        for (child, share, taken) in
            [(node.left, left_share, goes_left), (node.right, right_share, !goes_left)]
        {
            let step = Step {
                feature: node.feature,
                unknown: unknown * share,
                known: if taken { known } else { 0.0 },
                weight: 0.0,
            };
            let (way, rest) = steps.split_at_mut(length);
            rest[..length].copy_from_slice(way);
            self.visit(child, rest, (length, step));
        }
    }
}

/// Appends a step to `length` others and spreads it over the subsets.
fn extend(steps: &mut [Step], length: usize, step: Step) {
    steps[length] = Step { weight: if length == 0 { 1.0 } else { 0.0 }, ..step };
    let n = (length + 1) as f64;
    for at in (0..length).rev() {
        let weight = steps[at].weight;
        steps[at + 1].weight += step.known * weight * (at + 1) as f64 / n;
        steps[at].weight = step.unknown * weight * (length - at) as f64 / n;
    }
}

/// Takes a step back out, as if it had never been appended.
fn remove(steps: &mut [Step], place: usize) {
    let last = steps.len() - 1;
    let Step { known, unknown, .. } = steps[place];
    let n = (last + 1) as f64;
    let mut carried = steps[last].weight;
    for at in (0..last).rev() {
        if known != 0.0 {
            let before = steps[at].weight;
            steps[at].weight = carried * n / ((at + 1) as f64 * known);
            carried = before - steps[at].weight * unknown * (last - at) as f64 / n;
        } else {
            steps[at].weight = steps[at].weight * n / (unknown * (last - at) as f64);
        }
    }
    for at in place..last {
        let Step { feature, unknown, known, .. } = steps[at + 1];
        steps[at] = Step { feature, unknown, known, weight: steps[at].weight };
    }
}

/// The sum of the weights that [`remove`] would leave.
fn total_without(steps: &[Step], place: usize) -> f64 {
    let last = steps.len() - 1;
    let Step { known, unknown, .. } = steps[place];
    let n = (last + 1) as f64;
    let mut carried = steps[last].weight;
    let mut total = 0.0;
    for at in (0..last).rev() {
        if known != 0.0 {
            let weight = carried * n / ((at + 1) as f64 * known);
            total += weight;
            carried = steps[at].weight - weight * unknown * (last - at) as f64 / n;
        } else {
            total += steps[at].weight * n / (unknown * (last - at) as f64);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use crate::churn::population::Population;
    use crate::churn::trees::Trees;
    use crate::churn::{ChurnParams, Compete, TreesParams};

    /// What the trees expect when only the features of a set are known: the definition, both ways at once.
    fn expectation(trees: &Trees, row: &[f32], known: u32, at: u32) -> f64 {
        let node = trees.nodes[at as usize];
        if trees.is_leaf(at) {
            return f64::from(node.number);
        }
        if known >> node.feature & 1 == 1 {
            let goes_left = row[node.feature as usize] < node.number;
            return expectation(trees, row, known, if goes_left { node.left } else { node.right });
        }
        let (left, right) = trees.shares(&node);
        left * expectation(trees, row, known, node.left) + right * expectation(trees, row, known, node.right)
    }

    #[test]
    fn contributions_are_the_shapley_values_of_their_definition() {
        let population = Population::drawn(1500, 3);
        let rows = population.rows();
        let n = rows.n_features();
        let params = ChurnParams {
            compete: Compete::Trees,
            trees: TreesParams { depths: vec![4], most_rounds: 15, ..Default::default() },
            ..Default::default()
        };
        let fitted = params.check().unwrap().fit(&rows, &rows).unwrap();
        let trees = fitted.churn.trees().unwrap();
        let factorial = |k: u32| (1..=u64::from(k)).product::<u64>() as f64;
        for row in [rows.row(0), rows.row(77), rows.row(1400)] {
            let value = |known: u32| -> f64 {
                trees.trees.iter().map(|tree| expectation(trees, row, known, tree.root)).sum()
            };
            let found = trees.contributions(row);
            for (feature, found) in found.iter().enumerate() {
                let without = (0..1u32 << n).filter(|set| set >> feature & 1 == 0);
                let wanted: f64 = without
                    .map(|set| {
                        let size = set.count_ones();
                        let weight = factorial(size) * factorial(n as u32 - size - 1) / factorial(n as u32);
                        weight * (value(set | 1 << feature) - value(set))
                    })
                    .sum();
                assert!((found - wanted).abs() < 1e-9, "feature {feature}: {found} {wanted}");
            }
        }
    }
}
