use super::super::{BgNbdNumbers, GammaGammaNumbers};
use super::*;
use proptest::prelude::*;

fn orders() -> BgNbd {
    let numbers =
        BgNbdNumbers { r: 0.2425929, alpha: 4.4135323, a: 0.7928860, b: 2.4257524, unit: Unit::Weeks };
    BgNbd::new(numbers).unwrap()
}

/// The same customers, with times in days.
fn orders_in_days() -> BgNbd {
    let weeks = *orders().numbers();
    BgNbd::new(BgNbdNumbers { alpha: 7.0 * weeks.alpha, unit: Unit::Days, ..weeks }).unwrap()
}

fn baskets() -> GammaGamma {
    GammaGamma::new(GammaGammaNumbers { p: 6.25, q: 3.74, v: 15.44 }).unwrap()
}

fn clv(params: ClvParams) -> Clv {
    params.check().unwrap().model(orders(), baskets())
}

fn customer(frequency: u32, recency: f64, age: f64, mean_value: Option<f64>) -> Summary {
    Summary { frequency, recency, age, unit: Unit::Weeks, mean_value }
}

#[test]
fn the_value_is_basket_times_discounted_orders_month_by_month() {
    let summary = customer(10, 38.0, 38.86, Some(40.0));
    let found = clv(ClvParams::default()).value(&summary).unwrap();
    let until = |months: f64| {
        let span = Span::new(months, Unit::Months).to(Unit::Weeks);
        orders().expected_orders(&summary, span).unwrap()
    };
    let month = |k: i32| (until(f64::from(k)) - until(f64::from(k - 1))) / 1.01f64.powi(k);
    let wanted = found.expected_basket * (1..=12).map(month).sum::<f64>();
    assert!((found.clv / wanted - 1.0).abs() < 1e-12, "{found:?} {wanted}");
    assert!((found.expected_orders / until(12.0) - 1.0).abs() < 1e-12);
    assert_eq!(found.basis, Basis::Own);
    let undiscounted =
        clv(ClvParams { monthly_discount: 0.0, ..Default::default() }).value(&summary).unwrap();
    let wanted = found.expected_basket * found.expected_orders;
    assert!((undiscounted.clv / wanted - 1.0).abs() < 1e-12);
}

#[test]
fn customers_whose_baskets_say_nothing_are_valued_by_the_population_s_and_say_so() {
    let model = clv(ClvParams::default());
    for mean_value in [None, Some(0.0), Some(-25.0)] {
        let found = model.value_with_interval(&customer(3, 20.0, 30.0, mean_value)).unwrap();
        assert_eq!((found.basis, found.expected_basket), (Basis::Population, baskets().population_basket()));
        assert!(found.clv > 0.0 && found.interval.unwrap().high > 0.0, "{found:?}");
    }
    assert_eq!(model.value(&customer(0, 0.0, 30.0, None)).unwrap().basis, Basis::Population);
    assert!(model.value(&customer(3, 20.0, 30.0, Some(4e307))).is_err());
}

#[test]
fn the_mean_of_many_futures_is_the_value_and_the_share_of_empty_ones_that_of_customers_who_do_not_come() {
    let model = clv(ClvParams { draws: 200_000, ..Default::default() });
    for summary in [
        customer(10, 38.0, 38.86, Some(40.0)),
        customer(3, 10.0, 30.0, Some(12.0)),
        customer(0, 0.0, 8.0, None),
    ] {
        let futures = model.futures(&summary).unwrap();
        let n = futures.len() as f64;
        let mean = futures.iter().sum::<f64>() / n;
        let spread = (futures.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
        let wanted = model.value(&summary).unwrap().clv;
        assert!((mean - wanted).abs() < 5.0 * spread / n.sqrt(), "{summary:?}: {mean} {wanted}");
        let none = futures.iter().filter(|value| **value == 0.0).count() as f64 / n;
        let year = Span::new(12.0, Unit::Months).to(Unit::Weeks);
        let buys = orders().p_buy(&summary, year).unwrap();
        assert!((none + buys - 1.0).abs() < 5.0 * 0.5 / n.sqrt(), "{summary:?}: {none} {buys}");
    }
}

#[test]
fn an_interval_repeats_with_its_seed_and_a_higher_level_holds_a_lower_one() {
    let summary = customer(10, 38.0, 38.86, Some(40.0));
    let at = |level, seed| clv(ClvParams { level, seed, ..Default::default() }).interval(&summary).unwrap();
    assert_eq!(at(0.8, 1), at(0.8, 1));
    assert_ne!(at(0.8, 1), at(0.8, 2));
    let (narrow, wide) = (at(0.5, 1), at(0.95, 1));
    assert!(wide.low <= narrow.low && narrow.low < narrow.high && narrow.high <= wide.high);
}

#[test]
fn parameters_out_of_range_are_refused_by_name() {
    let sound = ClvParams::default();
    for (name, params) in [
        ("horizon_months", ClvParams { horizon_months: 0, ..sound.clone() }),
        ("monthly_discount", ClvParams { monthly_discount: 12.0, ..sound.clone() }),
        ("monthly_discount", ClvParams { monthly_discount: f64::NAN, ..sound.clone() }),
        ("currency", ClvParams { currency: " ".into(), ..sound.clone() }),
        ("level", ClvParams { level: 1.0, ..sound.clone() }),
        ("draws", ClvParams { draws: 0, ..sound.clone() }),
    ] {
        assert!(params.check().unwrap_err().to_string().starts_with(name), "{name}");
    }
}

proptest! {
    #[test]
    fn a_model_in_weeks_and_one_in_days_give_the_same_value_and_refuse_each_other_s_customers(
        frequency in 0u32..100,
        share in 0.0f64..=1.0,
        age in 0.0f64..500.0,
        basket in 0.01f64..1e6,
    ) {
        let repeats = frequency > 0;
        let weeks =
            customer(frequency, if repeats { share * age } else { 0.0 }, age, repeats.then_some(basket));
        let days = weeks.to(Unit::Days);
        let in_weeks = clv(ClvParams::default());
        let in_days = ClvParams::default().check().unwrap().model(orders_in_days(), baskets());
        let (a, b) = (in_weeks.value(&weeks).unwrap(), in_days.value(&days).unwrap());
        prop_assert!((a.clv - b.clv).abs() <= 1e-9 * a.clv, "{a:?} {b:?}");
        prop_assert!(in_weeks.value(&days).is_err() && in_days.interval(&weeks).is_err());
    }

    #[test]
    fn values_and_intervals_of_any_sound_customer_are_finite_and_not_negative(
        frequency in 0u32..5_000,
        share in 0.0f64..=1.0,
        age in 0.0f64..1e5,
        basket in prop::option::of(-1e15f64..=1e15),
    ) {
        let repeats = frequency > 0;
        let recency = if repeats { share * age } else { 0.0 };
        let summary = customer(frequency, recency, age, basket.filter(|_| repeats));
        let model = clv(ClvParams { draws: 20, ..Default::default() });
        let found = model.value_with_interval(&summary).unwrap();
        let interval = found.interval.unwrap();
        prop_assert!(found.clv.is_finite() && found.clv >= 0.0 && interval.high.is_finite());
        prop_assert!(0.0 <= interval.low && interval.low <= interval.high);
    }
}
