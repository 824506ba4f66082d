//! Sums per item over few items of a large catalogue.

use crate::ids::{ItemIx, Ix};
use crate::ranking::{Scored, TopN};
use std::cell::RefCell;

thread_local! {
    /// All zero between uses: clearing what was touched is far cheaper than a fresh array.
    static SUMS: RefCell<Sums> = RefCell::default();
}

/// One number per item of a catalogue, most of them 0.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    scores: Vec<f32>,
    touched: Vec<u32>,
}

impl Sums {
    /// Lends the thread's sums, all 0, for a catalogue; `work` must not ask for them again.
    pub(crate) fn with<R>(n_items: usize, work: impl FnOnce(&mut Self) -> R) -> R {
        SUMS.with_borrow_mut(|sums| {
            if sums.scores.len() < n_items {
                sums.scores.resize(n_items, 0.0);
            }
            let result = work(sums);
            for item in sums.touched.drain(..) {
                sums.scores[item as usize] = 0.0;
            }
            result
        })
    }

    /// Adds to the sum of an item of the catalogue.
    pub(crate) fn add(&mut self, item: ItemIx, part: f32) {
        let sum = &mut self.scores[item.position()];
        if *sum == 0.0 {
            self.touched.push(item.0);
        }
        *sum += part;
    }

    /// The sum of an item, 0 beyond the catalogue.
    pub(crate) fn of(&self, item: ItemIx) -> f32 {
        self.scores.get(item.position()).copied().unwrap_or(0.0)
    }

    /// What was added to, in item order, each once.
    pub(crate) fn touched(&mut self) -> impl Iterator<Item = Scored> {
        self.touched.sort_unstable();
        self.touched.dedup();
        self.touched.iter().map(|&item| Scored { item: ItemIx(item), score: self.scores[item as usize] })
    }

    /// The items with the largest sums among the wanted, best first.
    pub(crate) fn strongest(&mut self, n: usize, wanted: impl Fn(ItemIx) -> bool) -> Vec<Scored> {
        let mut top = TopN::new(n);
        for candidate in self.touched() {
            if candidate.score >= top.threshold() && wanted(candidate.item) {
                top.offer(candidate);
            }
        }
        top.into_sorted()
    }
}
