//! Taste: every view of what a person may want, blended into one exact score.
//!
//! ```text
//! score(item) = a·x·y + b·l·v + e·popular        one dot product: the dense views and what is popular lately
//!             + c·Σ_j q_j·w_ji                   the sparse view: what the person's items say
//!             + f·often + g·lately               habits, for items that the person has
//! ```
//!
//! The first line is an inner product of `[x | l | 1]`, scaled by the blend, with the item's vector `[y | v | popular]`,
//! so any vector index finds its best items; the second line touches only items that the person's items speak for,
//! the third only items they have. [`Ranker::rank`] joins the three and gives each candidate its exact score. An item that
//! is not among the best of the index and is not spoken for cannot reach the list.
//!
//! There is one [`Blend`] for answers that may hold owned items and one for answers that may not: what a household
//! buys again says little of what it would try. [`blend`] learns both from baskets that were held back.

pub mod blend;
mod explain;
mod rank;

pub use blend::{Blend, Blends};
pub use explain::Explanation;
pub use rank::Ranker;

use crate::error::{Error, Result};
use crate::ials::Ials;
use crate::ids::{ItemIx, Ix};
use crate::interactions::History;
use crate::item_weights::{ItemWeights, Spoken};
use crate::kernels;
use crate::measures::Repeats;
use crate::popularity::Popularity;
use crate::repeat::{Habit, Repeat};
use crate::spectral::Spectral;

/// All views of taste of one training, and how they are blended.
#[derive(Clone, Debug)]
pub struct Taste {
    /// The factorisation.
    pub ials: Ials,
    /// The spectral filter, where it adds to the factorisation.
    pub spectral: Option<Spectral>,
    /// What each item says of others.
    pub weights: ItemWeights,
    /// Habits.
    pub repeat: Repeat,
    /// How popular each item is lately, in `0..=1`.
    popular: Vec<f32>,
    /// How the views are weighed.
    pub blends: Blends,
}

/// The views of taste before they are blended.
#[derive(Clone, Debug)]
pub struct Views {
    /// The factorisation.
    pub ials: Ials,
    /// The spectral filter, if any.
    pub spectral: Option<Spectral>,
    /// What each item says of others.
    pub weights: ItemWeights,
    /// Habits.
    pub repeat: Repeat,
}

/// One person, seen by every view; the same for any blend.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Person {
    /// Their vector in the factorisation.
    pub factors: Vec<f32>,
    /// Their vector in the spectral filter; empty without one.
    pub spectral: Vec<f32>,
    /// What they have, as the query of the item weights.
    pub spoken: Vec<Spoken>,
    /// What they buy again.
    pub habits: Vec<Habit>,
}

impl Taste {
    /// Joins views with a list of what is popular lately.
    ///
    /// # Errors
    /// [`Error::Shape`] when they are not over the same catalogue.
    pub fn new(views: Views, popularity: &Popularity, blends: Blends) -> Result<Self> {
        let highest = popularity.scores().iter().copied().fold(f32::MIN_POSITIVE, f32::max).ln_1p();
        let popular = popularity.scores().iter().map(|score| score.max(0.0).ln_1p() / highest).collect();
        Self::from_parts(views, popular, blends)
    }

    /// Takes parts that were made before, from a release; `popular` is in `0..=1`.
    ///
    /// # Errors
    /// [`Error::Shape`] when they are not over the same catalogue; [`Error::NotFinite`] for a NaN or an infinity.
    pub fn from_parts(views: Views, popular: Vec<f32>, blends: Blends) -> Result<Self> {
        let n_items = views.ials.item_factors().nrows();
        let sizes = [
            ("spectral vectors", views.spectral.as_ref().map_or(n_items, |s| s.vectors().nrows())),
            ("item weights", views.weights.lists().n_items()),
            ("recent popularity", popular.len()),
        ];
        if let Some((what, found)) = sizes.into_iter().find(|(_, found)| *found != n_items) {
            return Err(Error::Shape {
                what: what.into(),
                expected: format!("{n_items} items"),
                found: found.to_string(),
            });
        }
        if !blends.is_finite() {
            return Err(Error::NotFinite { what: "the blend", at: "its weights".into() });
        }
        if let Some(at) = popular.iter().position(|share| !share.is_finite()) {
            return Err(Error::NotFinite { what: "recent popularity", at: format!("item {at}") });
        }
        let Views { ials, spectral, weights, repeat } = views;
        Ok(Self { ials, spectral, weights, repeat, popular, blends })
    }

    /// The size of the catalogue.
    pub fn n_items(&self) -> usize {
        self.popular.len()
    }

    /// How popular each item is lately, in `0..=1`.
    pub fn popular(&self) -> &[f32] {
        &self.popular
    }

    /// The length of the vectors that an index holds.
    pub fn dimensions(&self) -> usize {
        self.ials.n_factors() + self.n_spectral() + 1
    }

    fn n_spectral(&self) -> usize {
        self.spectral.as_ref().map_or(0, Spectral::n_factors)
    }

    /// The vector under which an index holds an item: `[y | v | popular]`; `None` beyond the catalogue.
    pub fn item_vector(&self, item: ItemIx) -> Option<Vec<f32>> {
        let mut vector = self.ials.item_vector(item)?.to_vec();
        if let Some(spectral) = &self.spectral {
            vector.extend(spectral.item_vector(item)?);
        }
        vector.push(*self.popular.get(item.position())?);
        Some(vector)
    }

    /// A person as every view sees them.
    pub fn person(&self, history: History<'_>) -> Person {
        Person {
            factors: self.ials.fold_in(history),
            spectral: self.spectral.as_ref().map(|spectral| spectral.fold_in(history)).unwrap_or_default(),
            spoken: self.weights.query(history),
            habits: self.repeat.habits(history),
        }
    }

    /// The vector with which an index is asked: `[a·x | b·l | e]`.
    pub fn query_vector(&self, person: &Person, repeats: Repeats) -> Vec<f32> {
        let blend = self.blends.of(repeats);
        let factors = person.factors.iter().map(|x| blend.factors * x);
        let spectral = person.spectral.iter().map(|l| blend.spectral * l);
        factors.chain(spectral).chain([blend.popular]).collect()
    }

    /// The dense part of an item's score: what an index would say.
    fn dense_score(&self, query: &[f32], item: ItemIx) -> f32 {
        let at = item.position();
        let (d, k) = (self.ials.n_factors(), self.n_spectral());
        let row = |matrix: &ndarray::Array2<f32>, query: &[f32]| {
            matrix.row(at).as_slice().map_or(0.0, |row| kernels::dot(row, query))
        };
        let factors = row(self.ials.item_factors(), &query[..d]);
        let spectral = self.spectral.as_ref().map_or(0.0, |s| row(s.vectors(), &query[d..d + k]));
        factors + spectral + query[d + k] * self.popular[at]
    }
}
