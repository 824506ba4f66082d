//! Diversity: a list that is not twenty times the same thing.
//!
//! Maximal marginal relevance (Carbonell and Goldstein 1998) picks, place by place, the candidate with the highest
//! `r·relevance − (1 − r)·sameness`: relevance is the score scaled to [0, 1] over the candidates, sameness the
//! highest cosine with an item already picked. On top of it, at most so many items of one group (category, brand).

use crate::error::{Result, require};
use crate::ids::ItemIx;
use crate::kernels;
use crate::ranking::Scored;
use pulp::{Arch, Simd, WithSimd};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::Hash;

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiversityParams {
    /// r: the weight of relevance against sameness; 1 keeps the order of the scores.
    pub relevance: f32,
    /// The most items of one group in a list; `None` for no limit.
    pub max_per_group: Option<usize>,
}

impl Default for DiversityParams {
    fn default() -> Self {
        Self { relevance: 0.8, max_per_group: None }
    }
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidDiversityParams(DiversityParams);

impl DiversityParams {
    /// # Errors
    /// [`crate::Error::OutOfRange`] for a relevance outside [0, 1] or a limit of 0.
    pub fn check(self) -> Result<ValidDiversityParams> {
        let Self { relevance, max_per_group } = self;
        require((0.0..=1.0).contains(&relevance), "relevance", relevance, "between 0 and 1")?;
        require(max_per_group != Some(0), "max_per_group", 0, "at least 1, or absent")?;
        Ok(ValidDiversityParams(self))
    }
}

/// A candidate that has not been picked.
struct Waiting<'v> {
    scored: Scored,
    relevance: f32,
    /// Empty for an item without a direction, which is the same as nothing.
    vector: &'v [f32],
    /// One over the vector's length.
    scale: f32,
    /// The highest cosine with a picked item; 0 where all point away.
    sameness: f32,
}

impl ValidDiversityParams {
    /// Picks up to `n` of the candidates, which come best first; each keeps its score.
    ///
    /// `vector` gives an item's vector, `group` its group; items without one are limited by nothing. Ties go to the
    /// earlier candidate, so the order is determined. The list is shorter than `n` when the limit leaves too few.
    /// The cost is n × candidates × factors.
    pub fn pick<'v, G: Eq + Hash>(
        &self,
        candidates: &[Scored],
        n: usize,
        vector: impl Fn(ItemIx) -> Option<&'v [f32]>,
        group: impl Fn(ItemIx) -> Option<G>,
    ) -> Vec<Scored> {
        let mut waiting = waiting(candidates, vector);
        let mut in_group: HashMap<G, usize> = HashMap::new();
        let mut picked = Vec::with_capacity(n.min(candidates.len()));
        while picked.len() < n && !waiting.is_empty() {
            let value =
                |w: &Waiting<'_>| self.0.relevance * w.relevance - (1.0 - self.0.relevance) * w.sameness;
            let best = (1..waiting.len())
                .fold(0, |best, at| if value(&waiting[at]) > value(&waiting[best]) { at } else { best });
            let chosen = waiting.remove(best);
            if let (Some(limit), Some(group)) = (self.0.max_per_group, group(chosen.scored.item)) {
                let count = in_group.entry(group).or_insert(0);
                if *count >= limit {
                    continue;
                }
                *count += 1;
            }
            Arch::new().dispatch(Compared { waiting: &mut waiting, chosen: &chosen });
            picked.push(chosen.scored);
        }
        picked
    }
}

/// Compares all that wait with one that was picked.
struct Compared<'a, 'v> {
    waiting: &'a mut [Waiting<'v>],
    chosen: &'a Waiting<'v>,
}

impl WithSimd for Compared<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for other in self.waiting {
            let product = kernels::dot_simd(simd, other.vector, self.chosen.vector);
            other.sameness = other.sameness.max(product * other.scale * self.chosen.scale);
        }
    }
}

fn waiting<'v>(candidates: &[Scored], vector: impl Fn(ItemIx) -> Option<&'v [f32]>) -> Vec<Waiting<'v>> {
    let (low, high) = candidates
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), c| (low.min(c.score), high.max(c.score)));
    let span = if high > low { high - low } else { 1.0 };
    let waiting = |scored: Scored| {
        let vector = vector(scored.item).unwrap_or_default();
        let length = kernels::dot(vector, vector).sqrt();
        let (vector, scale) = if length > 0.0 { (vector, length.recip()) } else { (&[][..], 0.0) };
        Waiting { scored, relevance: (scored.score - low) / span, vector, scale, sameness: 0.0 }
    };
    candidates.iter().copied().map(waiting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Items 0 to 3 are all but the same, 4 and 5 are other things.
    const VECTORS: [[f32; 2]; 6] = [[1.0, 0.0], [1.0, 0.1], [2.0, 0.1], [1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]];

    fn candidates() -> Vec<Scored> {
        (0..6).map(|i| Scored { item: ItemIx(i), score: 10.0 - i as f32 }).collect()
    }

    fn pick(params: DiversityParams, n: usize, group: impl Fn(ItemIx) -> Option<u32>) -> Vec<u32> {
        let vector = |item: ItemIx| Some(&VECTORS[item.0 as usize][..]);
        let picked = params.check().unwrap().pick(&candidates(), n, vector, group);
        picked.iter().map(|scored| scored.item.0).collect()
    }

    #[test]
    fn sameness_and_groups_hold_items_back() {
        let plain = DiversityParams { relevance: 1.0, max_per_group: None };
        assert_eq!(pick(plain, 4, |_| None), [0, 1, 2, 3]);
        let mixed = DiversityParams { relevance: 0.5, max_per_group: None };
        assert_eq!(pick(mixed, 3, |_| None), [0, 4, 1], "4 is worth more than a second of the same");
        let capped = DiversityParams { relevance: 1.0, max_per_group: Some(1) };
        assert_eq!(pick(capped, 6, |item| (item.0 < 4).then_some(7)), [0, 4, 5], "items without group pass");
    }

    proptest! {
        #[test]
        fn a_pick_is_a_subset_within_the_limits(relevance in 0f32..=1.0, limit in 1usize..4, n in 0usize..8) {
            let picked = pick(DiversityParams { relevance, max_per_group: Some(limit) }, n, |item| Some(item.0 % 2));
            prop_assert_eq!(picked.len(), n.min(2 * limit).min(6));
            prop_assert!((0..2).all(|group| picked.iter().filter(|&&i| i % 2 == group).count() <= limit));
            prop_assert!(picked.iter().all(|item| picked.iter().filter(|&other| other == item).count() == 1));
        }
    }
}
