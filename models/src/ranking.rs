//! From scores to a list. The order is the same everywhere: higher score first, then the lower index.

use crate::ids::{ItemIx, Ix};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// An item and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// Which item.
    pub item: ItemIx,
    /// Its score; finite.
    pub score: f32,
}

impl Scored {
    /// The documented order: higher score first, ties by the lower index.
    pub fn rank_order(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.item.cmp(&other.item))
    }
}

/// Keeps the best `n` of a stream in O(log n) each.
#[derive(Debug)]
pub struct TopN {
    n: usize,
    /// The worst kept is on top.
    kept: BinaryHeap<Worst>,
}

#[derive(Debug)]
struct Worst(Scored);

impl PartialEq for Worst {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Worst {}
impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Worst {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.rank_order(&other.0)
    }
}

impl TopN {
    /// An empty list that will keep the best `n`.
    pub fn new(n: usize) -> Self {
        Self { n, kept: BinaryHeap::with_capacity(n.min(4096) + 1) }
    }

    /// Offers one item; a score that is not finite is passed over.
    pub fn offer(&mut self, candidate: Scored) {
        if !candidate.score.is_finite() || self.n == 0 {
            return;
        }
        if self.kept.len() < self.n {
            self.kept.push(Worst(candidate));
        } else if let Some(mut worst) = self.kept.peek_mut()
            && candidate.rank_order(&worst.0) == Ordering::Less
        {
            *worst = Worst(candidate);
        }
    }

    /// How many are kept so far.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nothing is kept yet.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The score that a candidate must reach to enter, once the list is full.
    pub fn threshold(&self) -> f32 {
        if self.kept.len() < self.n {
            f32::NEG_INFINITY
        } else {
            self.kept.peek().map_or(f32::NEG_INFINITY, |w| w.0.score)
        }
    }

    /// The kept items, best first.
    pub fn into_sorted(self) -> Vec<Scored> {
        self.kept.into_sorted_vec().into_iter().map(|worst| worst.0).collect()
    }
}

/// The best `n` of a score per item, best first, leaving out items for which `skip` holds.
pub fn top_n(scores: &[f32], n: usize, mut skip: impl FnMut(ItemIx) -> bool) -> Vec<Scored> {
    let mut top = TopN::new(n);
    for (position, &score) in scores.iter().enumerate() {
        let item = ItemIx::at(position);
        if score >= top.threshold() && !skip(item) {
            top.offer(Scored { item, score });
        }
    }
    top.into_sorted()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn top_n_equals_a_full_sort(scores in prop::collection::vec(prop_oneof![(-3i8..3).prop_map(f32::from), Just(f32::NAN)], 0..80), n in 0usize..20) {
            let mut sorted: Vec<Scored> = scores.iter().enumerate()
                .map(|(i, &score)| Scored { item: ItemIx::at(i), score })
                .filter(|s| s.score.is_finite() && s.item.0 % 3 != 0)
                .collect();
            sorted.sort_by(Scored::rank_order);
            sorted.truncate(n);
            prop_assert_eq!(top_n(&scores, n, |item| item.0 % 3 == 0), sorted);
        }
    }
}
