//! Item-based nearest neighbours on cosine similarity: the baseline that a learned model has to beat.
//!
//! Over binary interactions, with `n_i` the customers of item i and `n_ij` those of both:
//! `similarity(i, j) = n_ij / (√(n_i·n_j) + shrinkage)`; shrinkage holds down pairs seen by chance.
//! An item's score is the sum of its similarities to the items of the history (Sarwar et al. 2001, Deshpande and
//! Karypis 2004).

use crate::cooccurrence::Groups;
use crate::error::{Error, Result, require};
use crate::interactions::{History, Interactions};
use crate::item_lists::ItemLists;
use crate::scoring::Scorer;
use serde::{Deserialize, Serialize};

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ItemKnnParams {
    /// How many neighbours each item keeps.
    pub neighbours: usize,
    /// Added to the denominator of the cosine, in customers.
    pub shrinkage: f32,
    /// A customer with more items than this counts by an even sample of them: bounds the work.
    pub max_items_per_customer: usize,
}

impl Default for ItemKnnParams {
    fn default() -> Self {
        Self { neighbours: 200, shrinkage: 10.0, max_items_per_customer: 2000 }
    }
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidItemKnnParams(ItemKnnParams);

impl ItemKnnParams {
    /// # Errors
    /// [`Error::OutOfRange`] for no neighbours, a cap below two items or a negative or non-finite shrinkage.
    pub fn check(self) -> Result<ValidItemKnnParams> {
        let Self { neighbours, shrinkage, max_items_per_customer } = self;
        require(neighbours > 0, "neighbours", neighbours, "at least 1")?;
        require(shrinkage.is_finite() && shrinkage >= 0.0, "shrinkage", shrinkage, "a number of at least 0")?;
        require(max_items_per_customer > 1, "max_items_per_customer", max_items_per_customer, "at least 2")?;
        Ok(ValidItemKnnParams(self))
    }
}

impl ValidItemKnnParams {
    /// Counts, weighs and prunes; uses all threads of the current pool.
    ///
    /// # Errors
    /// [`Error::Empty`] when no customer has an interaction.
    pub fn fit(&self, interactions: &Interactions) -> Result<ItemKnn> {
        if interactions.cells().is_empty() {
            return Err(Error::Empty {
                what: "the history",
                remedy: "give purchases before the moment of training",
            });
        }
        let ItemKnnParams { neighbours, shrinkage, max_items_per_customer } = self.0;
        let groups = Groups::new(
            interactions.rows().map(|(_, row)| row.iter().map(|interaction| interaction.item)),
            interactions.n_items(),
            max_items_per_customer,
        );
        let lists = groups.best_partners(neighbours, |pair| {
            let norms = (pair.first as f32 * pair.second as f32).sqrt();
            Some(pair.both as f32 / (norms + shrinkage))
        });
        Ok(ItemKnn { lists })
    }
}

/// Each item's nearest neighbours.
#[derive(Clone, Debug)]
pub struct ItemKnn {
    lists: ItemLists,
}

impl ItemKnn {
    /// Takes lists that were fitted before, from a release.
    pub fn from_lists(lists: ItemLists) -> Self {
        Self { lists }
    }

    /// The neighbours of every item with their similarities.
    pub fn lists(&self) -> &ItemLists {
        &self.lists
    }
}

impl Scorer for ItemKnn {
    fn name(&self) -> &'static str {
        "item-kNN"
    }

    fn n_items(&self) -> usize {
        self.lists.n_items()
    }

    fn score(&self, history: History<'_>, scores: &mut [f32]) {
        self.lists.score(history.interactions, scores);
    }
}
