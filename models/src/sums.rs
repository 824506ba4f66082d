//! Sums per item of a large catalogue, over few of its items or over many.

use crate::ids::{ItemIx, Ix};
use crate::ranking::Scored;
use std::cell::RefCell;

thread_local! {
    /// Those that are not lent, all zero: clearing what was touched is far cheaper than a fresh array.
    static SPARE: RefCell<Vec<Sums>> = const { RefCell::new(Vec::new()) };
}

/// One number per item of a catalogue, most of them 0.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    scores: Vec<f32>,
    is_touched: Vec<bool>,
    touched: Vec<u32>,
    /// Whether it is worth knowing what was added to: where that is much, all sums are looked at instead.
    tracks: bool,
}

/// Looking at one sum costs about as much as this part of knowing that it was added to.
const LOOKS_PER_TRACKED: usize = 16;

/// Sums compared at a time.
const BLOCK: usize = 64;

impl Sums {
    /// Lends sums of this thread, all 0, for a catalogue and about so many additions.
    pub(crate) fn with<R>(n_items: usize, additions: usize, work: impl FnOnce(&mut Self) -> R) -> R {
        let mut sums = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        if sums.scores.len() < n_items {
            sums.scores.resize(n_items, 0.0);
            sums.is_touched.resize(n_items, false);
        }
        sums.tracks = additions < n_items / LOOKS_PER_TRACKED;
        // Who panics half way keeps them.
        let result = work(&mut sums);
        sums.clear();
        SPARE.with_borrow_mut(|spare| spare.push(sums));
        result
    }

    fn clear(&mut self) {
        if !self.tracks {
            return self.scores.fill(0.0);
        }
        for item in self.touched.drain(..) {
            self.scores[item as usize] = 0.0;
            self.is_touched[item as usize] = false;
        }
    }

    /// Adds to the sum of an item of the catalogue.
    pub(crate) fn add(&mut self, item: ItemIx, part: f32) {
        let position = item.position();
        if self.tracks && !self.is_touched[position] {
            self.is_touched[position] = true;
            self.touched.push(item.0);
        }
        self.scores[position] += part;
    }

    /// Adds a list's scores, each times a weight, to the sums of its items.
    pub(crate) fn add_list(&mut self, list: impl Iterator<Item = Scored>, weight: f32) {
        if self.tracks {
            return list.for_each(|entry| self.add(entry.item, weight * entry.score));
        }
        for entry in list {
            self.scores[entry.item.position()] += weight * entry.score;
        }
    }

    /// The sum of an item, 0 beyond the catalogue.
    pub(crate) fn of(&self, item: ItemIx) -> f32 {
        self.scores.get(item.position()).copied().unwrap_or(0.0)
    }

    /// The sums that are not 0, in item order.
    pub(crate) fn all(&self) -> Vec<Scored> {
        let mut found = self.from(f32::NEG_INFINITY);
        found.sort_unstable_by_key(|one| one.item);
        found
    }

    /// The sums that are not 0 and come to at least so much, best first.
    pub(crate) fn at_least(&self, least: f32) -> Vec<Scored> {
        let mut found = self.from(least);
        found.sort_unstable_by(Scored::rank_order);
        found
    }

    fn from(&self, least: f32) -> Vec<Scored> {
        let counts = |one: &Scored| one.score >= least && one.score != 0.0;
        if self.tracks {
            let score = |&item: &u32| Scored { item: ItemIx(item), score: self.scores[item as usize] };
            return self.touched.iter().map(score).filter(counts).collect();
        }
        let mut found = Vec::new();
        for (start, block) in (0..).step_by(BLOCK).zip(self.scores.chunks(BLOCK)) {
            let most = block.iter().fold(f32::NEG_INFINITY, |most, &sum| if sum > most { sum } else { most });
            if most >= least {
                let scored = block.iter().enumerate();
                let scored = scored.map(|(at, &score)| Scored { item: ItemIx::at(start + at), score });
                found.extend(scored.filter(counts));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::panic::catch_unwind;

    #[test]
    fn whoever_panics_leaves_nothing_to_the_next() {
        for additions in [0, 400] {
            let panics = || {
                Sums::with(400, additions, |sums| {
                    sums.add(ItemIx(7), 1.0);
                    panic!("in the middle of it");
                })
            };
            assert!(catch_unwind(panics).is_err());
            Sums::with(400, 0, |sums| assert_eq!(sums.all(), [], "{additions}"));
        }
    }
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_largest_sums_are_those_of_a_plain_addition(
            parts in prop::collection::vec((0u32..400, -3i8..4), 0..200), least in -3i8..4, tracks in any::<bool>(),
        ) {
            let least = f32::from(least);
            let additions = if tracks { 0 } else { parts.len().max(400) };
            let (found, all) = Sums::with(400, additions, |sums| {
                let (single, listed) = parts.split_at(parts.len() / 2);
                single.iter().for_each(|(item, part)| sums.add(ItemIx(*item), f32::from(*part)));
                let list = listed.iter().map(|(item, part)| Scored { item: ItemIx(*item), score: f32::from(*part) / 2.0 });
                sums.add_list(list, 2.0);
                (sums.at_least(least), sums.all())
            });
            let mut plain = BTreeMap::new();
            parts.iter().for_each(|(item, part)| *plain.entry(*item).or_default() += f32::from(*part));
            let mut plain: Vec<Scored> =
                plain.into_iter().map(|(item, score)| Scored { item: ItemIx(item), score }).collect();
            plain.retain(|one| one.score != 0.0);
            prop_assert_eq!(&all, &plain);
            plain.retain(|one| one.score >= least);
            plain.sort_by(Scored::rank_order);
            prop_assert_eq!(found, plain);
            Sums::with(400, 0, |sums| assert_eq!(sums.all(), [], "nothing stays"));
            Sums::with(400, 400, |sums| assert_eq!(sums.all(), [], "nothing stays"));
        }
    }
}
