use super::*;
use crate::measures::concordance;
use ndarray::Array2;
use proptest::prelude::*;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

fn fit(features: &Array2<f32>, spells: &[Spell]) -> Result<Fitted> {
    HazardParams::default().check()?.fit(&features.view(), spells)
}

#[test]
fn the_fit_recovers_the_hazards_that_spells_were_drawn_from() {
    // Six months, each with its own level; the first feature matters, the second does not, the third is constant.
    let levels = [-2.0f64, -1.5, -2.5, -1.0, -2.0, -1.5];
    let weight = 0.8;
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    let features = Array2::from_shape_fn((30_000, 3), |(_, column)| match column {
        0 => random.random_range(-3.0..3.0f32),
        1 => random.random_range(0.0..100.0f32),
        _ => 5.0,
    });
    let hazard = |month: usize, x: f32| 1.0 / (1.0 + (-levels[month] - weight * f64::from(x)).exp());
    let mut draw = |x: f32| match (0..6).find(|month| random.random::<f64>() < hazard(*month, x)) {
        Some(month) => Spell { days: 30.0 * (month + 1) as f32, ended: true },
        None => Spell { days: 200.0, ended: false },
    };
    let spells: Vec<Spell> = features.column(0).iter().map(|x| draw(*x)).collect();
    let fitted = fit(&features, &spells).unwrap();
    assert!(fitted.converged && fitted.iterations < 12, "{fitted:?}");
    let model = fitted.model;
    assert_eq!(model.edges_days(), [30.0, 60.0, 90.0, 120.0, 150.0, 180.0]);
    assert_eq!(model.weights()[2], 0.0);
    for x in [-2.0, 0.0, 1.5] {
        let curve = model.curve(&[x, 50.0, 5.0]).unwrap();
        let mut survival = 1.0;
        for month in 0..6 {
            survival *= 1.0 - hazard(month, x);
            let found = curve.at(30.0 * (month + 1) as f32).unwrap();
            assert!((f64::from(found) - survival).abs() < 0.02, "{x} {month}: {found} {survival}");
        }
    }
    let other = model.curve(&[0.0, 100.0, -1e30]).unwrap().at(180.0).unwrap();
    assert!((other - model.curve(&[0.0, 0.0, 5.0]).unwrap().at(180.0).unwrap()).abs() < 0.02);
}

#[test]
fn spells_cut_short_on_any_day_do_not_bias_the_curve() {
    // Half of the customers end within 100 days; each is seen for 0 to 200 days only.
    let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut draw = |_| {
        let end = -100.0 * random.random::<f32>().log2();
        let seen = random.random_range(0.0..200.0f32);
        Spell { days: end.min(seen), ended: end <= seen }
    };
    let spells: Vec<Spell> = (0..20_000).map(&mut draw).collect();
    let fitted = fit(&Array2::zeros((20_000, 0)), &spells).unwrap();
    let curve = fitted.model.curve(&[]).unwrap();
    for days in [10.0f32, 40.0, 80.0, 120.0, 150.0] {
        let found = curve.at(days).unwrap();
        assert!((found - (-days / 100.0).exp2()).abs() < 0.015, "{days}: {found}");
    }
    assert!((curve.median().unwrap() - 100.0).abs() < 4.0, "{:?}", curve.median());
}

#[test]
fn a_curve_is_led_through_a_calibrated_chance_and_says_nothing_beyond_its_end() {
    let spells: Vec<Spell> =
        (0..300u16).map(|i| Spell { days: f32::from(i % 100) + 1.0, ended: !i.is_multiple_of(3) }).collect();
    let curve = fit(&Array2::zeros((300, 0)), &spells).unwrap().model.curve(&[]).unwrap();
    let led = curve.through(40.0, 0.9);
    assert!((led.at(40.0).unwrap() - 0.9).abs() < 1e-6);
    let factor = 0.9f32.ln() / curve.at(40.0).unwrap().ln();
    for days in [1.0, 17.0, 75.0, 99.0] {
        assert!((led.at(days).unwrap() - curve.at(days).unwrap().powf(factor)).abs() < 1e-5);
    }
    let half = led.median().unwrap();
    assert!((led.at(half).unwrap() - 0.5).abs() < 1e-4, "{half}");
    assert_eq!(curve.through(40.0, 0.999).median(), None);
    assert_eq!(curve.at(curve.beyond() * 1.01), None);
    assert_eq!(curve.through(40.0, 1.0).at(90.0), Some(1.0));
    assert!((curve.through(40.0, 0.0).at(40.0).unwrap() - 1e-6).abs() < 1e-9);
    for (days, chance) in [(0.0, 0.5), (-1.0, 0.5), (f32::NAN, 0.5), (40.0, f32::NAN)] {
        assert_eq!(curve.through(days, chance), curve, "{days} {chance}");
    }
    let last = curve.through(1e9, 0.25);
    assert!((last.at(curve.beyond()).unwrap() - 0.25).abs() < 1e-6);
}

#[test]
fn what_cannot_be_fitted_is_refused_by_position_with_a_remedy() {
    let going_on = Spell { days: 5.0, ended: false };
    let ended = Spell { days: 5.0, ended: true };
    let features = Array2::zeros((2, 1));
    let refused = |features: &Array2<f32>, spells: &[Spell]| fit(features, spells).unwrap_err().to_string();
    let none_ended = refused(&features, &[going_on, Spell { days: 0.0, ended: true }]);
    assert!(none_ended.contains("at least one ended"), "{none_ended}");
    let negative = refused(&features, &[ended, Spell { days: -1.0, ended: true }]);
    assert_eq!(negative, "days must be a number of at least 0, but is -1 (spell 1)");
    assert!(refused(&features, &[Spell { days: f32::NAN, ended: true }, ended]).contains("NaN (spell 0)"));
    let mut wild = features.clone();
    wild[(1, 0)] = f32::INFINITY;
    assert!(refused(&wild, &[ended, ended]).ends_with("at spell 1, feature 0"));
    assert!(matches!(fit(&features, &[ended]), Err(Error::Shape { .. })));
    let model = fit(&features, &[ended, ended]).unwrap().model;
    assert!(model.curve(&[f32::NAN]).is_err() && model.risk(&[]).is_err());
    for params in [
        HazardParams { bins: 0, ..Default::default() },
        HazardParams { ridges: vec![], ..Default::default() },
        HazardParams { ridges: vec![1.0, f64::NAN], ..Default::default() },
        HazardParams { max_iterations: 0, ..Default::default() },
    ] {
        assert!(params.check().is_err());
    }
}

#[test]
fn a_stored_model_comes_back_the_same_and_a_broken_one_is_refused() {
    let spells: Vec<Spell> =
        (0..200u8).map(|i| Spell { days: f32::from(i % 37), ended: i % 4 > 0 }).collect();
    let features = Array2::from_shape_fn((200, 2), |(row, column)| ((row * (7 + column)) % 11) as f32);
    let model = fit(&features, &spells).unwrap().model;
    let stored = serde_json::to_string(&model).unwrap();
    assert_eq!(serde_json::from_str::<Hazard>(&stored).unwrap(), model);
    let broken = |change: fn(&mut serde_json::Value)| {
        let mut value = serde_json::to_value(&model).unwrap();
        change(&mut value);
        serde_json::from_value::<Hazard>(value).unwrap_err().to_string()
    };
    assert!(broken(|value| value["edges_days"][0] = 0.0.into()).contains("hazard.edges_days"));
    assert!(broken(|value| value["levels"][0] = 1e300.into()).contains("the levels of a hazard"));
    assert!(broken(|value| value["scales"][0] = (-1.0).into()).contains("hazard.scales"));
    assert!(broken(|value| value["weights"] = serde_json::json!([1.0])).contains("a hazard should have"));
    assert!(broken(|value| value["more"] = 1.into()).contains("unknown field"));
}

#[test]
fn a_fit_that_is_stopped_early_says_so_and_one_on_more_threads_is_the_same() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
    let features = Array2::from_shape_fn((3_000, 4), |_| random.random::<f32>());
    let mut draw = |x: &f32| Spell { days: -(random.random::<f32>().ln()) / (0.1 + x), ended: true };
    let spells: Vec<Spell> = features.column(1).iter().map(&mut draw).collect();
    let early = HazardParams { max_iterations: 1, ..Default::default() };
    assert!(!early.check().unwrap().fit(&features.view(), &spells).unwrap().converged);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&features, &spells)).unwrap()
    };
    let model = on(1).model;
    assert_eq!(on(3).model, model);
    let risk = |row: ndarray::ArrayView1<'_, f32>| model.risk(row.as_slice().unwrap()).unwrap();
    let risks: Vec<f64> = features.rows().into_iter().map(risk).collect();
    assert!(concordance(&risks, &spells).unwrap() > 0.55);
}

/// Days that are ordinary, tied, nearly equal or tiny; features that are ordinary, constant or huge.
fn hostile_rows() -> impl Strategy<Value = Vec<(Spell, [f32; 3])>> {
    let days = prop_oneof![
        0.0..400.0f32,
        (0u8..4).prop_map(f32::from),
        (0u32..5).prop_map(|steps| f32::from_bits(100.0f32.to_bits() + steps)),
        (0u8..5).prop_map(|steps| f32::from(steps) * 1e-6),
        Just(f32::MAX),
    ];
    let feature = prop_oneof![-2.0..2.0f32, Just(f32::MAX), Just(f32::MIN), Just(1e-45f32)];
    let row = (days, any::<bool>(), feature, -1.0..1.0f32)
        .prop_map(|(days, ended, wild, tame)| (Spell { days, ended }, [wild, 3.0, tame]));
    prop::collection::vec(row, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn curves_start_at_1_never_rise_and_stay_in_range(
        rows in hostile_rows(),
        bins in 1usize..15,
        asked in [prop::num::f32::NORMAL, prop::num::f32::NORMAL, prop::num::f32::NORMAL],
        chance in 0.0..=1.0f32,
    ) {
        let (mut spells, features): (Vec<Spell>, Vec<[f32; 3]>) = rows.into_iter().unzip();
        spells[0] = Spell { days: spells[0].days.max(1e-6), ended: true };
        let features = Array2::from(features);
        let params = HazardParams { bins, ridges: vec![1e-3, 10.0], ..Default::default() };
        let model = params.check().unwrap().fit(&features.view(), &spells).unwrap().model;
        for row in [asked, [f32::MAX, 3.0, 1e-30], [0.0; 3]] {
            let curve = model.curve(&row).unwrap();
            let end = curve.beyond();
            for curve in [curve.through(end / 3.0, chance), curve.through(end, 0.0), curve] {
                prop_assert_eq!(curve.at(0.0), Some(1.0));
                let mut days: Vec<f32> = (0..=50u8).map(|part| end * (f32::from(part) / 50.0)).collect();
                days.extend(curve.points().iter().flat_map(|(days, _)| [*days, days.next_down().max(0.0)]));
                days.sort_by(f32::total_cmp);
                let chances: Vec<f32> = days.iter().map(|days| curve.at(*days).unwrap()).collect();
                prop_assert!(chances.iter().all(|chance| (0.0..=1.0).contains(chance)), "{:?}", chances);
                prop_assert!(chances.windows(2).all(|two| two[0] >= two[1]), "{:?}", chances);
                if let Some(median) = curve.median() {
                    prop_assert!((0.0..=end).contains(&median));
                }
            }
        }
    }
}
