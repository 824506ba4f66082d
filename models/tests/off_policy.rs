//! Off-policy estimates: published figures on a real log, and a small world whose truth is known.
#![allow(clippy::unwrap_used, reason = "a test may stop anywhere")]

use models::off_policy::{
    Estimates, Estimator, Foretold, Log, Refusal, RewardModel, RewardModelParams, Row, Shown, Verdict,
};
use proptest::prelude::*;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

const N_ITEMS: u32 = 80;

const RANDOM_LOG: &[u8] = include_bytes!("data/open_bandit_random_all.csv.zst");
const THOMPSON_LOG: &[u8] = include_bytes!("data/open_bandit_bts_all.csv.zst");

/// Columns item_id, position, click, propensity_score.
fn open_bandit(file: &[u8]) -> Vec<Shown> {
    let text = String::from_utf8(zstd::decode_all(file).unwrap()).unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        Shown {
            action: fields[0].parse().unwrap(),
            reward: fields[2].parse().unwrap(),
            logged: fields[3].parse().unwrap(),
        }
    };
    text.lines().skip(1).map(row).collect()
}

fn log_of(model: &RewardModel<'_>, n: usize, policy: &[(u32, f64)]) -> Log {
    Log::new((0..n).map(|row| model.row(row, policy).unwrap()).collect()).unwrap()
}

/// A policy that shows some items with one probability each, at every position.
fn evaluated(file: &[u8], wanted: impl Fn(u32) -> bool) -> Estimates {
    let shown = open_bandit(file);
    let items: Vec<u32> = (0..N_ITEMS).filter(|item| wanted(*item)).collect();
    let policy: Vec<(u32, f64)> = items.iter().map(|item| (*item, 1.0 / items.len() as f64)).collect();
    let model = RewardModelParams::default().check().unwrap().fit(&shown).unwrap();
    log_of(&model, shown.len(), &policy).estimates(None).unwrap()
}

fn assert_digits(estimates: &Estimates, wanted: &[(Estimator, f64, f64)], tolerance: f64) {
    for (estimator, value, standard_error) in wanted {
        let found = estimates.by_estimator[estimator];
        assert!((found.value - value).abs() < tolerance, "{}: {found:?}", estimator.code());
        assert!((found.standard_error - standard_error).abs() < 1e-12, "{}: {found:?}", estimator.code());
    }
}

/// The standard errors are those of numpy: the spread of the influence function over √n.
#[test]
fn the_random_log_of_open_bandit_says_what_even_items_would_earn() {
    let estimates = evaluated(RANDOM_LOG, |item| item % 2 == 0);
    let wanted = [
        (Estimator::InversePropensity, 0.003_400_000_0, 0.000_823_961_098_104_2),
        (Estimator::SelfNormalised, 0.003_373_015_9, 0.000_816_736_492_935_6),
        (Estimator::Direct, 0.004_370_926_5, 0.0),
        (Estimator::DoublyRobust, 0.003_364_408_8, 0.000_820_952_185_881_3),
        (Estimator::SelfNormalisedDoublyRobust, 0.003_372_397_0, 0.000_814_376_444_006_3),
    ];
    assert_digits(&estimates, &wanted, 5e-11);
    assert_eq!((estimates.rows, estimates.groups, estimates.by_estimator.len()), (10_000, 10_000, 5));
    assert!((estimates.weights.effective_rows - 5040.0).abs() < 1e-6, "{:?}", estimates.weights);
    assert!((estimates.weights.mean - 1.008).abs() < 1e-12 && estimates.weights.maximum == 2.0);
    assert!((estimates.logging_policy.value - 0.0038).abs() < 1e-12);
    assert_eq!(estimates.verdict, Verdict::Accepted);
}

#[test]
fn the_thompson_log_of_open_bandit_says_what_chance_would_earn() {
    let estimates = evaluated(THOMPSON_LOG, |_| true);
    let wanted = [
        (Estimator::InversePropensity, 0.002_359_639_517, 0.000_871_022_072_353_9),
        (Estimator::SelfNormalised, 0.002_333_713_893, 0.000_869_011_031_227_7),
        // As `obp` 0.4.1 computes them.
        (Estimator::Direct, 0.004_780_391_287_993_8, 0.0),
        (Estimator::DoublyRobust, 0.002_296_121_353_903_9, 0.000_923_827_774_777_6),
        (Estimator::SelfNormalisedDoublyRobust, 0.002_323_416_305_942_7, 0.000_879_927_361_809_2),
    ];
    assert_digits(&estimates, &wanted, 5e-13);
    assert!((estimates.weights.effective_rows - 340.3783).abs() < 5e-5, "{:?}", estimates.weights);
    assert!((estimates.weights.maximum - 277.777_777_777_777_8).abs() < 1e-9);
    assert_eq!(estimates.verdict, Verdict::Accepted);
}

#[test]
fn clipping_is_stated_and_refused_where_it_takes_away_too_much() {
    let shown = open_bandit(THOMPSON_LOG);
    let row =
        |shown: &Shown| Row { reward: shown.reward, logged: shown.logged, new: 1.0 / 80.0, foretold: None };
    let log = Log::new(shown.iter().map(row).collect()).unwrap();
    let estimates = log.estimates(Some(20.0)).unwrap();
    let clipping = estimates.weights.clipping.unwrap();
    assert_eq!(estimates.by_estimator.len(), 2, "no reward model has spoken");
    assert!((clipping.mean_before - 1.011_109_169_7).abs() < 1e-9);
    assert!(clipping.rows > 10 && estimates.weights.maximum == 20.0, "{clipping:?}");
    assert!(
        matches!(estimates.verdict.refusals(), [Refusal::ClippedWeight { .. }]),
        "{:?}",
        estimates.verdict
    );
    assert!(estimates.verdict.to_string().contains("raise the limit"));
    let mild = log.estimates(Some(200.0)).unwrap();
    assert_eq!(mild.verdict, Verdict::Accepted);
    assert!(log.estimates(Some(0.5)).is_err() && log.estimates(Some(f64::NAN)).is_err());
}

/// Three kinds of customers, four actions. Everybody is shown `per_customer` things; someone eager responds more to all.
struct World {
    random: Xoshiro256PlusPlus,
    per_customer: usize,
    /// How much the eagerness of customers differs; the truth is the same.
    eagerness: f64,
}

const LOGGING: [[f64; 4]; 3] = [[0.4, 0.3, 0.2, 0.1], [0.25, 0.25, 0.25, 0.25], [0.1, 0.1, 0.3, 0.5]];
const NEW: [[f64; 4]; 3] = [[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1], [0.2, 0.3, 0.3, 0.2]];
const RESPONSE: [[f64; 4]; 3] = [[0.1, 0.2, 0.3, 0.4], [0.5, 0.2, 0.1, 0.3], [0.15, 0.35, 0.25, 0.05]];
const KINDS: [f64; 3] = [0.5, 0.3, 0.2];

fn truth() -> f64 {
    let of_kind = |kind: usize| (0..4).map(|action| NEW[kind][action] * RESPONSE[kind][action]).sum::<f64>();
    (0..3).map(|kind| KINDS[kind] * of_kind(kind)).sum()
}

/// What is wrong about what an estimator is told.
#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    Nothing,
    RewardModel,
    Probabilities,
    Both,
}

impl World {
    fn new(seed: u64, per_customer: usize, eagerness: f64) -> Self {
        Self { random: Xoshiro256PlusPlus::seed_from_u64(seed), per_customer, eagerness }
    }

    fn draw(&mut self, shares: &[f64]) -> usize {
        let mut left = self.random.random::<f64>();
        shares
            .iter()
            .position(|share| {
                left -= share;
                left < 0.0
            })
            .unwrap_or(shares.len() - 1)
    }

    /// The rows and whose they are.
    fn rows(&mut self, customers: usize, wrong: Wrong) -> (Vec<Row>, Vec<String>) {
        let (mut rows, mut whose) = (Vec::new(), Vec::new());
        for customer in 0..customers {
            let kind = self.draw(&KINDS);
            let eager =
                if self.random.random::<bool>() { 1.0 + self.eagerness } else { 1.0 - self.eagerness };
            for _ in 0..self.per_customer {
                let action = self.draw(&LOGGING[kind]);
                let responds = self.random.random::<f64>() < RESPONSE[kind][action] * eager;
                let model_is_wrong = matches!(wrong, Wrong::RewardModel | Wrong::Both);
                let model = if model_is_wrong { [0.4, 0.1, 0.1, 0.1] } else { RESPONSE[kind] };
                let logged_is_wrong = matches!(wrong, Wrong::Probabilities | Wrong::Both);
                rows.push(Row {
                    reward: f64::from(u8::from(responds)),
                    logged: if logged_is_wrong { 0.25 } else { LOGGING[kind][action] },
                    new: NEW[kind][action],
                    foretold: Some(Foretold {
                        shown: model[action],
                        new: (0..4).map(|action| NEW[kind][action] * model[action]).sum(),
                    }),
                });
                whose.push(format!("customer {customer}"));
            }
        }
        (rows, whose)
    }
}

const ALL: [Estimator; 5] = [
    Estimator::InversePropensity,
    Estimator::SelfNormalised,
    Estimator::Direct,
    Estimator::DoublyRobust,
    Estimator::SelfNormalisedDoublyRobust,
];

#[test]
fn intervals_cover_the_truth_19_times_of_20() {
    let worlds = 1000;
    let mut covered = [0; 5];
    for seed in 0..worlds {
        let (rows, _) = World::new(seed, 1, 0.0).rows(2000, Wrong::Nothing);
        let estimates = Log::new(rows).unwrap().estimates(None).unwrap();
        assert_eq!(estimates.verdict, Verdict::Accepted);
        for (covered, estimator) in covered.iter_mut().zip(ALL) {
            let found = estimates.by_estimator[&estimator];
            *covered += u32::from(found.low <= truth() && truth() <= found.high);
        }
    }
    // Three standard errors of a share of .95 in 1,000 are .02.
    assert!(covered.iter().all(|covered| (930..=970).contains(covered)), "{covered:?} of {worlds}");
}

#[test]
fn intervals_need_the_groups_where_rows_of_a_customer_are_alike() {
    let worlds = 500;
    let (mut with_groups, mut without) = (0, 0);
    let covers = |log: &Log| {
        let found = log.estimates(None).unwrap().by_estimator[&Estimator::SelfNormalised];
        u32::from(found.low <= truth() && truth() <= found.high)
    };
    for seed in 0..worlds {
        let (rows, whose) = World::new(seed, 20, 0.9).rows(150, Wrong::Nothing);
        let log = Log::new(rows).unwrap();
        without += covers(&log);
        let log = log.grouped_by(whose).unwrap();
        assert_eq!(log.n_groups(), 150);
        with_groups += covers(&log);
    }
    assert!((460..=490).contains(&with_groups), "{with_groups} of {worlds} with groups");
    assert!(without < 400, "{without} of {worlds} without: the test's customers are not alike enough");
}

#[test]
fn doubly_robust_is_right_when_either_half_is_right_and_only_then() {
    let bias = |wrong: Wrong| {
        let (rows, _) = World::new(7, 1, 0.0).rows(200_000, wrong);
        let estimates = Log::new(rows).unwrap().estimates(None).unwrap();
        // In standard errors of the estimate; that of the direct method is too small by itself.
        ALL.map(|estimator| {
            let found = estimates.by_estimator[&estimator];
            ((found.value - truth()) / found.standard_error.max(0.000_5)).abs()
        })
    };
    let right = 3.5;
    let far = 10.0;
    let [ips, snips, direct, robust, normalised] = bias(Wrong::RewardModel);
    assert!(direct > far && [ips, snips, robust, normalised].iter().all(|bias| *bias < right));
    let [ips, snips, direct, robust, normalised] = bias(Wrong::Probabilities);
    assert!([ips, snips].iter().all(|bias| *bias > far), "{ips} {snips}");
    assert!([direct, robust, normalised].iter().all(|bias| *bias < right));
    let [_, _, direct, robust, _] = bias(Wrong::Both);
    assert!(direct > far && robust > far, "{direct} {robust}");
    assert!(bias(Wrong::Nothing).iter().all(|bias| *bias < right));
}

#[test]
fn a_verdict_is_refused_in_words() {
    let row = |reward: f64, logged, new| Row { reward, logged, new, foretold: None };
    let words = |rows: Vec<Row>| Log::new(rows).unwrap().estimates(None).unwrap().verdict.to_string();
    // 99 rows of the policy's own log.
    let few = words((0..99).map(|i| row(f64::from(i % 2), 0.5, 0.5)).collect());
    assert!(few.starts_with("refused: the effective sample size is 99.0 rows, below 100"), "{few}");
    assert_eq!(words((0..100).map(|i| row(f64::from(i % 2), 0.5, 0.5)).collect()).find("refused"), None);
    let off = words((0..1000).map(|i| row(f64::from(i % 2), 0.5, 0.4)).collect());
    assert!(off.starts_with("refused: the mean weight is 0.800, outside 0.9 to 1.1"), "{off}");
    let log = Log::new((0..1000).map(|i| row(f64::from(i % 2), 0.5, 0.5)).collect()).unwrap();
    let verdict = log.grouped_by((0..1000).map(|i| i % 20)).unwrap().estimates(None).unwrap().verdict;
    assert!(
        matches!(verdict.refusals(), [Refusal::FewEffectiveGroups { found }] if (found - 20.0).abs() < 1e-9)
    );
}

#[test]
fn a_log_that_cannot_be_is_refused_with_row_and_remedy() {
    let good = Row { reward: 1.0, logged: 0.5, new: 0.5, foretold: None };
    let foretold = Some(Foretold { shown: 0.1, new: 0.1 });
    let message = |bad: Row| Log::new(vec![good, bad]).unwrap_err().to_string();
    let logged = message(Row { logged: 0.0, ..good });
    assert!(logged.contains("but is 0 in row 1") && logged.contains("must be left out"), "{logged}");
    assert!(message(Row { logged: f64::NAN, ..good }).contains("NaN in row 1"));
    assert!(message(Row { new: 1.1, ..good }).contains("1.1 in row 1"));
    assert!(message(Row { reward: f64::INFINITY, ..good }).contains("row 1: inf"));
    assert!(message(Row { logged: 1e-300, ..good }).contains("raise the floor"));
    assert!(message(Row { foretold, ..good }).contains("predictions for all rows or for none"));
    assert!(Log::new(vec![]).unwrap_err().to_string().contains("empty"));
    let estimates = |rows: Vec<Row>| Log::new(rows).unwrap().estimates(None).unwrap_err().to_string();
    assert!(estimates(vec![good]).contains("at least 2"));
    assert!(estimates(vec![Row { new: 0.0, ..good }; 3]).contains("in common"));
    assert!(
        estimates(vec![Row { reward: 1e308, ..good }, Row { reward: -1e308, ..good }]).contains("too large")
    );
    assert!(Log::new(vec![good; 2]).unwrap().grouped_by([1]).is_err());
}

#[test]
fn a_cross_fitted_model_has_not_seen_the_customer_it_foretells() {
    let mut shown: Vec<Shown> =
        (0..600).map(|i| Shown { action: i % 3, reward: f64::from(i % 5), logged: 0.5 }).collect();
    let customers: Vec<u32> = (0..600).map(|i| i / 4).collect();
    let params = RewardModelParams { prior_reward: 3.0, prior_rows: 10.0 }.check().unwrap();
    let expected = |shown: &[Shown], row: usize| {
        let model = params.cross_fit(shown, &customers, 5, 1).unwrap();
        (0..4).map(|action| model.expected(row, action)).collect::<Vec<f64>>()
    };
    let before = [expected(&shown, 0), expected(&shown, 599)];
    shown[3].reward = 1e6;
    assert_eq!(expected(&shown, 0), before[0], "row 3 is of the customer of row 0");
    assert_ne!(expected(&shown, 599), before[1]);
    assert_eq!(before[0][3], 0.3, "an action that nobody was shown has the prior's rate");
    let plain = params.fit(&shown[4..604.min(shown.len())]).unwrap();
    assert!(plain.row(0, &[(0, 0.5), (1, 0.4)]).unwrap_err().to_string().contains("but is 0.9 in row 0"));
    assert!(plain.row(0, &[(0, 1.5), (1, -0.5)]).is_err() && plain.row(596, &[(0, 1.0)]).is_err());
    assert!(params.cross_fit(&shown, &customers, 1, 1).is_err());
    assert!(params.cross_fit(&shown, &customers[1..], 5, 1).is_err());
    assert!(RewardModelParams { prior_rows: 0.0, ..Default::default() }.check().is_err());
}

proptest! {
    #[test]
    fn estimates_are_numbers_and_scale_with_the_unit_of_rewards(
        rows in prop::collection::vec((-1e3..1e3f64, 1e-6..=1.0f64, 0.0..=1.0f64, -1e3..1e3f64), 2..40),
        unit in 0.1..10.0f64,
        groups in 2..9usize,
    ) {
        let log = |unit: f64| {
            let row = |&(reward, logged, new, foretold): &(f64, f64, f64, f64)| Row {
                reward: reward * unit, logged, new,
                foretold: Some(Foretold { shown: foretold * unit, new: foretold * unit * 0.5 }),
            };
            Log::new(rows.iter().map(row).collect()).unwrap().grouped_by((0..rows.len()).map(|i| i % groups)).unwrap()
        };
        // Without anything in common there is an error, which is no number either.
        prop_assume!(rows.iter().any(|row| row.2 > 0.0));
        let (plain, scaled) = (log(1.0).estimates(None).unwrap(), log(unit).estimates(None).unwrap());
        let most = rows.iter().map(|row| row.0).fold(f64::MIN, f64::max);
        let least = rows.iter().map(|row| row.0).fold(f64::MAX, f64::min);
        let snips = plain.by_estimator[&Estimator::SelfNormalised].value;
        prop_assert!(least - 1e-9 <= snips && snips <= most + 1e-9, "SNIPS stays among rewards: {snips}");
        prop_assert!(plain.weights.effective_rows <= rows.len() as f64 + 1e-9);
        for (estimator, found) in &plain.by_estimator {
            let other = scaled.by_estimator[estimator];
            let close = |a: f64, b: f64| (a * unit - b).abs() <= 1e-6 * (1.0 + b.abs().max(found.high - found.low));
            prop_assert!(found.low <= found.value && found.value <= found.high);
            prop_assert!(close(found.value, other.value) && close(found.standard_error, other.standard_error));
        }
    }

    #[test]
    fn a_policy_judged_by_its_own_log_earns_what_it_earned(
        rows in prop::collection::vec((0.0..50.0f64, 0.01..=1.0f64), 2..60),
    ) {
        let row = |&(reward, p): &(f64, f64)| Row { reward, logged: p, new: p, foretold: None };
        let estimates = Log::new(rows.iter().map(row).collect()).unwrap().estimates(None).unwrap();
        let earned = estimates.logging_policy;
        for found in estimates.by_estimator.values() {
            prop_assert!((found.value - earned.value).abs() < 1e-9);
            prop_assert!((found.standard_error - earned.standard_error).abs() < 1e-9);
        }
        prop_assert!((estimates.weights.effective_rows - rows.len() as f64).abs() < 1e-6);
    }
}
