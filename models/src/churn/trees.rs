//! Boosted trees in flat arrays: what is saved, scored and explained.

use super::rows::Rows;
use crate::error::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// `log odds = base + Σ over trees of the value of the leaf that a row falls into`.
///
/// A row goes left where its number is below the threshold. A leaf is its own left and right child: rows walk as many
/// steps as the tree is deep, without asking whether they have arrived, which spares the processor every guess.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "TreeColumns", into = "TreeColumns")]
pub struct Trees {
    pub(super) base: f64,
    pub(super) trees: Vec<Tree>,
    pub(super) nodes: Vec<Node>,
    /// The mean log odds of the rows that the trees were fitted on.
    pub(super) average: f64,
}

/// Where a tree starts, and how many steps lead to its deepest leaf.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tree {
    pub(super) root: u32,
    pub(super) depth: u32,
}

/// A split or a leaf.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Node {
    /// Of a split; 0 in a leaf.
    pub(super) feature: u32,
    /// The threshold of a split, the value of a leaf.
    pub(super) number: f32,
    pub(super) left: u32,
    pub(super) right: u32,
    /// The weight of the fitted rows that came by, relative to the others of its tree.
    pub(super) cover: f32,
}

/// How trees are written: one array per field, a tree's nodes one after the other, parents first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeColumns {
    base: f64,
    roots: Vec<u32>,
    features: Vec<u32>,
    numbers: Vec<f32>,
    lefts: Vec<u32>,
    rights: Vec<u32>,
    covers: Vec<f32>,
}

/// Deeper trees are refused: explaining one takes time in the square of its depth.
const MOST_DEPTH: u32 = 32;
/// Rows that walk a tree together, while it is near the core.
const BLOCK_ROWS: usize = 64;

impl Trees {
    /// Takes nodes that were fitted elsewhere, and covers from the rows that they were fitted on.
    pub(super) fn new(base: f64, roots: &[u32], nodes: Vec<Node>, rows: &Rows<'_>) -> Result<Self> {
        let mut trees = Self { base, trees: Vec::new(), nodes, average: base };
        trees.trees = trees.measured(roots)?;
        let ends = roots.iter().skip(1).copied().chain([trees.nodes.len() as u32]);
        let spans: Vec<(Tree, u32)> = trees.trees.iter().copied().zip(ends).collect();
        let covers: Vec<Vec<f64>> =
            spans.into_par_iter().map(|(tree, end)| trees.covers(tree, end, rows)).collect();
        for (node, cover) in trees.nodes.iter_mut().zip(covers.into_iter().flatten()) {
            node.cover = cover as f32;
        }
        trees.average = trees.expected();
        Ok(trees)
    }

    fn covers(&self, tree: Tree, end: u32, rows: &Rows<'_>) -> Vec<f64> {
        let mut covers = vec![0.0; (end - tree.root) as usize];
        for row in 0..rows.len() {
            let (numbers, weight) = (rows.row(row), rows.weight(row));
            let mut at = tree.root;
            covers[0] += weight;
            while !self.is_leaf(at) {
                at = self.child(at, numbers);
                covers[(at - tree.root) as usize] += weight;
            }
        }
        covers
    }

    /// The depth of each tree, after a check that every node is reached from its root in exactly one way.
    fn measured(&self, roots: &[u32]) -> Result<Vec<Tree>> {
        let wrong = |reason: String| Error::Unreadable { part: "boosted trees".into(), reason };
        let n = self.nodes.len() as u32;
        let mut depths = vec![None; self.nodes.len()];
        let mut trees = Vec::with_capacity(roots.len());
        let starts_right = roots.first().copied().unwrap_or(n) == 0 || n == 0;
        if !starts_right || !roots.is_sorted_by(|a, b| a < b) || roots.last().is_some_and(|last| *last >= n) {
            return Err(wrong("the roots are not the first nodes of the trees".into()));
        }
        for (at, &root) in roots.iter().enumerate() {
            let end = roots.get(at + 1).copied().unwrap_or(n);
            let mut deepest = 0;
            depths[root as usize] = Some(0);
            for node in root..end {
                let Some(depth) = depths[node as usize] else {
                    return Err(wrong(format!("no way leads to node {node}")));
                };
                deepest = deepest.max(depth);
                let Node { left, right, .. } = self.nodes[node as usize];
                if left == node && right == node {
                    continue;
                }
                for child in [left, right] {
                    if child <= node || child >= end || depths[child as usize].is_some() {
                        return Err(wrong(format!("child {child} of node {node} is not its own")));
                    }
                    depths[child as usize] = Some(depth + 1);
                }
            }
            if deepest > MOST_DEPTH {
                return Err(wrong(format!("tree {at} is {deepest} deep, more than {MOST_DEPTH}")));
            }
            trees.push(Tree { root, depth: deepest });
        }
        Ok(trees)
    }

    pub(super) fn is_leaf(&self, at: u32) -> bool {
        self.nodes[at as usize].left == at
    }

    fn child(&self, at: u32, row: &[f32]) -> u32 {
        let node = &self.nodes[at as usize];
        if row[node.feature as usize] < node.number { node.left } else { node.right }
    }

    /// The least number of features that a row must have.
    pub(super) fn n_features(&self) -> usize {
        self.nodes.iter().map(|node| node.feature as usize + 1).max().unwrap_or(0)
    }

    /// How many trees.
    pub fn rounds(&self) -> usize {
        self.trees.len()
    }

    pub(super) fn margin(&self, row: &[f32]) -> f64 {
        self.base + self.trees.iter().map(|tree| self.value(*tree, row)).sum::<f64>()
    }

    fn value(&self, tree: Tree, row: &[f32]) -> f64 {
        let leaf = (0..tree.depth).fold(tree.root, |at, _| self.child(at, row));
        f64::from(self.nodes[leaf as usize].number)
    }

    /// The log odds of rows of `n_features` numbers each: as one by one, but faster.
    pub(super) fn margins(&self, values: &[f32], n_features: usize) -> Vec<f64> {
        let block = |values: &[f32]| {
            let mut margins = vec![0.0; values.len() / n_features];
            for tree in &self.trees {
                for (margin, row) in margins.iter_mut().zip(values.chunks_exact(n_features)) {
                    *margin += self.value(*tree, row);
                }
            }
            margins.into_iter().map(|sum| self.base + sum).collect::<Vec<f64>>()
        };
        values.par_chunks(BLOCK_ROWS * n_features).flat_map_iter(block).collect()
    }

    /// The share of a split's rows that went left and right.
    pub(super) fn shares(&self, node: &Node) -> (f64, f64) {
        let cover = |child: u32| f64::from(self.nodes[child as usize].cover);
        let (left, right) = (cover(node.left), cover(node.right));
        (left / (left + right), right / (left + right))
    }

    /// The mean log odds by cover: children come after their parents, so sums go backwards.
    fn expected(&self) -> f64 {
        let mut values: Vec<f64> = self.nodes.iter().map(|node| f64::from(node.number)).collect();
        for at in (0..self.nodes.len()).rev() {
            let node = &self.nodes[at];
            if node.left as usize != at {
                let (left, right) = self.shares(node);
                values[at] = left * values[node.left as usize] + right * values[node.right as usize];
            }
        }
        self.base + self.trees.iter().map(|tree| values[tree.root as usize]).sum::<f64>()
    }
}

impl TryFrom<TreeColumns> for Trees {
    type Error = Error;

    fn try_from(columns: TreeColumns) -> Result<Self> {
        let n = columns.features.len();
        let lengths =
            [columns.numbers.len(), columns.lefts.len(), columns.rights.len(), columns.covers.len()];
        if lengths.iter().any(|length| *length != n) {
            return Err(Error::Shape {
                what: "boosted trees".into(),
                expected: format!("{n} nodes in every array"),
                found: format!("{lengths:?}"),
            });
        }
        let finite = columns.base.is_finite() && columns.numbers.iter().all(|number| number.is_finite());
        if !finite || columns.covers.iter().any(|cover| !cover.is_finite() || *cover <= 0.0) {
            return Err(Error::NotFinite {
                what: "boosted trees",
                at: "the base, a number, or a cover (which must be above 0)".into(),
            });
        }
        let node = |at: usize| Node {
            feature: columns.features[at],
            number: columns.numbers[at],
            left: columns.lefts[at],
            right: columns.rights[at],
            cover: columns.covers[at],
        };
        let nodes = (0..n).map(node).collect();
        let mut trees = Self { base: columns.base, trees: Vec::new(), nodes, average: 0.0 };
        trees.trees = trees.measured(&columns.roots)?;
        trees.average = trees.expected();
        Ok(trees)
    }
}

impl From<Trees> for TreeColumns {
    fn from(trees: Trees) -> Self {
        let nodes = &trees.nodes;
        Self {
            base: trees.base,
            roots: trees.trees.iter().map(|tree| tree.root).collect(),
            features: nodes.iter().map(|node| node.feature).collect(),
            numbers: nodes.iter().map(|node| node.number).collect(),
            lefts: nodes.iter().map(|node| node.left).collect(),
            rights: nodes.iter().map(|node| node.right).collect(),
            covers: nodes.iter().map(|node| node.cover).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_that_contradict_themselves_are_refused() {
        let good = r#"{"base":0.5,"roots":[0,3],"features":[1,0,0,0],"numbers":[2.0,-1.0,1.0,0.25],
            "lefts":[1,1,2,3],"rights":[2,1,2,3],"covers":[4.0,1.0,3.0,4.0]}"#;
        let trees: Trees = serde_json::from_str(good).unwrap();
        assert_eq!(trees.margin(&[0.0, 1.0]), 0.5 - 1.0 + 0.25);
        assert_eq!(trees.margin(&[0.0, 2.0]), 0.5 + 1.0 + 0.25);
        assert_eq!(trees.average, 0.5 + 0.5 + 0.25);
        let written = serde_json::to_string(&trees).unwrap();
        assert_eq!(serde_json::from_str::<Trees>(&written).unwrap(), trees);
        for (from, to) in [
            ("\"lefts\":[1,", "\"lefts\":[0,"),
            ("\"lefts\":[1,1", "\"lefts\":[1,0"),
            ("\"rights\":[2,", "\"rights\":[3,"),
            ("\"rights\":[2,", "\"rights\":[1,"),
            ("\"rights\":[2,", "\"rights\":[9,"),
            ("\"roots\":[0,3]", "\"roots\":[0,2]"),
            ("\"roots\":[0,3]", "\"roots\":[0,4]"),
            ("\"roots\":[0,3]", "\"roots\":[3]"),
            ("\"roots\":[0,3]", "\"roots\":[]"),
            ("\"covers\":[4.0,", "\"covers\":[0.0,"),
            ("\"covers\":[4.0,", "\"covers\":["),
            ("-1.0", "1e39"),
            ("\"base\"", "\"bias\":1,\"base\""),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(bad, good);
            assert!(serde_json::from_str::<Trees>(&bad).is_err(), "{bad}");
        }
    }
}
