//! Personal frequency: what this customer buys again and again. The baseline that is hard to beat in grocery.
//!
//! The person's own items come first, by times bought with the past fading, ties by popularity; then everything
//! else by popularity. Scores are made so that this order is exact: an own item scores 1 plus the number of own
//! items behind it, the others their popularity scaled below 1.

use crate::error::{Result, require};
use crate::events::Timestamp;
use crate::ids::Ix;
use crate::interactions::{History, Interaction};
use crate::popularity::Popularity;
use crate::scoring::Scorer;
use serde::{Deserialize, Serialize};

/// What a user may set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrequencyParams {
    /// Days since the last purchase at which the number of purchases is worth half; `None` for no decay.
    pub half_life_days: Option<f64>,
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidFrequencyParams(FrequencyParams);

impl FrequencyParams {
    /// # Errors
    /// [`crate::Error::OutOfRange`] for a half-life that is not above 0.
    pub fn check(self) -> Result<ValidFrequencyParams> {
        let half_life = self.half_life_days.unwrap_or(1.0);
        require(half_life.is_finite() && half_life > 0.0, "half_life_days", half_life, "above 0, or absent")?;
        Ok(ValidFrequencyParams(self))
    }
}

impl ValidFrequencyParams {
    /// There is nothing to learn but popularity, which orders what the person never bought.
    pub fn fit(&self, popularity: &Popularity) -> PersonalFrequency {
        let highest = popularity.scores().iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let scaled = popularity.scores().iter().map(|score| 0.999 * (score / highest).max(0.0)).collect();
        PersonalFrequency { params: self.0, popularity: scaled }
    }
}

/// Scores by the person's own history.
#[derive(Clone, Debug)]
pub struct PersonalFrequency {
    params: FrequencyParams,
    /// In [0, 1).
    popularity: Vec<f32>,
}

impl PersonalFrequency {
    /// Times bought, faded by the time since the last purchase.
    fn strength(&self, interaction: &Interaction, as_of: Timestamp) -> f64 {
        let fading = |half_life: f64| (-as_of.days_since(interaction.last).max(0.0) / half_life).exp2();
        f64::from(interaction.times) * self.params.half_life_days.map_or(1.0, fading)
    }
}

impl Scorer for PersonalFrequency {
    fn name(&self) -> &'static str {
        "personal frequency"
    }

    fn n_items(&self) -> usize {
        self.popularity.len()
    }

    fn score(&self, history: History<'_>, scores: &mut [f32]) {
        scores.copy_from_slice(&self.popularity);
        let known = history.interactions.iter().filter(|i| i.item.position() < self.popularity.len());
        let mut own: Vec<(f64, f32, usize)> = known
            .map(|i| (self.strength(i, history.as_of), self.popularity[i.item.position()], i.item.position()))
            .collect();
        own.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(b.2.cmp(&a.2)));
        for (behind, (_, _, item)) in own.into_iter().enumerate() {
            scores[item] = 1.0 + behind as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ItemIx;
    use crate::ranking::top_n;

    #[test]
    fn own_items_come_first_by_times_then_popularity_and_the_rest_by_popularity() {
        let popularity = Popularity::from_scores(vec![5.0, 9.0, 1.0, 2.0, 0.0]).unwrap();
        let bought = |item, times, last_day: i64| Interaction {
            item: ItemIx(item),
            times,
            quantity: times,
            last: Timestamp(last_day * 86_400),
        };
        let history = [bought(0, 2.0, 100), bought(2, 2.0, 100), bought(4, 5.0, 0), bought(9, 1.0, 100)];
        let order = |half_life_days| {
            let model = FrequencyParams { half_life_days }.check().unwrap().fit(&popularity);
            let mut scores = [0.0; 5];
            model.score(History::new(&history, Timestamp(100 * 86_400)), &mut scores);
            top_n(&scores, 5, |_| false).iter().map(|scored| scored.item.0).collect::<Vec<_>>()
        };
        assert_eq!(order(None), [4, 0, 2, 1, 3]);
        assert_eq!(order(Some(50.0)), [0, 2, 4, 1, 3], "five purchases long ago are worth 1.25");
    }
}
