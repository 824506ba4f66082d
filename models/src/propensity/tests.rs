//! Propensities on a drawn market of which the truth is known.

use super::estimate::{log_odds, probability};
use super::*;
use crate::churn::{ChurnParams, Compete, LogisticParams, TreesParams};
use crate::events::Timestamp;
use crate::measures::Bootstrap;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::sync::OnceLock;

const N_FEATURES: usize = 6;
const N_TREATMENTS: usize = 12;

/// Twelve treatments of three groups: what all customers like, what each treatment's customers like beside, and rates
/// from 2 % to 25 %.
struct Market {
    levels: Vec<f64>,
    likings: Vec<[f64; N_FEATURES]>,
    random: Xoshiro256PlusPlus,
}

impl Market {
    fn drawn(seed: u64) -> Self {
        // The market is the same for all seeds; the customers are not.
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let rates = (0..N_TREATMENTS).map(|at| 0.02 + 0.23 * (at as f64 / 11.0).powi(2));
        let levels = rates.map(log_odds).collect();
        let common = [0.6, -0.4, 0.0, 0.3, 0.0, 0.0];
        let liking = |_| std::array::from_fn(|column| common[column] + random.random_range(-0.7..0.7));
        let likings = (0..N_TREATMENTS).map(liking).collect();
        Self { levels, likings, random: Xoshiro256PlusPlus::seed_from_u64(seed) }
    }

    fn treatment(at: usize) -> Treatment {
        let channel = if at.is_multiple_of(2) { "email" } else { "phone" };
        Treatment {
            offer: format!("offer {}", at / 2),
            channel: channel.into(),
            group: format!("group {}", at / 4),
        }
    }

    fn customer(&mut self) -> [f32; N_FEATURES] {
        std::array::from_fn(|_| self.random.random_range(-1.7f32..1.7))
    }

    fn truth(&self, treatment: usize, row: &[f32]) -> f64 {
        let taste: f64 =
            row.iter().zip(self.likings[treatment]).map(|(x, weight)| f64::from(*x) * weight).sum();
        probability(self.levels[treatment] + taste)
    }

    fn accepts(&mut self, probability: f64) -> bool {
        self.random.random_range(0.0..1.0) < probability
    }

    /// So many examples of each treatment, a minute apart.
    fn examples(&mut self, of_each: &[usize; N_TREATMENTS]) -> Examples {
        let mut examples = Examples::new((0..N_FEATURES).map(|at| format!("x{at}")).collect()).unwrap();
        let mut turns: Vec<usize> =
            (0..N_TREATMENTS).flat_map(|at| std::iter::repeat_n(at, of_each[at])).collect();
        for at in (1..turns.len()).rev() {
            turns.swap(at, self.random.random_range(0..=at));
        }
        for (minute, treatment) in turns.into_iter().enumerate() {
            let row = self.customer();
            let accepted = self.accepts(self.truth(treatment, &row));
            let example = Example {
                treatment: &Self::treatment(treatment),
                row: &row,
                accepted,
                at: Timestamp(60 * minute as i64),
                customer: minute as u32,
                weight: 1.0,
            };
            examples.push(&example).unwrap();
        }
        examples
    }
}

fn params() -> PropensityParams {
    let pooled = ChurnParams {
        compete: Compete::Logistic,
        logistic: LogisticParams { ridges: vec![1.0] },
        bootstrap: Bootstrap { resamples: 20, ..Default::default() },
        ..Default::default()
    };
    PropensityParams { pooled, ..Default::default() }
}

fn fit(params: PropensityParams, examples: &Examples) -> FittedPropensities {
    params.check().unwrap().fit(examples).unwrap()
}

/// Enough for some 700 acceptances of each, but 20 examples of the last treatment.
fn sizes() -> [usize; N_TREATMENTS] {
    let mut sizes = std::array::from_fn(|at| (700.0 / (0.02 + 0.23 * (at as f64 / 11.0).powi(2))) as usize);
    sizes[11] = 20;
    sizes
}

fn fitted() -> &'static FittedPropensities {
    static FITTED: OnceLock<FittedPropensities> = OnceLock::new();
    FITTED.get_or_init(|| fit(params(), &Market::drawn(1).examples(&sizes())))
}

#[test]
fn what_is_foretold_for_each_treatment_comes_true_among_customers_not_seen() {
    let mut market = Market::drawn(2);
    let propensities = &fitted().propensities;
    for treatment in 0..11 {
        let key = Market::treatment(treatment);
        assert_eq!(propensities.basis(&key), Basis::Regression);
        let (mut foretold, mut truth, mut square, mut blind) = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..4000 {
            let row = market.customer();
            let (p, q) =
                (propensities.predict(&key, &row).unwrap().probability, market.truth(treatment, &row));
            foretold += p;
            truth += q;
            square += (log_odds(p) - log_odds(q)).powi(2);
            blind += (market.levels[treatment] - log_odds(q)).powi(2);
        }
        let ratio = foretold / truth;
        assert!((0.9..1.1).contains(&ratio), "{key:?}: {ratio}");
        // Who likes it is known too: nine tenths of the differences between customers.
        assert!(square < 0.1 * blind, "{key:?}: {square} of {blind}");
    }
}

#[test]
fn the_report_judges_each_treatment_on_the_latest_examples() {
    let report = &fitted().report;
    let judged = report.judged.as_ref().unwrap();
    assert_eq!(report.examples, sizes().iter().sum::<usize>());
    let latest: usize = judged.treatments.iter().map(|each| each.examples).sum();
    assert!(latest.abs_diff(report.examples / 5) < 2, "{latest}");
    for each in judged.treatments.iter().filter(|each| each.accepted >= 100) {
        let ratio = each.foretold / each.accepted as f64;
        // A tenth of what is learned from, so chance moves it by three deviations of 150 acceptances.
        assert!((0.75..1.25).contains(&ratio), "{each:?}");
    }
    assert!(judged.quality.as_ref().unwrap().auc.mean > 0.75);
}

#[test]
fn a_young_treatment_stands_between_its_group_and_its_own_rate_and_is_less_certain() {
    let propensities = &fitted().propensities;
    let young = Market::treatment(11);
    let unseen = Treatment { offer: "new".into(), ..young.clone() };
    let stranger = Treatment { group: "new".into(), ..unseen.clone() };
    let row = [0.0; N_FEATURES];
    let [old, young_estimate, of_group, of_all] = [&Market::treatment(10), &young, &unseen, &stranger]
        .map(|treatment| propensities.predict(treatment, &row).unwrap());
    let bases = [&young, &unseen, &stranger].map(|treatment| propensities.basis(treatment));
    assert_eq!(bases, [Basis::Rate, Basis::Group, Basis::All]);
    // Its true rate is 0.25, its group's about 0.15, that of all about 0.05.
    assert!(of_all.probability < of_group.probability, "{of_all:?} {of_group:?}");
    assert!((0.1..0.25).contains(&young_estimate.probability), "{young_estimate:?}");
    assert!(young_estimate.log_odds_deviation > 3.0 * old.log_odds_deviation);
    assert!(of_group.log_odds_deviation > young_estimate.log_odds_deviation);
}

#[test]
fn contributions_sum_to_the_log_odds_for_every_kind_of_treatment_and_of_classifier() {
    let with_trees = ChurnParams {
        compete: Compete::Trees,
        trees: TreesParams { depths: vec![3], rounds: Some(30), ..Default::default() },
        ..params().pooled
    };
    let mut market = Market::drawn(3);
    let few = market.examples(&[600; N_TREATMENTS]);
    let trees = fit(PropensityParams { pooled: with_trees, ..params() }, &few).propensities;
    assert!(trees.pooled().unwrap().trees().is_some());
    let unseen = Treatment { offer: "new".into(), ..Market::treatment(0) };
    for propensities in [&fitted().propensities, &trees] {
        for treatment in [Market::treatment(2), Market::treatment(11), unseen.clone()] {
            let row = market.customer();
            let explanation = propensities.explain(&treatment, &row).unwrap();
            let sum =
                explanation.base + explanation.treatment + explanation.contributions.iter().sum::<f64>();
            let foretold = propensities.predict(&treatment, &row).unwrap();
            assert!((sum - explanation.log_odds).abs() < 1e-12);
            assert!((sum - foretold.log_odds()).abs() < 1e-6, "{explanation:?} {foretold:?}");
        }
    }
}

#[test]
fn weights_undo_a_policy_that_showed_a_treatment_to_those_who_like_it() {
    // Half of all would accept with 0.4, the others with 0.04; a past policy saw which, and features do not.
    let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
    let treatment = Market::treatment(0);
    let mut rates = [true, false].map(|weighted| {
        let mut examples = Examples::new(vec!["nothing".into()]).unwrap();
        for minute in 0..40_000 {
            let likes = random.random_range(0.0..1.0) < 0.5;
            let shown = if likes { 0.9 } else { 0.1 };
            if random.random_range(0.0..1.0) >= shown {
                continue;
            }
            let accepted = random.random_range(0.0..1.0) < if likes { 0.4 } else { 0.04 };
            let weight = if weighted { 1.0 / shown } else { 1.0 };
            let (at, row) = (Timestamp(minute), [1.0]);
            let customer = minute as u32;
            examples
                .push(&Example { treatment: &treatment, row: &row, accepted, at, customer, weight })
                .unwrap();
        }
        let params = PropensityParams { largest_weight: 20.0, ..params() };
        fit(params, &examples).propensities.predict(&treatment, &[1.0]).unwrap().probability
    });
    rates.sort_by(f64::total_cmp);
    assert!((rates[0] - 0.22).abs() < 0.03, "{rates:?}");
    assert!(rates[1] > 0.33, "{rates:?}");
}

#[test]
fn a_season_is_not_taken_for_a_property_of_the_offers_shown_in_it() {
    // Every offer does twice as well from the last quarter on; the second one is shown four times as often there.
    let mut random = Xoshiro256PlusPlus::seed_from_u64(9);
    let mut examples = Examples::new(vec!["noise".into()]).unwrap();
    for minute in 0..40_000 {
        let is_late = minute >= 30_000;
        let is_second = random.random_range(0.0..1.0) < if is_late { 0.8 } else { 0.2 };
        let accepted = random.random_range(0.0..1.0) < if is_late { 0.2 } else { 0.1 };
        let treatment = Market::treatment(usize::from(is_second) * 6);
        let row = [random.random_range(-1.0f32..1.0)];
        let (at, customer) = (Timestamp(minute), minute as u32);
        examples
            .push(&Example { treatment: &treatment, row: &row, accepted, at, customer, weight: 1.0 })
            .unwrap();
    }
    let propensities = fit(params(), &examples).propensities;
    for treatment in [0, 6] {
        let p = propensities.predict(&Market::treatment(treatment), &[0.0]).unwrap().probability;
        assert!((p - 0.2).abs() < 0.02, "{treatment}: {p}");
    }
}

#[test]
fn the_fewest_examples_still_give_every_offer_a_chance() {
    let mut examples = Examples::new(vec!["x".into()]).unwrap();
    assert!(params().check().unwrap().fit(&examples).unwrap_err().to_string().contains("outcome"));
    let treatment = Market::treatment(0);
    let row = [1.0];
    let example = Example {
        treatment: &treatment,
        row: &row,
        accepted: false,
        at: Timestamp(0),
        customer: 0,
        weight: 1.0,
    };
    for _ in 0..30 {
        examples.push(&example).unwrap();
    }
    let propensities = fit(params(), &examples).propensities;
    assert!(propensities.pooled().is_none());
    let p = propensities.predict(&treatment, &[5.0]).unwrap().probability;
    assert!(p > 0.001 && p < 0.05, "{p}");
    assert!(propensities.explain(&treatment, &[5.0]).unwrap().log_odds < 0.0);
}

#[test]
fn propensities_that_were_written_and_read_are_the_same_and_spoilt_ones_are_refused() {
    let propensities = &fitted().propensities;
    let written = serde_json::to_string(propensities).unwrap();
    assert_eq!(serde_json::from_str::<Propensities>(&written).unwrap(), *propensities);
    let first = "\"treatment\":{\"offer\":\"offer 0\"";
    let spoilt = [
        written.replace("\"features\":[\"x0\",", "\"features\":["),
        written.replace("\"features\":[\"x0\"", "\"features\":[\"x1\""),
        written.replacen(first, "\"treatment\":{\"offer\":\"offer 9\"", 1),
        written.replacen("\"deviation\":", "\"deviation\":-", 1),
        written.replacen("\"strength\"", "\"more\":1,\"strength\"", 1),
    ];
    for spoilt in spoilt {
        assert_ne!(spoilt, written);
        assert!(serde_json::from_str::<Propensities>(&spoilt).is_err());
    }
}

#[test]
fn what_cannot_be_learned_from_or_answered_is_refused_by_name() {
    assert!(Examples::new(vec![]).unwrap_err().to_string().contains("at least one"));
    assert!(
        Examples::new(vec!["a".into(), "a".into()]).unwrap_err().to_string().contains("\"a\" comes twice")
    );
    let mut examples = Examples::new(vec!["age".into()]).unwrap();
    let treatment = Market::treatment(0);
    let example = Example {
        treatment: &treatment,
        row: &[],
        accepted: true,
        at: Timestamp(0),
        customer: 0,
        weight: 1.0,
    };
    assert!(examples.push(&example).unwrap_err().to_string().contains("1 numbers"));
    let not_a_number = Example { row: &[f32::NAN], ..example };
    assert!(examples.push(&not_a_number).unwrap_err().to_string().contains("age"));
    let weightless = Example { row: &[1.0], weight: 0.0, ..example };
    assert!(examples.push(&weightless).unwrap_err().to_string().contains("above 0"));
    let propensities = &fitted().propensities;
    assert!(propensities.predict(&treatment, &[0.0; 5]).unwrap_err().to_string().contains("6 numbers"));
    let text = |params: PropensityParams| params.check().unwrap_err().to_string();
    assert!(text(PropensityParams { strength: f64::NAN, ..params() }).contains("propensity.strength"));
    assert!(text(PropensityParams { own_ridge: 0.0, ..params() }).contains("propensity.own_ridge"));
    assert!(text(PropensityParams { judge_share: 0.9, ..params() }).contains("propensity.judge_share"));
}
