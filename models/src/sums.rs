//! Sums per item over few items of a large catalogue.

use crate::ids::{ItemIx, Ix};
use crate::ranking::Scored;
use std::cell::RefCell;

thread_local! {
    /// All zero between uses: clearing what was touched is far cheaper than a fresh array.
    static SUMS: RefCell<Sums> = RefCell::default();
}

/// One number per item of a catalogue, most of them 0.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    scores: Vec<f32>,
    is_touched: Vec<bool>,
    touched: Vec<u32>,
}

impl Sums {
    /// Lends the thread's sums, all 0, for a catalogue; `work` must not ask for them again.
    pub(crate) fn with<R>(n_items: usize, work: impl FnOnce(&mut Self) -> R) -> R {
        SUMS.with_borrow_mut(|sums| {
            if sums.scores.len() < n_items {
                sums.scores.resize(n_items, 0.0);
                sums.is_touched.resize(n_items, false);
            }
            let result = work(sums);
            for item in sums.touched.drain(..) {
                sums.scores[item as usize] = 0.0;
                sums.is_touched[item as usize] = false;
            }
            result
        })
    }

    /// Adds to the sum of an item of the catalogue.
    pub(crate) fn add(&mut self, item: ItemIx, part: f32) {
        let position = item.position();
        if !self.is_touched[position] {
            self.is_touched[position] = true;
            self.touched.push(item.0);
        }
        self.scores[position] += part;
    }

    /// The sum of an item, 0 beyond the catalogue.
    pub(crate) fn of(&self, item: ItemIx) -> f32 {
        self.scores.get(item.position()).copied().unwrap_or(0.0)
    }

    /// What was added to, in item order, each once.
    pub(crate) fn touched(&mut self) -> impl Iterator<Item = Scored> {
        self.touched.sort_unstable();
        self.touched.iter().map(|&item| Scored { item: ItemIx(item), score: self.scores[item as usize] })
    }

    /// What was added to and came to at least so much, best first.
    pub(crate) fn at_least(&self, least: f32) -> Vec<Scored> {
        let score = |&item: &u32| Scored { item: ItemIx(item), score: self.scores[item as usize] };
        let mut found: Vec<Scored> =
            self.touched.iter().map(score).filter(|one| one.score >= least).collect();
        found.sort_unstable_by(Scored::rank_order);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_largest_sums_are_those_of_a_plain_addition(
            parts in prop::collection::vec((0u32..40, -3i8..4), 0..200), least in -3i8..4,
        ) {
            let least = f32::from(least);
            let found = Sums::with(40, |sums| {
                parts.iter().for_each(|(item, part)| sums.add(ItemIx(*item), f32::from(*part)));
                sums.at_least(least)
            });
            let mut plain = BTreeMap::new();
            parts.iter().for_each(|(item, part)| *plain.entry(*item).or_default() += f32::from(*part));
            let mut plain: Vec<Scored> =
                plain.into_iter().map(|(item, score)| Scored { item: ItemIx(item), score }).collect();
            plain.retain(|one| one.score >= least);
            plain.sort_by(Scored::rank_order);
            prop_assert_eq!(found, plain);
            Sums::with(40, |sums| assert_eq!(sums.touched().count(), 0, "nothing stays"));
        }
    }
}
