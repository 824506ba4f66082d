//! How the views are weighed, by how much is known of a person and by whether owned items may return.

use crate::measures::Repeats;
use serde::{Deserialize, Serialize};

/// Up to so many items a person is known by a few: their profile still counts.
pub const FEW_ITEMS: usize = 10;

/// Up to so many items little more than a glimpse was caught of a person.
pub const GLIMPSE_ITEMS: usize = 2;

/// How much is known of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing but, perhaps, their profile.
    #[default]
    None,
    /// The items of this session.
    Session,
    /// At most [`GLIMPSE_ITEMS`] items of their own.
    Glimpse,
    /// At most [`FEW_ITEMS`] of them.
    Few,
    /// A history.
    History,
}

impl Evidence {
    /// That of someone with so many items of their own.
    pub fn of(n_items: usize) -> Self {
        match n_items {
            0 => Self::None,
            1..=GLIMPSE_ITEMS => Self::Glimpse,
            _ if n_items <= FEW_ITEMS => Self::Few,
            _ => Self::History,
        }
    }
}

/// The weight of every term of the [score](super).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blend {
    /// a: the factorisation.
    pub factors: f32,
    /// b: the spectral filter.
    pub spectral: f32,
    /// c: what the person's items say.
    pub weights: f32,
    /// f: how often they buy it.
    pub often: f32,
    /// g: how lately.
    pub lately: f32,
    /// e: how popular it is.
    pub popular: f32,
    /// h: what follows from this session.
    pub session: f32,
}

/// Number of terms.
pub(super) const TERMS: usize = 7;

/// One number per term.
pub(super) type Terms = [f32; TERMS];

impl Blend {
    /// The weights in the order of the fields.
    pub(super) fn terms(self) -> Terms {
        [self.factors, self.spectral, self.weights, self.often, self.lately, self.popular, self.session]
    }

    pub(super) fn from_terms([factors, spectral, weights, often, lately, popular, session]: Terms) -> Self {
        Self { factors, spectral, weights, often, lately, popular, session }
    }
}

/// One blend for lists that may hold owned items, one for those that may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByRepeats {
    /// Owned items may return.
    pub kept: Blend,
    /// They may not.
    pub removed: Blend,
}

impl ByRepeats {
    /// The same blend for both.
    pub fn both(blend: Blend) -> Self {
        Self { kept: blend, removed: blend }
    }

    /// The blend for a treatment of repeats.
    pub fn of(&self, repeats: Repeats) -> Blend {
        match repeats {
            Repeats::Kept => self.kept,
            Repeats::Removed => self.removed,
        }
    }
}

/// The blends of one taste.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blends {
    /// For people with a history.
    pub history: ByRepeats,
    /// For people with a few items.
    pub few: ByRepeats,
    /// For people with one or two.
    pub glimpse: ByRepeats,
    /// For a session of someone unknown.
    pub session: Blend,
    /// For people of whom nothing but their profile is known.
    pub stranger: Blend,
    /// k: how many items of their own a profile is worth.
    pub profile_items: f32,
}

impl Blends {
    /// The same for everyone.
    pub fn everyone(blends: ByRepeats) -> Self {
        let (session, stranger) = (blends.removed, blends.removed);
        Self { history: blends, few: blends, glimpse: blends, session, stranger, profile_items: 0.0 }
    }

    /// The blend for some evidence and treatment of repeats.
    pub fn of(&self, evidence: Evidence, repeats: Repeats) -> Blend {
        match evidence {
            Evidence::None => self.stranger,
            Evidence::Session => self.session,
            Evidence::Glimpse => self.glimpse.of(repeats),
            Evidence::Few => self.few.of(repeats),
            Evidence::History => self.history.of(repeats),
        }
    }

    /// The share of what someone with so many items did in their vector; the rest is their profile's.
    pub fn own_share(&self, n_items: usize) -> f32 {
        match Evidence::of(n_items) {
            Evidence::None => 0.0,
            Evidence::History => 1.0,
            _ => n_items as f32 / (n_items as f32 + self.profile_items),
        }
    }

    /// Whether every weight is finite, and a profile is not worth less than nothing.
    pub fn is_sound(&self) -> bool {
        self.all().into_iter().flat_map(Blend::terms).all(f32::is_finite)
            && self.profile_items.is_finite()
            && self.profile_items >= 0.0
    }

    /// Whether any of them uses the spectral filter.
    pub fn use_spectral(&self) -> bool {
        self.all().into_iter().any(|blend| blend.spectral != 0.0)
    }

    fn all(&self) -> [Blend; 8] {
        let Self { history, few, glimpse, session, stranger, .. } = *self;
        let [by_history, by_few, by_glimpse] = [history, few, glimpse].map(|by| [by.kept, by.removed]);
        let [[a, b], [c, d], [e, f]] = [by_history, by_few, by_glimpse];
        [a, b, c, d, e, f, session, stranger]
    }
}
