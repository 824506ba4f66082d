//! Item-to-item weights: the sparse view of taste. The score of an item is the weighted sum over the items that a
//! person has, so every recommendation is explained by the very items it rests on.
//!
//! Three learners share one matrix. With `c_ui` the [`Confidence`] of an observed pair, `d_u` and `d_i` its row and
//! column sums and `d̄` the mean of `d_u`,
//!
//! ```text
//! G = X'X                X_ui = c_ui·(d_u/d̄)^(−γ/2)         co-purchases, large baskets held down
//! F = D^−β·G·D^−ε                                           filter: a linear graph filter, two steps on the graph
//! w_j = argmin Σ_u (X̃_uj − Σ_i X̃_ui·w_ij)² + λ‖w_j‖²         EASE and SLIM: item j from the others, X̃ = X·D^−δ
//! ```
//!
//! - **filter** needs no solving. With β = ε = ½ and γ = 1 it is R̃'R̃ of GF-CF (Shen et al. 2021); as LinkProp (Fu et
//!   al. 2022) shows, other exponents do much better on sparse histories.
//! - **ease** solves for all items at once by one inverse (Steck 2019): for catalogues of a few thousand items.
//! - **slim** solves for each item on its own over the `sources` items that the filter finds closest (Ning and Karypis
//!   2011, the constraint of non-negativity left out): any catalogue, and no dense matrix.
//!
//! λ is `regularisation` times the mean of the diagonal of X̃'X̃, so that it means the same for any data. What a
//! ridge learns is blended with the filter over the same support by `filter_share`: the ridge tells related items
//! apart, the filter remembers weak ties that the ridge has explained away.

mod co_purchases;
mod learn;

use crate::cells::{Cells, row_cells};
use crate::error::{Result, require};
use crate::events::Timestamp;
use crate::ids::{ItemIx, Ix};
use crate::interactions::{Confidence, History, Interactions};
use crate::item_lists::ItemLists;
use crate::ranking::Scored;
use crate::scoring::Scorer;
use serde::{Deserialize, Serialize};

/// How the weights are learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Learner {
    /// `Ease` for a small catalogue, else `Slim`.
    #[default]
    Auto,
    /// The graph filter alone.
    Filter,
    /// One dense inverse.
    Ease,
    /// One small regression per item.
    Slim,
}

/// Up to this catalogue `auto` takes the dense inverse: a few seconds.
const SMALL_CATALOGUE: usize = 4_000;

/// What a user may set; the symbols are those of the [module's](self) equations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ItemWeightsParams {
    /// How the weights are learned.
    pub learner: Learner,
    /// How many items may speak for each item.
    pub sources: usize,
    /// γ: how much a customer with many items is held down.
    pub customer_exponent: f64,
    /// β: how much a popular item that speaks is held down.
    pub source_exponent: f64,
    /// ε: how much a popular item that is spoken for is held down.
    pub target_exponent: f64,
    /// δ: how much a popular item is held down in the regression.
    pub item_exponent: f64,
    /// λ in means of the diagonal.
    pub regularisation: f64,
    /// The weight of the filter beside what the regression learned, both scaled to the same sum; 0 for none.
    pub filter_share: f64,
    /// How purchases, quantity and age make the confidence.
    pub confidence: Confidence,
    /// A customer with more items than this counts by an even sample of them: bounds the work.
    pub max_items_per_customer: usize,
}

impl Default for ItemWeightsParams {
    fn default() -> Self {
        Self {
            learner: Learner::Auto,
            sources: 100,
            customer_exponent: 0.5,
            source_exponent: 0.6,
            target_exponent: 0.3,
            item_exponent: 0.3,
            regularisation: 5.0,
            filter_share: 0.5,
            confidence: Confidence::default(),
            max_items_per_customer: 2000,
        }
    }
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidItemWeightsParams(ItemWeightsParams);

impl ItemWeightsParams {
    /// # Errors
    /// [`crate::Error::OutOfRange`] for a number outside the range in which the method is defined.
    pub fn check(self) -> Result<ValidItemWeightsParams> {
        require((1..=2000).contains(&self.sources), "sources", self.sources, "between 1 and 2000")?;
        let exponents = [
            ("customer_exponent", self.customer_exponent),
            ("source_exponent", self.source_exponent),
            ("target_exponent", self.target_exponent),
            ("item_exponent", self.item_exponent),
        ];
        for (name, value) in exponents {
            require((-1.0..=2.0).contains(&value), name, value, "between -1 and 2")?;
        }
        let ridge = self.regularisation;
        require(ridge.is_finite() && ridge > 0.0, "regularisation", ridge, "a number above 0")?;
        let share = self.filter_share;
        require(share.is_finite() && share >= 0.0, "filter_share", share, "a number of at least 0")?;
        let cap = self.max_items_per_customer;
        require(cap > 1, "max_items_per_customer", cap, "at least 2")?;
        self.confidence.check()?;
        Ok(ValidItemWeightsParams(self))
    }
}

impl ValidItemWeightsParams {
    /// Learns the weights from a history as of a moment; uses all threads of the current pool, and gives the same
    /// result for any number of them.
    ///
    /// # Errors
    /// [`crate::Error::Empty`] when no interaction has any confidence; [`crate::Error::NotPositiveDefinite`] when rounding defeats
    /// the dense inverse.
    pub fn fit(&self, interactions: &Interactions, as_of: Timestamp) -> Result<ItemWeights> {
        let params = &self.0;
        let cells = Cells::new(interactions, &params.confidence, as_of)?;
        let lists =
            learn::learn(params, &cells.thinned(params.max_items_per_customer), interactions.n_items())?;
        ItemWeights::from_parts(lists, params.confidence)
    }
}

/// Learned weights, by the item that speaks.
#[derive(Clone, Debug)]
pub struct ItemWeights {
    lists: ItemLists,
    speakers: ItemLists,
    confidence: Confidence,
}

/// An item that a person has, with its share in the sparse score of every item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spoken {
    /// Which item.
    pub item: ItemIx,
    /// Its confidence over the root of the sum of all: long histories would otherwise drown all other views of taste.
    pub weight: f32,
}

impl ItemWeights {
    /// Takes weights that were learned before, from a release.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] for a confidence that is out of range.
    pub fn from_parts(lists: ItemLists, confidence: Confidence) -> Result<Self> {
        confidence.check()?;
        Ok(Self::new(lists, confidence))
    }

    fn new(lists: ItemLists, confidence: Confidence) -> Self {
        Self { speakers: lists.turned(), lists, confidence }
    }

    /// The same with at most `sources` items speaking for each: those with the largest weights in size, of equals
    /// the lower.
    pub fn pruned(&self, sources: usize) -> Self {
        let n_items = self.lists.n_items();
        let mut rows: Vec<Vec<Scored>> = vec![Vec::new(); n_items];
        for target in (0..n_items).map(ItemIx::at) {
            let mut speakers: Vec<Scored> = self.speakers.of(target).collect();
            speakers.sort_by(|a, b| b.score.abs().total_cmp(&a.score.abs()).then(a.item.cmp(&b.item)));
            for speaker in speakers.into_iter().take(sources) {
                rows[speaker.item.position()].push(Scored { item: target, score: speaker.score });
            }
        }
        rows.iter_mut().for_each(|row| row.sort_by(Scored::rank_order));
        Self::new(ItemLists::from_rows(rows), self.confidence)
    }

    /// For every item those that it speaks for, with their weights.
    pub fn lists(&self) -> &ItemLists {
        &self.lists
    }

    /// For every item those that speak for it, in item order, with their weights.
    pub fn speakers(&self) -> &ItemLists {
        &self.speakers
    }

    /// How purchases, quantity and age make the confidence.
    pub fn confidence(&self) -> &Confidence {
        &self.confidence
    }

    /// What a history says: the sparse query.
    pub fn query(&self, history: History<'_>) -> Vec<Spoken> {
        let cells = row_cells(history.interactions, self.lists.n_items(), &self.confidence, history.as_of);
        let mut query: Vec<Spoken> =
            cells.map(|cell| Spoken { item: ItemIx(cell.column), weight: cell.confidence }).collect();
        let sum: f32 = query.iter().map(|spoken| spoken.weight).sum();
        for spoken in &mut query {
            spoken.weight /= sum.sqrt();
        }
        query
    }

    /// Adds the scores that a query gives to the items it speaks for.
    pub fn add_scores(&self, query: &[Spoken], scores: &mut [f32]) {
        for spoken in query {
            for entry in self.lists.of(spoken.item) {
                scores[entry.item.position()] += spoken.weight * entry.score;
            }
        }
    }
}

impl Scorer for ItemWeights {
    fn name(&self) -> &'static str {
        "item weights"
    }

    fn n_items(&self) -> usize {
        self.lists.n_items()
    }

    fn score(&self, history: History<'_>, scores: &mut [f32]) {
        scores.fill(0.0);
        self.add_scores(&self.query(history), scores);
    }
}
