//! The whole classifier on a population of which the truth is known.

use super::newton::sigmoid;
use super::population::{N_FEATURES, Population};
use super::*;
use crate::measures::{BinaryQuality, Bootstrap};
use proptest::prelude::*;
use std::sync::OnceLock;

fn params() -> ChurnParams {
    let trees = TreesParams { depths: vec![3], most_rounds: 150, ..Default::default() };
    ChurnParams { trees, bootstrap: Bootstrap { resamples: 200, ..Default::default() }, ..Default::default() }
}

fn fitted() -> &'static FittedChurn {
    static FITTED: OnceLock<FittedChurn> = OnceLock::new();
    FITTED.get_or_init(|| {
        let (earlier, later) = (Population::drawn(6000, 1), Population::shifted(4000, 2, 1.2));
        params().check().unwrap().fit(&earlier.rows(), &later.rows()).unwrap()
    })
}

fn both() -> [&'static Churn; 2] {
    [&fitted().churn, fitted().rival.as_ref().unwrap()]
}

#[test]
fn trees_win_where_features_act_together_and_the_report_says_by_how_much() {
    let competition = &fitted().report.competition;
    assert_eq!(fitted().churn.kind(), ClassifierKind::Trees);
    assert_eq!(competition.chosen, ClassifierKind::Trees);
    let difference = competition.difference.unwrap();
    assert!(difference.low > 0.05, "{difference:?}");
    let (logistic, trees) = (competition.logistic_log_loss.unwrap(), competition.trees_log_loss.unwrap());
    assert!((logistic - trees - difference.mean).abs() < 1e-9);
}

#[test]
fn calibration_on_a_later_window_brings_its_base_rate_home() {
    let test = Population::shifted(4000, 3, 1.2);
    let bootstrap = Bootstrap { resamples: 20, ..Default::default() };
    for churn in both() {
        let raw: Vec<f64> =
            test.values.chunks(N_FEATURES).map(|row| sigmoid(churn.margin(row).unwrap())).collect();
        let calibrated = churn.probability_batch(&test.values).unwrap();
        let ece = |p: &[f64]| BinaryQuality::of(&test.labels, p, &bootstrap).unwrap().ece.mean;
        assert!(ece(&raw) > 0.1, "{} {}", ece(&raw), ece(&calibrated));
        assert!(ece(&calibrated) < 0.03, "{:?} {}", churn.kind(), ece(&calibrated));
    }
}

#[test]
fn a_model_that_was_written_and_read_is_the_same_and_a_spoilt_one_is_refused() {
    for churn in both() {
        let written = serde_json::to_string(churn).unwrap();
        assert_eq!(serde_json::from_str::<Churn>(&written).unwrap(), *churn);
        let spoilt = [
            written.replace("\"n_features\":6", "\"n_features\":1"),
            written.replacen("\"cuts\":{\"moderate\":0", "\"cuts\":{\"moderate\":1", 1),
            written.replacen("\"n_features\"", "\"name\":1,\"n_features\"", 1),
        ];
        for spoilt in spoilt {
            assert_ne!(spoilt, written);
            assert!(serde_json::from_str::<Churn>(&spoilt).is_err());
        }
    }
}

#[test]
fn what_cannot_be_learned_from_is_refused_with_a_remedy() {
    let good = Population::drawn(200, 4);
    let valid = params().check().unwrap();
    let never = [false; 200];
    let one_answer = Rows::new(N_FEATURES, &good.values, &never).unwrap();
    let text = valid.fit(&one_answer, &good.rows()).unwrap_err().to_string();
    assert!(text.contains("rows to fit") && text.contains("at least 10") && text.contains("0 that are true"));
    assert!(valid.fit(&good.rows(), &one_answer).unwrap_err().to_string().contains("calibrate"));
    let narrow = Rows::new(1, &good.values[..200], &good.labels).unwrap();
    assert!(valid.fit(&good.rows(), &narrow).unwrap_err().to_string().contains("6 numbers"));
    let churn = &fitted().churn;
    assert!(churn.probability(&[0.0; 5]).unwrap_err().to_string().contains("6 numbers"));
    let holed = [0.0, f32::NAN, 0.0, 0.0, 0.0, 0.0];
    assert!(churn.explain(&holed).unwrap_err().to_string().contains("column 1"));
    assert!(churn.probability_batch(&[0.0; 13]).is_err());
}

#[test]
fn parameters_out_of_range_are_refused_by_name() {
    let with = |change: fn(&mut ChurnParams)| {
        let mut params = params();
        change(&mut params);
        params.check().unwrap_err().to_string()
    };
    assert!(with(|params| params.folds = 1).contains("churn.folds"));
    assert!(with(|params| params.logistic.ridges.clear()).contains("churn.logistic.ridges"));
    assert!(with(|params| params.trees.learning_rate = f32::NAN).contains("churn.trees.learning_rate"));
    assert!(with(|params| params.trees.depths = vec![40]).contains("churn.trees.depths"));
    assert!(with(|params| params.bootstrap.level = 1.0).contains("level"));
}

#[test]
fn features_that_never_vary_add_nothing() {
    let flat = vec![3.0f32; 400];
    let labels: Vec<bool> = (0..400usize).map(|row| row.is_multiple_of(4)).collect();
    let rows = Rows::new(1, &flat, &labels).unwrap();
    let fitted = params().check().unwrap().fit(&rows, &rows).unwrap();
    for churn in [Some(&fitted.churn), fitted.rival.as_ref()].into_iter().flatten() {
        for number in [3.0, -1e30] {
            assert!((churn.probability(&[number]).unwrap() - 0.25).abs() < 1e-3);
            assert_eq!(churn.explain(&[number]).unwrap().contributions, [0.0]);
        }
    }
}

proptest! {
    #[test]
    fn contributions_sum_to_the_margin_and_a_batch_is_its_rows(
        x in prop::array::uniform6(prop_oneof![-2.0f32..2.0, any::<f32>().prop_filter("finite", |x| x.is_finite())])
    ) {
        for churn in both() {
            let explanation = churn.explain(&x).unwrap();
            let sum = explanation.base + explanation.contributions.iter().sum::<f64>();
            prop_assert!((sum - explanation.margin).abs() < 1e-6, "{sum} {}", explanation.margin);
            prop_assert_eq!(explanation.margin, churn.margin(&x).unwrap());
            prop_assert_eq!(explanation.contributions[5], 0.0);
            let probability = churn.probability(&x).unwrap();
            prop_assert!(probability > 0.0 && probability < 1.0);
            prop_assert_eq!(churn.probability_batch(&x.repeat(70)).unwrap(), vec![probability; 70]);
        }
    }
}

#[test]
fn a_shift_leads_the_mean_probability_to_the_share_observed_and_survives_a_release() {
    let probabilities = [0.1, 0.4, 0.7, 0.9];
    let shift = shift_to(&probabilities, 0.4);
    let shifted = probabilities.map(|p: f64| 1.0 / (1.0 + (-(p / (1.0 - p)).ln() - shift).exp()));
    assert!((shifted.iter().sum::<f64>() / 4.0 - 0.4).abs() < 1e-9, "{shift}");
    assert_eq!((shift_to(&[], 0.5), shift_to(&probabilities, 1.0)), (0.0, 0.0));
    let population = Population::drawn(2000, 3);
    let rows = population.rows();
    let params = ChurnParams { compete: Compete::Logistic, ..ChurnParams::default() };
    let churn = params.check().unwrap().fit(&rows, &rows).unwrap().churn;
    let before = churn.probability(rows.row(0)).unwrap();
    let moved = churn.shifted(-0.5).unwrap();
    assert!(moved.probability(rows.row(0)).unwrap() < before);
    let again: Churn = serde_json::from_str(&serde_json::to_string(&moved).unwrap()).unwrap();
    assert_eq!(again, moved);
    assert!(moved.shifted(f64::NAN).is_err());
}
