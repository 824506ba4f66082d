//! Taste: every view of what a person may want, blended into one exact score.
//!
//! ```text
//! score(item) = a·x·y + b·l·v + e·popular        one dot product: the dense views and what is popular lately
//!             + c·Σ_j q_j·w_ji                   the sparse view: what the person's items say
//!             + f·often + g·lately               habits, for items that the person has
//!             + h·follow                         what follows from the items of this session
//! ```
//!
//! The first line is an inner product of `[x | l | 1]`, scaled by the blend, with the item's vector `[y | v | popular]`,
//! so any vector index finds its best items; the second line touches only items that the person's items speak for,
//! the others only items that they have or that followed in like
//! sessions. [`Ranker::rank`] joins them and gives each candidate that can reach the list its exact score.
//!
//! What to trust depends on how much is known, so there is a [`Blend`] for strangers, for a session of someone unknown,
//! for people with one or two items, with a few and with a history; and, since what a household buys again says little of
//! what it would try, for answers that may hold owned items and those that may not. [`blend`] learns them from what was
//! held back.
//!
//! A person's vector moves from where their profile puts them to their own history as evidence grows:
//! `x = share·fold-in + (1 − share)·prior`, with `share = n / (n + k)` for n items, and 1 beyond [`FEW_ITEMS`].

mod beyond;
pub mod blend;
mod blends;
mod explain;
mod lessons;
mod rank;

pub use blends::{Blend, Blends, ByRepeats, Evidence, FEW_ITEMS, GLIMPSE_ITEMS};
pub use explain::Explanation;
pub use rank::Ranker;

use crate::attributes::Prior;
use crate::error::{Error, Result};
use crate::ials::Ials;
use crate::ids::{ItemIx, Ix};
use crate::interactions::History;
use crate::item_weights::{ItemWeights, Spoken};
use crate::kernels;
use crate::measures::Repeats;
use crate::popularity::Popularity;
use crate::ranking::Scored;
use crate::repeat::{Habit, Repeat};
use crate::sessions::Sessions;
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
    /// What follows what within a session.
    pub sessions: Sessions,
    /// Where people stand before they did anything.
    pub prior: Prior,
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
    /// What follows what within a session.
    pub sessions: Sessions,
    /// Where people stand before they did anything.
    pub prior: Prior,
}

/// One person, seen by every view; the same for any blend.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Person {
    /// How much is known of them.
    pub evidence: Evidence,
    /// Their vector in the factorisation: what they did, and what their profile adds.
    pub factors: Vec<f32>,
    /// The part of what they did in it.
    pub own_share: f32,
    /// What their profile adds to it; empty where it adds nothing.
    pub profile: Vec<f32>,
    /// Their vector in the spectral filter; empty without one.
    pub spectral: Vec<f32>,
    /// What they have, as the query of the item weights.
    pub spoken: Vec<Spoken>,
    /// What they buy again.
    pub habits: Vec<Habit>,
    /// What follows from their session, in item order; empty outside one.
    pub session: Vec<Scored>,
}

impl Person {
    /// The same person in a session from which some items follow.
    pub fn in_session(self, follows: Vec<Scored>) -> Self {
        Self { session: follows, ..self }
    }

    /// Of whom nothing is known but this session: what they have is what they look at.
    pub fn unknown(self) -> Self {
        Self { evidence: Evidence::Session, habits: Vec::new(), ..self }
    }
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
            ("sessions", views.sessions.n_items()),
            ("recent popularity", popular.len()),
        ];
        if let Some((what, found)) = sizes.into_iter().find(|(_, found)| *found != n_items) {
            return Err(Error::Shape {
                what: what.into(),
                expected: format!("{n_items} items"),
                found: found.to_string(),
            });
        }
        if !blends.is_sound() {
            return Err(Error::NotFinite { what: "the blend", at: "its weights".into() });
        }
        if let Some(at) = popular.iter().position(|share| !share.is_finite()) {
            return Err(Error::NotFinite { what: "recent popularity", at: format!("item {at}") });
        }
        if views.prior.dimensions() != views.ials.n_factors() {
            return Err(Error::Shape {
                what: "the prior of people".into(),
                expected: format!("{} factors", views.ials.n_factors()),
                found: views.prior.dimensions().to_string(),
            });
        }
        let Views { ials, spectral, weights, repeat, sessions, prior } = views;
        Ok(Self { ials, spectral, weights, repeat, sessions, prior, popular, blends })
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
        let n_items = history.interactions.len();
        let own_share = self.blends.own_share(n_items);
        let (mut factors, mut profile) = (self.ials.fold_in(history), Vec::new());
        if own_share < 1.0 {
            profile = self.prior.of(history.profile);
            profile.iter_mut().for_each(|x| *x *= 1.0 - own_share);
            factors.iter_mut().zip(&profile).for_each(|(own, profile)| *own = own_share * *own + profile);
        }
        Person {
            evidence: Evidence::of(n_items),
            factors,
            own_share,
            profile,
            spectral: self.spectral.as_ref().map(|spectral| spectral.fold_in(history)).unwrap_or_default(),
            spoken: self.weights.query(history),
            habits: self.repeat.habits(history),
            session: Vec::new(),
        }
    }

    /// The vector with which an index is asked: `[a·x | b·l | e]`.
    pub fn query_vector(&self, person: &Person, repeats: Repeats) -> Vec<f32> {
        let blend = self.blends.of(person.evidence, repeats);
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
