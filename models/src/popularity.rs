//! Popularity: what everybody buys, possibly with the past fading. The fallback of every answer and the first baseline.

use crate::error::{Error, Result, require};
use crate::events::{Event, EventKind, Timestamp};
use crate::ids::{ItemIx, Ix};
use crate::interactions::{History, Interactions, KindWeights};
use crate::ranking::{Scored, top_n};
use crate::scoring::Scorer;
use serde::{Deserialize, Serialize};

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Each purchase (line of history) counts 1, each return −1.
    #[default]
    Purchases,
    /// Each customer who bought and kept the item counts once, at the age of the latest purchase.
    Customers,
}

/// What a user may set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PopularityParams {
    /// What is counted.
    pub counted: Counted,
    /// Age in days at which a count is worth half; `None` for no decay.
    pub half_life_days: Option<f64>,
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidPopularityParams(PopularityParams);

impl PopularityParams {
    /// # Errors
    /// [`Error::OutOfRange`] for a half-life that is not above 0.
    pub fn check(self) -> Result<ValidPopularityParams> {
        let half_life = self.half_life_days.unwrap_or(1.0);
        require(half_life.is_finite() && half_life > 0.0, "half_life_days", half_life, "above 0, or absent")?;
        Ok(ValidPopularityParams(self))
    }
}

impl ValidPopularityParams {
    /// Counts the purchases among `events`, seen from `as_of`; events from then on are left out.
    ///
    /// # Errors
    /// [`Error::Empty`] when there is no purchase before `as_of`.
    pub fn fit(&self, events: &[Event], n_items: usize, as_of: Timestamp) -> Result<Popularity> {
        let bought = |event: &&Event| event.kind == EventKind::Purchase && event.at < as_of;
        let mut counts = vec![0f64; n_items];
        match self.0.counted {
            Counted::Purchases => {
                for event in events.iter().filter(bought) {
                    let sign = if event.quantity < 0.0 { -1.0 } else { 1.0 };
                    counts[event.item.position()] += sign * self.decay(event.at, as_of);
                }
            }
            Counted::Customers => {
                let bought: Vec<Event> = events.iter().filter(bought).copied().collect();
                let n_customers = bought.iter().map(|event| event.customer.position() + 1).max().unwrap_or(0);
                let kept = Interactions::from_events(&bought, n_customers, n_items, &KindWeights::default());
                for interaction in kept.cells() {
                    counts[interaction.item.position()] += self.decay(interaction.last, as_of);
                }
            }
        }
        if counts.iter().all(|&count| count <= 0.0) {
            return Err(Error::Empty {
                what: "the history",
                remedy: "give purchases before the moment of training",
            });
        }
        Popularity::from_scores(counts.iter().map(|&count| count.max(0.0) as f32).collect())
    }

    fn decay(&self, at: Timestamp, as_of: Timestamp) -> f64 {
        self.0.half_life_days.map_or(1.0, |half_life| (-as_of.days_since(at) / half_life).exp2())
    }
}

/// A score per item that is the same for everybody.
#[derive(Clone, Debug, PartialEq)]
pub struct Popularity {
    scores: Vec<f32>,
    ranked: Vec<Scored>,
}

impl Popularity {
    /// Takes a score per item, from a fit or from a release.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for a NaN or an infinity.
    pub fn from_scores(scores: Vec<f32>) -> Result<Self> {
        if let Some(at) = scores.iter().position(|score| !score.is_finite()) {
            return Err(Error::NotFinite { what: "popularity", at: format!("item {at}") });
        }
        let ranked = top_n(&scores, scores.len(), |_| false);
        Ok(Self { scores, ranked })
    }

    /// The score of every item, in the order of the indexes.
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// All items, best first.
    pub fn ranked(&self) -> &[Scored] {
        &self.ranked
    }

    /// The score of one item; 0 beyond the catalogue.
    pub fn of(&self, item: ItemIx) -> f32 {
        self.scores.get(item.position()).copied().unwrap_or(0.0)
    }
}

impl Scorer for Popularity {
    fn name(&self) -> &'static str {
        "popularity"
    }

    fn n_items(&self) -> usize {
        self.scores.len()
    }

    fn score(&self, _history: History<'_>, scores: &mut [f32]) {
        scores.copy_from_slice(&self.scores);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CustomerIx;

    fn event(customer: u32, item: u32, day: i64, quantity: f32) -> Event {
        Event {
            at: Timestamp(day * 86_400),
            customer: CustomerIx(customer),
            item: ItemIx(item),
            quantity,
            ..Event::default()
        }
    }

    #[test]
    fn purchases_customers_and_age_are_counted_as_documented() {
        let events = [
            event(0, 0, 0, 1.0),
            event(0, 0, 0, 1.0),
            event(0, 0, 10, 1.0),
            event(0, 1, 10, 1.0),
            event(1, 1, 10, 2.0),
            event(1, 2, 10, 1.0),
            event(1, 2, 10, -1.0),
            event(1, 2, 20, 1.0),
        ];
        let fit = |params: PopularityParams| {
            params.check().unwrap().fit(&events, 3, Timestamp(20 * 86_400)).unwrap().scores
        };
        assert_eq!(fit(PopularityParams::default()), [3.0, 2.0, 0.0], "the last event is not yet known");
        let customers = PopularityParams { counted: Counted::Customers, ..Default::default() };
        assert_eq!(fit(customers), [1.0, 2.0, 0.0]);
        let fading = PopularityParams { half_life_days: Some(10.0), ..Default::default() };
        assert_eq!(fit(fading), [1.0, 1.0, 0.0]);
    }
}
