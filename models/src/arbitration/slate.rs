//! Fills the ranks of a decision.

use super::exploration::Exploration;
use super::factors::Factors;
use super::field::Field;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// What arbitration ranks.
#[derive(Clone, Debug, PartialEq)]
pub struct Contender {
    /// What it is ranked by. One that is not finite ranks below all others.
    pub priority: f64,
    /// Standard deviation of the log odds of its propensity, for [`Exploration::Thompson`]; anything but a finite number
    /// above 0 says that the propensity is exact.
    pub uncertainty: f64,
    /// What the priority is made of. Thompson sampling draws the propensity anew; where that is switched to 1, there is
    /// nothing to draw.
    pub factors: Factors,
    /// Shown before all others, and never left to chance.
    pub mandatory: bool,
    /// False for regulated offers: they are shown only by priority, never by chance.
    pub explore: bool,
    /// Of which at most so many are shown.
    pub group: u32,
    /// Indices of contenders that are not shown together with this one; it is enough that one of the two says so. Indices
    /// beyond the contenders mean nobody.
    pub excludes: Vec<usize>,
}

/// A rank that is filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    /// The index of who is shown.
    pub contender: usize,
    /// The probability, above 0, that the policy put it at this rank given the ranks before.
    pub probability: f64,
}

/// Fills up to `n` ranks, best first; the rules are those of [the module](super).
///
/// At most `max_per_group` of a group are shown, mandatory ones counted; with `Some(0)` nothing is. The list is shorter than
/// `n` when no contender is open any more. The same seed gives the same slate. It never panics: an exploration out of
/// range is cut to its range, without ε or floor for NaN meaning that nothing is explored.
///
/// The cost is a sort of the contenders and a pass over them for each rank; for Thompson sampling, `draws` × those of them
/// that could be the best.
pub fn slate(
    contenders: &[Contender],
    n: usize,
    max_per_group: Option<usize>,
    exploration: &Exploration,
    seed: u64,
) -> Vec<Slot> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut field = Field::new(contenders, max_per_group);
    field.close_to_chance(n, exploration);
    let mut slots = Vec::with_capacity(n.min(contenders.len()));
    while slots.len() < n {
        let chances = exploration.chances(&field, &mut random);
        let Some(slot) = drawn(&chances, &mut random) else { break };
        field.take(slot.contender);
        slots.push(slot);
    }
    slots
}

/// Who may be shown first, and how likely: what off-policy evaluation asks a policy for. The probabilities sum to 1; there
/// are none without contenders. Chance is kept out as for a slate of one.
pub fn chances(contenders: &[Contender], exploration: &Exploration, seed: u64) -> Vec<Slot> {
    let mut field = Field::new(contenders, None);
    field.close_to_chance(1, exploration);
    exploration.chances(&field, &mut Xoshiro256PlusPlus::seed_from_u64(seed))
}

/// One of the slots, by their probabilities; the last where rounding leaves a gap.
fn drawn(chances: &[Slot], random: &mut Xoshiro256PlusPlus) -> Option<Slot> {
    let mut left: f64 = random.random();
    let chosen = chances.iter().find(|slot| {
        left -= slot.probability;
        left < 0.0
    });
    chosen.or(chances.last()).copied()
}
