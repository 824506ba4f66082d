//! The rows of G = X'X, the strongest partners of each.

use super::ItemWeightsParams;
use crate::cells::Cells;
use crate::ids::{ItemIx, Ix};
use crate::ranking::{Scored, TopN};
use rayon::prelude::*;

/// How many partners of an item are kept for each source that it may have: the regressions look pairs up in these.
const KEPT_PER_SOURCE: usize = 4;

/// Weighted co-purchases of every item.
pub(super) struct CoPurchases {
    /// d_i, at least 1.
    pub(super) degrees: Vec<f64>,
    /// G_ii.
    pub(super) diagonal: Vec<f32>,
    starts: Vec<usize>,
    partners: Vec<Partner>,
}

/// An item bought by the same customers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Partner {
    pub(super) item: u32,
    /// G of the pair.
    pub(super) weight: f32,
}

/// The confidences both ways round, and what a pair of one customer's items weighs: all that G is made of.
pub(super) struct Weighed {
    by_customer: Cells,
    by_item: Cells,
    /// (d_u/d̄)^−γ.
    customers: Vec<f32>,
}

impl Weighed {
    pub(super) fn new(params: &ItemWeightsParams, cells: &Cells, n_items: usize) -> Self {
        let sums = cells.row_sums();
        let mean = sums.iter().sum::<f64>() / cells.n_active_rows().max(1) as f64;
        let weight =
            |sum: &f64| if *sum > 0.0 { (sum / mean).powf(-params.customer_exponent) as f32 } else { 0.0 };
        Self {
            customers: sums.iter().map(weight).collect(),
            by_item: cells.transposed(n_items),
            by_customer: cells.clone(),
        }
    }

    /// Adds row `item` of G to `sums`, and notes in `touched` which of them were zero before.
    pub(super) fn add_row(&self, item: usize, sums: &mut [f32], touched: &mut Vec<u32>) {
        for cell in self.by_item.row(item) {
            let weight = cell.confidence * self.customers[cell.column as usize];
            for other in self.by_customer.row(cell.column as usize) {
                let sum = &mut sums[other.column as usize];
                if *sum == 0.0 {
                    touched.push(other.column);
                }
                *sum += weight * other.confidence;
            }
        }
    }
}

impl CoPurchases {
    /// Counts row after row; memory is that of what is kept, however many pairs there are.
    pub(super) fn new(params: &ItemWeightsParams, weighed: &Weighed) -> Self {
        let degrees = weighed.by_item.degrees();
        let n_items = degrees.len();
        // An item is in as many histories as its degree says, so leaving it out of the filter costs about
        // d_i·F_ij² in the scores: its root orders the partners.
        let speaks: Vec<f32> = degrees.iter().map(|d| d.powf(0.5 - params.source_exponent) as f32).collect();
        let rows: Vec<(f32, Vec<Partner>)> = (0..n_items)
            .into_par_iter()
            .map_init(
                || (vec![0f32; n_items], Vec::new()),
                |(sums, touched), item| {
                    weighed.add_row(item, sums, touched);
                    let diagonal = std::mem::take(&mut sums[item]);
                    let mut best = TopN::new(params.sources * KEPT_PER_SOURCE);
                    for partner in touched.drain(..) {
                        let weight = std::mem::take(&mut sums[partner as usize]);
                        let score = weight * speaks[partner as usize];
                        if score > best.threshold() && partner as usize != item {
                            best.offer(Scored { item: ItemIx(partner), score });
                        }
                    }
                    let partner = |kept: Scored| Partner {
                        item: kept.item.0,
                        weight: kept.score / speaks[kept.item.position()],
                    };
                    (diagonal, best.into_sorted().into_iter().map(partner).collect())
                },
            )
            .collect();
        let mut all = Self { degrees, diagonal: Vec::new(), starts: vec![0], partners: Vec::new() };
        for (diagonal, row) in rows {
            all.diagonal.push(diagonal);
            all.partners.extend(row);
            all.starts.push(all.partners.len());
        }
        all
    }

    /// The partners of one item, those that may speak for it first.
    pub(super) fn of(&self, item: usize) -> &[Partner] {
        &self.partners[self.starts[item]..self.starts[item + 1]]
    }
}
