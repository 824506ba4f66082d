//! How much is left to chance, and with which exact probability.

use super::field::Field;
use super::slate::Slot;
use super::thompson;
use crate::error::{Result, require};
use rand::rngs::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

/// How contenders other than the best get their turn.
///
/// Whoever is explored at a rank is shown there with a probability of at least `floor`, which bounds the weights of
/// off-policy evaluation by 1 / floor; to hold it, fewer are explored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Exploration {
    /// By priority alone.
    Off,
    /// With probability ε one of the first `ε / floor` contenders by priority, the best among them, each equally likely;
    /// else the best. Of k explored, the best has the probability `1 − ε + ε/k` and each other `ε/k`.
    EpsilonGreedy {
        /// ε.
        #[serde(default = "default_epsilon")]
        epsilon: f64,
        /// The least probability of an explored contender.
        #[serde(default = "default_floor")]
        floor: f64,
    },
    /// Each contender is as likely as it is to be the best (Thompson 1933), since its propensity is not known exactly: its
    /// log odds are drawn from a normal distribution around what was foretold, cut at three deviations.
    ///
    /// `scale` widens or narrows what is drawn from (the reshaped posterior of Chapelle and Li 2011).
    ///
    /// The probabilities are counted over `draws` and the contender is then drawn *by these counts*, so that what is
    /// logged is exact and not an estimate. Contenders that win less often than `floor` pool their shares, and the likeliest
    /// of them, as many as the pool can give the floor, share it equally.
    Thompson {
        /// The least probability of an explored contender.
        #[serde(default = "default_floor")]
        floor: f64,
        /// Over how many draws the probabilities are counted.
        #[serde(default = "default_draws")]
        draws: usize,
        /// What the deviations are multiplied by: 1 for all that is not known, towards 0 for priority alone.
        #[serde(default = "default_scale")]
        scale: f64,
    },
}

/// More draws change nothing and take for ever.
pub(super) const MOST_DRAWS: usize = 65_536;

fn default_epsilon() -> f64 {
    0.05
}

fn default_floor() -> f64 {
    0.01
}

fn default_draws() -> usize {
    256
}

/// In simulated worlds (`proffer simulate`) drawing from all that is not known costs more than it finds out; a quarter earns as
/// much as no exploration where offers are few, and more where they are many.
pub const DEFAULT_SCALE: f64 = 0.25;

fn default_scale() -> f64 {
    DEFAULT_SCALE
}

impl Exploration {
    /// Every contender that may be explored is equally likely.
    pub const EVERYONE_ALIKE: Self = Self::EpsilonGreedy { epsilon: 1.0, floor: 0.0 };

    /// # Errors
    /// [`crate::Error::OutOfRange`] with the parameter, its value and its range. A floor above ε / 2 is refused: nobody but
    /// the best could be explored.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::Off => Ok(()),
            Self::EpsilonGreedy { epsilon, floor } => {
                let range = "above 0 and at most 1";
                require(epsilon > 0.0 && epsilon <= 1.0, "exploration.epsilon", epsilon, range)?;
                let holds = floor >= 0.0 && floor <= epsilon / 2.0;
                require(holds, "exploration.floor", floor, "from 0 to half of exploration.epsilon")
            }
            Self::Thompson { floor, draws, scale } => {
                require((0.0..=0.5).contains(&floor), "exploration.floor", floor, "from 0 to 0.5")?;
                let range = "above 0 and at most 10";
                require(scale > 0.0 && scale <= 10.0, "exploration.scale", scale, range)?;
                let holds = (1..=MOST_DRAWS).contains(&draws);
                require(holds, "exploration.draws", draws, "from 1 to 65536")
            }
        }
    }

    /// Whether nothing is left to priority.
    pub(super) fn is_all_chance(&self) -> bool {
        matches!(*self, Self::EpsilonGreedy { epsilon, .. } if epsilon >= 1.0)
    }

    /// Who may be shown next and how likely; the probabilities sum to 1. Empty when nobody is open.
    pub(super) fn chances(&self, field: &Field<'_>, random: &mut Xoshiro256PlusPlus) -> Vec<Slot> {
        let Some(best) = field.best() else { return Vec::new() };
        if !field.may_be_explored(best) {
            return certain(best);
        }
        match *self {
            Self::Off => certain(best),
            Self::EpsilonGreedy { epsilon, floor } => epsilon_greedy(field, share(epsilon, 0.0), floor),
            Self::Thompson { floor, draws, scale } => {
                let wins = thompson::shares(field, (draws.clamp(1, MOST_DRAWS), scale), random);
                thompson::with_floor(wins, share(floor, 1.0))
            }
        }
    }
}

fn certain(contender: usize) -> Vec<Slot> {
    vec![Slot { contender, probability: 1.0 }]
}

fn epsilon_greedy(field: &Field<'_>, epsilon: f64, floor: f64) -> Vec<Slot> {
    let most = afforded(epsilon, share(floor, 1.0)).max(1);
    let mut slots: Vec<Slot> =
        field.explorable().take(most).map(|contender| Slot { contender, probability: 0.0 }).collect();
    if slots.len() == 1 || epsilon == 0.0 {
        slots.truncate(1);
        slots.iter_mut().for_each(|slot| slot.probability = 1.0);
        return slots;
    }
    let each = epsilon / slots.len() as f64;
    slots.iter_mut().for_each(|slot| slot.probability = each);
    if let Some(best) = slots.first_mut() {
        best.probability += 1.0 - epsilon;
    }
    slots
}

/// How many can have a probability of at least `floor` out of a pool of it. 0.15 / 0.05 is three, although not in binary.
pub(super) fn afforded(pool: f64, floor: f64) -> usize {
    if floor > 0.0 { (pool / floor * (1.0 + 1e-9)) as usize } else { usize::MAX }
}

/// A share in [0, 1], whatever came in.
fn share(number: f64, without: f64) -> f64 {
    if number.is_nan() { without } else { number.clamp(0.0, 1.0) }
}
