//! Complements: what is bought together, for cross-sell.
//!
//! A pair passes when the log-likelihood ratio says that the two meet in one basket more often than chance (Dunning
//! 1993), and passing pairs are ranked by the confidence P(other | item), smoothed towards the other's own
//! frequency: `(n_both + s·n_other/N) / (n_item + s)`. Raw lift, P(both)/(P(item)·P(other)), is deliberately
//! absent: it rewards pairs of rare items that met by accident.

use crate::cooccurrence::{Groups, PairCount};
use crate::error::{Error, Result, require};
use crate::events::{Event, EventKind};
use crate::ids::{ItemIx, OrderIx};
use crate::item_lists::ItemLists;
use serde::{Deserialize, Serialize};

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ComplementsParams {
    /// The log-likelihood ratio that a pair must reach; 10.83 is p = 0.001 for one pair.
    pub min_llr: f64,
    /// The number of baskets in which a pair must be together.
    pub min_baskets: u32,
    /// Baskets' worth of belief in the other item's own frequency.
    pub smoothing: f32,
    /// How many complements each item keeps.
    pub n: usize,
    /// A basket with more distinct items than this counts by an even sample of them: bounds the work.
    pub max_basket_items: usize,
}

impl Default for ComplementsParams {
    fn default() -> Self {
        Self { min_llr: 10.83, min_baskets: 3, smoothing: 20.0, n: 50, max_basket_items: 200 }
    }
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidComplementsParams(ComplementsParams);

impl ComplementsParams {
    /// # Errors
    /// [`Error::OutOfRange`] for a negative or non-finite threshold or smoothing, no list length, or a cap below two.
    pub fn check(self) -> Result<ValidComplementsParams> {
        let Self { min_llr, smoothing, n, max_basket_items, .. } = self;
        require(min_llr.is_finite() && min_llr >= 0.0, "min_llr", min_llr, "a number of at least 0")?;
        require(smoothing.is_finite() && smoothing >= 0.0, "smoothing", smoothing, "a number of at least 0")?;
        require(n > 0, "n", n, "at least 1")?;
        require(max_basket_items > 1, "max_basket_items", max_basket_items, "at least 2")?;
        Ok(ValidComplementsParams(self))
    }
}

impl ValidComplementsParams {
    /// Finds the complements of every item in the baskets (purchases of one order) of `events`.
    ///
    /// Memory is O(events + threads × items); the work is the sum of the squared basket sizes.
    ///
    /// # Errors
    /// [`Error::Empty`] when there is no purchase.
    pub fn fit(&self, events: &[Event], n_items: usize) -> Result<ItemLists> {
        let mut bought: Vec<(OrderIx, ItemIx)> = events
            .iter()
            .filter(|event| event.kind == EventKind::Purchase && event.quantity > 0.0)
            .map(|event| (event.order, event.item))
            .collect();
        if bought.is_empty() {
            return Err(Error::Empty {
                what: "the list of baskets",
                remedy: "give purchases with their orders",
            });
        }
        bought.sort_unstable();
        bought.dedup();
        let baskets = bought.chunk_by(|a, b| a.0 == b.0).map(|basket| basket.iter().map(|line| line.1));
        let groups = Groups::new(baskets, n_items, self.0.max_basket_items);
        Ok(groups.best_partners(self.0.n, |pair| self.confidence(pair)))
    }

    /// The smoothed confidence of a pair, or nothing when chance explains it.
    fn confidence(&self, pair: PairCount) -> Option<f32> {
        let [both, first, second, groups] = [pair.both, pair.first, pair.second, pair.groups].map(f64::from);
        let expected = first * second / groups;
        let llr = || log_likelihood_ratio(both, first - both, second - both, groups + both - first - second);
        if pair.both < self.0.min_baskets || both <= expected || llr() < self.0.min_llr {
            return None;
        }
        let smoothing = f64::from(self.0.smoothing);
        Some(((both + smoothing * second / groups) / (first + smoothing)) as f32)
    }
}

/// Dunning's G² of a 2×2 table: twice the log of how much likelier the counts are under dependence.
///
/// `k11` both, `k12` only the first, `k21` only the second, `k22` neither.
pub fn log_likelihood_ratio(k11: f64, k12: f64, k21: f64, k22: f64) -> f64 {
    let x_ln_x = |x: f64| if x > 0.0 { x * x.ln() } else { 0.0 };
    let cells: f64 = [k11, k12, k21, k22].map(x_ln_x).iter().sum();
    let margins: f64 = [k11 + k12, k21 + k22, k11 + k21, k12 + k22].map(x_ln_x).iter().sum();
    (2.0 * (cells - margins + x_ln_x(k11 + k12 + k21 + k22))).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_likelihood_ratio_gives_the_published_figures() {
        let fixtures = [
            ((1.0, 0.0, 0.0, 1.0), 2.772589),
            ((10.0, 0.0, 0.0, 10.0), 27.725887),
            ((5.0, 1995.0, 0.0, 100_000.0), 39.330522),
            ((1000.0, 1995.0, 1000.0, 100_000.0), 4730.736813),
            ((1000.0, 1000.0, 1000.0, 99_000.0), 5714.932397),
        ];
        for ((k11, k12, k21, k22), expected) in fixtures {
            let llr = log_likelihood_ratio(k11, k12, k21, k22);
            assert!((llr - expected).abs() < 1e-6, "({k11}, {k12}, {k21}, {k22}): {llr}, not {expected}");
        }
    }

    /// One event per item of each basket.
    fn baskets(baskets: &[&[u32]]) -> Vec<Event> {
        let lines =
            baskets.iter().enumerate().flat_map(|(order, items)| items.iter().map(move |&i| (order, i)));
        lines
            .map(|(order, item)| Event {
                item: ItemIx(item),
                order: OrderIx(order as u32),
                quantity: 1.0,
                ..Event::default()
            })
            .collect()
    }

    #[test]
    fn a_steady_partner_is_ahead_of_a_rare_coincidence_and_chance_is_left_out() {
        // 0 goes with 1; 2 is in every basket; 3 met 0 once, its only time, so its lift is the highest.
        let mut all: Vec<&[u32]> = vec![&[0, 1, 2]; 10];
        all.extend([&[2, 4][..]; 20]);
        all.push(&[0, 3]);
        let params = ComplementsParams { min_baskets: 1, min_llr: 3.0, ..Default::default() };
        let lists = params.check().unwrap().fit(&baskets(&all), 5).unwrap();
        let of_zero: Vec<u32> = lists.of(ItemIx(0)).map(|entry| entry.item.0).collect();
        assert_eq!(of_zero, [1], "2 is with everything, 3 is below the threshold");
        let eager = ComplementsParams { min_llr: 0.0, smoothing: 5.0, ..params };
        let lists = eager.check().unwrap().fit(&baskets(&all), 5).unwrap();
        let of_zero: Vec<u32> = lists.of(ItemIx(0)).map(|entry| entry.item.0).collect();
        assert_eq!(of_zero, [1, 3]);
    }
}
