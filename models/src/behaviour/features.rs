//! Facts as numbers that models learn from.

use super::facts::{Facts, Rhythm};
use super::themes::Theme;
use crate::attributes::{Feature, Features};
use serde::{Deserialize, Serialize};

/// One number made of facts.
pub struct FactFeature {
    /// As it stands in reports and files.
    pub name: &'static str,
    /// What it is about.
    pub theme: Theme,
    of: fn(&Facts, &Rhythm) -> f64,
}

/// A logarithm that knows zero, and takes what is negative for zero.
fn log(value: f64) -> f64 {
    value.max(0.0).ln_1p()
}

/// How much larger one number is than another, by the logarithm.
fn ratio(value: f64, other: f64) -> f64 {
    ((value.max(0.0) + 1.0) / (other.max(0.0) + 1.0)).ln()
}

/// The numbers, in the order of their columns.
pub const FEATURES: [FactFeature; 28] = {
    const fn feature(name: &'static str, theme: Theme, of: fn(&Facts, &Rhythm) -> f64) -> FactFeature {
        FactFeature { name, theme, of }
    }
    [
        feature("silence", Theme::Silence, |f, _| log(f.silence_days)),
        feature("silence_in_gaps", Theme::Silence, |f, _| ratio(f.silence_days, f.gap_days)),
        feature("gap", Theme::Frequency, |f, _| log(f.gap_days)),
        feature("last_gap", Theme::Frequency, |f, _| {
            f.last_gap_days.map_or(0.0, |gap| ratio(gap, f.gap_days))
        }),
        feature("gap_spread", Theme::Frequency, |f, _| f.gap_spread),
        feature("orders", Theme::Frequency, |f, _| log(f64::from(f.orders))),
        feature("recent_orders", Theme::Frequency, |f, _| log(f64::from(f.recent_orders[0]))),
        feature("lately_orders", Theme::Frequency, |f, _| log(f64::from(f.recent_orders[1]))),
        feature("order_rate", Theme::Frequency, |f, r| {
            ((f64::from(f.order_days) + 1.0) / (f.tenure_days + r.gap_days)).ln()
        }),
        feature("active_share", Theme::Frequency, |f, _| f.active_share),
        feature("tenure", Theme::Tenure, |f, _| log(f.tenure_days)),
        feature("spend", Theme::Spend, |f, _| log(f.net())),
        feature("recent_spend", Theme::Spend, |f, _| log(f.recent_net)),
        feature("basket", Theme::Spend, |f, _| log(f.basket())),
        feature("basket_trend", Theme::Spend, |f, _| ratio(f.last_baskets, f.basket())),
        feature("items_per_order", Theme::Breadth, |f, _| {
            log(f64::from(f.items) / f64::from(f.orders.max(1)))
        }),
        feature("distinct_items", Theme::Breadth, |f, _| log(f64::from(f.distinct[0]))),
        feature("categories", Theme::Breadth, |f, _| log(f64::from(f.distinct[1]))),
        feature("new_share", Theme::Breadth, |f, _| f.new_share),
        feature("return_share", Theme::Returns, |f, _| f.return_share()),
        feature("recent_returns", Theme::Returns, |f, _| log(f64::from(f.recent_returns))),
        feature("discount", Theme::Discounts, |f, _| f.discounts[0]),
        feature("discount_trend", Theme::Discounts, |f, _| f.discounts[1] - f.discounts[0]),
        feature("channels", Theme::Channels, |f, _| f.channels.len() as f64),
        feature("main_channel_share", Theme::Channels, |f, _| {
            f.main_channel().map_or(0.0, |(_, orders)| f64::from(orders) / f64::from(f.orders.max(1)))
        }),
        feature("recent_visits", Theme::Visits, |f, _| log(f64::from(f.recent_visits))),
        feature("quiet", Theme::Visits, |f, _| log(f.quiet_days)),
        feature("complaints", Theme::Complaints, |f, _| log(f64::from(f.recent_complaints))),
    ]
};

/// How many numbers facts make.
pub const N_FEATURES: usize = FEATURES.len();

/// The columns of a model of customers: those of their facts, then those of their declared attributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSet {
    /// The typical rhythm, against which facts are seen.
    pub rhythm: Rhythm,
    /// The declared attributes that tell customers apart.
    pub attributes: Features,
}

impl FeatureSet {
    /// How many columns there are.
    pub fn len(&self) -> usize {
        N_FEATURES + self.attributes.len()
    }

    /// Never: facts always make columns.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The row of one customer; `declared` are the features of their attributes by [`Self::attributes`].
    pub fn row(&self, facts: &Facts, declared: &[Feature]) -> Vec<f32> {
        let mut row = vec![0.0; self.len()];
        for (cell, feature) in row.iter_mut().zip(&FEATURES) {
            // Sums of money may be as large as doubles; their logarithms are not.
            *cell = (feature.of)(facts, &self.rhythm) as f32;
        }
        for &(feature, value) in declared {
            if let Some(cell) = row[N_FEATURES..].get_mut(feature as usize) {
                *cell = value;
            }
        }
        row
    }

    /// What a column is about.
    pub fn theme(&self, column: usize) -> Theme {
        FEATURES.get(column).map_or(Theme::Declared, |feature| feature.theme)
    }

    /// The names of the columns, as they stand in files.
    pub fn names(&self) -> Vec<String> {
        let declared = (0..self.attributes.len()).map(|column| format!("declared_{column}"));
        FEATURES.iter().map(|feature| feature.name.to_owned()).chain(declared).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::{Behaviour, Categories};
    use crate::events::{DAY_SECONDS, Event, EventKind, Timestamp};
    use crate::ids::{CustomerIx, ItemIx, OrderIx};
    use proptest::prelude::*;

    const KINDS: [EventKind; 5] =
        [EventKind::Purchase, EventKind::Basket, EventKind::Click, EventKind::View, EventKind::Complaint];

    fn any_event() -> impl Strategy<Value = Event> {
        (0i64..200 * DAY_SECONDS, 0u32..3, 0u32..9, 0u32..40, -3i32..9, 0usize..9, 0.0f32..1e15).prop_map(
            |(at, customer, item, order, quantity, kind, amount)| Event {
                at: Timestamp(at),
                customer: CustomerIx(customer),
                item: ItemIx(item),
                // An order is of one customer, as the history makes sure.
                order: OrderIx(order * 3 + customer),
                quantity: quantity as f32,
                amount,
                kind: KINDS.get(kind).copied().unwrap_or_default(),
                ..Event::default()
            },
        )
    }

    proptest! {
        #[test]
        fn features_as_of_a_date_do_not_change_when_the_future_is_deleted_and_are_finite(
            mut events in prop::collection::vec(any_event(), 0..60),
            day in 0i64..220,
        ) {
            events.sort_by_key(|event| event.at);
            let as_of = Timestamp(day * DAY_SECONDS);
            let past: Vec<Event> = events.iter().filter(|event| event.at < as_of).copied().collect();
            let categories = Categories(vec![0, 1, 1, 2, 2, 3]);
            let [whole, cut] = [&events, &past].map(|events| Behaviour::from_events(events, 3, &categories));
            let rhythm = Rhythm::learn(&whole, as_of, 30.0).unwrap();
            prop_assert_eq!(rhythm, Rhythm::learn(&cut, as_of, 30.0).unwrap());
            let set = FeatureSet { rhythm, attributes: Features::default() };
            for customer in (0..3).map(CustomerIx) {
                let row = |behaviour: &Behaviour| {
                    set.row(&Facts::of(behaviour.of(customer), as_of, &rhythm), &[])
                };
                prop_assert_eq!(row(&whole), row(&cut));
                prop_assert!(row(&whole).iter().all(|number| number.is_finite()), "{:?}", row(&whole));
            }
        }
    }

    #[test]
    fn facts_are_what_one_would_count() {
        let event = |day: i64, order: u32, item: u32, quantity: f32, amount: f32| Event {
            at: Timestamp(day * DAY_SECONDS + 60),
            item: ItemIx(item),
            order: OrderIx(order),
            quantity,
            amount,
            ..Event::default()
        };
        let events = [
            event(0, 0, 0, 1.0, 10.0),
            event(0, 0, 1, 2.0, 20.0),
            event(10, 1, 0, 1.0, 10.0),
            event(12, 2, 0, -1.0, -10.0),
            event(30, 3, 2, 1.0, 50.0),
        ];
        let behaviour = Behaviour::from_events(&events, 1, &Categories(vec![7, 7, 8]));
        let rhythm = Rhythm { gap_days: 15.0, recent_days: 30.0 };
        let facts = Facts::of(behaviour.of(CustomerIx(0)), Timestamp(40 * DAY_SECONDS + 60), &rhythm);
        assert_eq!((facts.orders, facts.items, facts.distinct), (3, 4, [3, 2]));
        assert_eq!((facts.bought, facts.returned, facts.first_day_bought), (90.0, 10.0, 30.0));
        assert_eq!((facts.tenure_days, facts.silence_days, facts.span_days), (40.0, 10.0, 30.0));
        assert_eq!((facts.gap_days, facts.last_gap_days), ((30.0 + 2.0 * 15.0) / 4.0, Some(20.0)));
        assert_eq!((facts.recent_orders, facts.active_share), ([2, 3], 1.0));
    }
}
