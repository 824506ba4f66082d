//! Repeat: what this person buys again. In groceries and banking it says more than any view of taste (Hu et al. 2020,
//! TIFU-kNN; Li et al. 2023, "A next basket recommendation reality check").
//!
//! Two terms for each item that a person has, both in `0..=1`:
//!
//! ```text
//! often  = ln(1 + times) / ln(1 + times of the person's most frequent item)
//! lately = often · 2^(−days between their last purchase of it and their last purchase of anything / half-life)
//! ```
//!
//! Age is counted from the person's own last purchase: who has been away for long still has the same habits.

use crate::error::{Result, require};
use crate::events::Timestamp;
use crate::ids::ItemIx;
use crate::interactions::History;
use serde::{Deserialize, Serialize};

/// The terms' one constant: training finds it in the history.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// Days after which a habit that was not followed counts half.
    half_life_days: f32,
}

/// What one owned item adds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Habit {
    /// Which item.
    pub item: ItemIx,
    /// How often they buy it, beside what they buy most.
    pub often: f32,
    /// The same, faded by the time since.
    pub lately: f32,
}

impl Repeat {
    /// # Errors
    /// [`crate::Error::OutOfRange`] for a half-life that is not above 0.
    pub fn new(half_life_days: f32) -> Result<Self> {
        let holds = half_life_days.is_finite() && half_life_days > 0.0;
        require(holds, "half_life_days", half_life_days, "a number above 0")?;
        Ok(Self { half_life_days })
    }

    /// Days after which a habit that was not followed counts half.
    pub fn half_life_days(&self) -> f32 {
        self.half_life_days
    }

    /// The habits of a person, in item order.
    pub fn habits(&self, history: History<'_>) -> Vec<Habit> {
        let most = history.interactions.iter().map(|i| i.times).fold(0f32, f32::max).ln_1p();
        let last = history.interactions.iter().map(|i| i.last).max().unwrap_or(Timestamp(0));
        let habit = |interaction: &crate::interactions::Interaction| {
            let often = if most > 0.0 { interaction.times.max(0.0).ln_1p() / most } else { 0.0 };
            let age = last.days_since(interaction.last) as f32;
            Habit { item: interaction.item, often, lately: often * (-age / self.half_life_days).exp2() }
        };
        history.interactions.iter().map(habit).collect()
    }
}
