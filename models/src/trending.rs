//! Trending: what sells more than it used to.
//!
//! Compares an item's share of purchases in a recent window with its share in the longer window before it:
//! `trend = (recent + s) / (expected + s)`, where `expected` is what the item would have sold recently had it kept
//! its old share. The smoothing `s`, in purchases, keeps items that sold twice from winning; 1 is no change.

use crate::error::{Error, Result, require};
use crate::events::{Event, EventKind, Timestamp};
use crate::ids::Ix;
use crate::popularity::Popularity;
use serde::{Deserialize, Serialize};

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrendingParams {
    /// Length of the recent window, which ends at the moment of training.
    pub recent_days: f64,
    /// Length of the window before it that says what is usual.
    pub usual_days: f64,
    /// Purchases added to both sides of the comparison.
    pub smoothing: f64,
}

impl Default for TrendingParams {
    fn default() -> Self {
        Self { recent_days: 14.0, usual_days: 90.0, smoothing: 10.0 }
    }
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidTrendingParams(TrendingParams);

impl TrendingParams {
    /// # Errors
    /// [`Error::OutOfRange`] for a number that is not above 0.
    pub fn check(self) -> Result<ValidTrendingParams> {
        let numbers = [
            ("recent_days", self.recent_days),
            ("usual_days", self.usual_days),
            ("smoothing", self.smoothing),
        ];
        for (name, value) in numbers {
            require(value.is_finite() && value > 0.0, name, value, "a number above 0")?;
        }
        Ok(ValidTrendingParams(self))
    }
}

impl ValidTrendingParams {
    /// The trend of every item as of a moment, as scores that are the same for everybody.
    ///
    /// # Errors
    /// [`Error::Empty`] when one of the two windows holds no purchase.
    pub fn fit(&self, events: &[Event], n_items: usize, as_of: Timestamp) -> Result<Popularity> {
        let recent_from = as_of.minus_days(self.0.recent_days);
        let usual_from = recent_from.minus_days(self.0.usual_days);
        let (mut recent, mut usual) = (vec![0f64; n_items], vec![0f64; n_items]);
        for event in events {
            let bought = event.kind == EventKind::Purchase && event.quantity > 0.0;
            if !bought || event.at < usual_from || event.at >= as_of {
                continue;
            }
            let window = if event.at < recent_from { &mut usual } else { &mut recent };
            window[event.item.position()] += 1.0;
        }
        let (recent_total, usual_total): (f64, f64) = (recent.iter().sum(), usual.iter().sum());
        if recent_total == 0.0 || usual_total == 0.0 {
            return Err(Error::Empty {
                what: "a window of the trend",
                remedy: "give purchases in both windows, or lengthen recent_days and usual_days",
            });
        }
        let scale = recent_total / usual_total;
        let trend = |(recent, usual): (&f64, &f64)| {
            ((recent + self.0.smoothing) / (usual * scale + self.0.smoothing)) as f32
        };
        Popularity::from_scores(recent.iter().zip(&usual).map(trend).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ItemIx;

    #[test]
    fn a_riser_is_ahead_of_a_rare_newcomer_and_of_a_steady_seller() {
        let sales = |item, day: i64, times: usize| {
            let at = Timestamp(day * 86_400);
            let event = Event { at, item: ItemIx(item), quantity: 1.0, ..Event::default() };
            std::iter::repeat_n(event, times)
        };
        // Item 0 is steady, 1 rises from 10 to 40, 2 is new and sold twice, 3 fell.
        let before = sales(0, 50, 300).chain(sales(1, 50, 10)).chain(sales(3, 50, 90));
        let after = sales(0, 100, 80).chain(sales(1, 100, 40)).chain(sales(2, 100, 2));
        let events: Vec<Event> = before.chain(after).collect();
        let trend =
            TrendingParams::default().check().unwrap().fit(&events, 4, Timestamp(101 * 86_400)).unwrap();
        let order: Vec<u32> = trend.ranked().iter().map(|scored| scored.item.0).collect();
        assert_eq!(order, [1, 2, 0, 3], "{:?}", trend.ranked());
    }
}
