//! Fits both classifiers on the earlier window, calibrates both on the later one, and keeps the better.

use super::calibration::{Calibrated, Calibration, CalibrationTrial};
use super::folds::Folds;
use super::model::{Churn, Classifier, ClassifierKind, probability_of};
use super::params::{Compete, ValidChurnParams};
use super::risk::RiskCuts;
use super::rows::{Rows, require_shape};
use crate::error::{Error, Result};
use crate::measures::{Bootstrap, Interval};
use serde::{Deserialize, Serialize};

/// A classifier, the one that it beat, and how it came about.
#[derive(Clone, Debug)]
pub struct FittedChurn {
    /// What to publish.
    pub churn: Churn,
    /// The other classifier, where both competed.
    pub rival: Option<Churn>,
    /// For a report.
    pub report: FitReport,
}

/// How a classifier came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitReport {
    /// Who won.
    pub competition: Competition,
    /// The calibrations that the winner could have had, by cross-validated log loss.
    pub calibrations: Vec<CalibrationTrial>,
    /// The ridge of the logistic regression.
    pub ridge: Option<f64>,
    /// The depth of the boosted trees.
    pub depth: Option<usize>,
    /// Their number.
    pub rounds: Option<usize>,
}

/// The two classifiers on the later window, each with its calibration; every row is judged under a calibration that
/// was fitted without it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Competition {
    /// Mean log loss of the logistic regression, where it was fitted.
    pub logistic_log_loss: Option<f64>,
    /// Mean log loss of the boosted trees, where they were fitted.
    pub trees_log_loss: Option<f64>,
    /// Logistic less trees, on the same rows, with an interval over groups: above 0 where trees are better.
    pub difference: Option<Interval>,
    /// The lower log loss; logistic regression of equals.
    pub chosen: ClassifierKind,
}

impl ValidChurnParams {
    /// Fits on an earlier window and calibrates on a later one.
    ///
    /// # Errors
    /// [`Error::Shape`] when the two differ in their number of features or when either has too few rows of an answer,
    /// with what would do; [`Error::NotPositiveDefinite`] for features so large that equations fail.
    pub fn fit(&self, fit_rows: &Rows<'_>, calibrate_rows: &Rows<'_>) -> Result<FittedChurn> {
        let params = &self.0;
        let n_features = fit_rows.n_features();
        require_shape("a row to calibrate on", calibrate_rows.n_features(), n_features)?;
        fit_rows.require_both_answers("the answers of the rows to fit")?;
        calibrate_rows.require_both_answers("the answers of the rows to calibrate on")?;
        let folds = Folds::deal(fit_rows, params.folds, params.seed);
        let mut report = FitReport {
            competition: Competition {
                logistic_log_loss: None,
                trees_log_loss: None,
                difference: None,
                chosen: ClassifierKind::Logistic,
            },
            calibrations: Vec::new(),
            ridge: None,
            depth: None,
            rounds: None,
        };
        let later = Later::new(calibrate_rows, params.folds, params.seed);
        let mut candidates = Vec::new();
        if params.compete != Compete::Trees {
            let fitted = params.logistic.fit(fit_rows, &folds)?;
            report.ridge = Some(fitted.ridge);
            let candidate = later.calibrate(Classifier::Logistic(fitted.model))?;
            report.competition.logistic_log_loss = Some(later.mean(&candidate));
            candidates.push(candidate);
        }
        if params.compete != Compete::Logistic {
            let fitted = params.trees.fit(fit_rows, &folds, params.seed)?;
            (report.depth, report.rounds) = (Some(fitted.depth), Some(fitted.rounds));
            let candidate = later.calibrate(Classifier::Trees(fitted.model))?;
            report.competition.trees_log_loss = Some(later.mean(&candidate));
            candidates.push(candidate);
        }
        if let [logistic, trees] = candidates.as_slice() {
            report.competition.difference = Some(later.difference(logistic, trees, &params.bootstrap)?);
        }
        candidates.sort_by(|a, b| later.mean(a).total_cmp(&later.mean(b)));
        let mut ranked = candidates.into_iter();
        let winner = ranked.next().ok_or(Error::Empty {
            what: "the list of classifiers",
            remedy: "let logistic regression, trees or both compete",
        })?;
        report.competition.chosen = winner.churn.kind();
        report.calibrations = winner.trials;
        Ok(FittedChurn { churn: winner.churn, rival: ranked.next().map(|rival| rival.churn), report })
    }
}

/// The later window.
struct Later<'a> {
    rows: &'a Rows<'a>,
    folds: Folds,
}

/// A calibrated classifier with its weighted log loss per row.
struct Candidate {
    churn: Churn,
    trials: Vec<CalibrationTrial>,
    losses: Vec<f64>,
}

impl<'a> Later<'a> {
    fn new(rows: &'a Rows<'a>, folds: usize, seed: u64) -> Self {
        Self { rows, folds: Folds::deal(rows, folds, seed) }
    }

    fn calibrate(&self, classifier: Classifier) -> Result<Candidate> {
        let n_features = self.rows.n_features();
        let margins = classifier.margins(self.rows.values(), n_features);
        let Calibrated { calibration, trials, losses } =
            Calibration::choose(self.rows, &margins, &self.folds)?;
        let probability = |row: usize| self.rows.weight(row) * probability_of(&calibration, margins[row]);
        let base_rate = (0..self.rows.len()).map(probability).sum::<f64>() / self.weight();
        let cuts = RiskCuts::around(base_rate)?;
        Ok(Candidate { churn: Churn::new(n_features, classifier, calibration, cuts)?, trials, losses })
    }

    fn weight(&self) -> f64 {
        (0..self.rows.len()).map(|row| self.rows.weight(row)).sum()
    }

    fn mean(&self, candidate: &Candidate) -> f64 {
        candidate.losses.iter().sum::<f64>() / self.weight()
    }

    /// The mean of a less b per row, drawing groups.
    fn difference(&self, a: &Candidate, b: &Candidate, bootstrap: &Bootstrap) -> Result<Interval> {
        let (places, n_groups) = self.rows.group_places();
        let mut of_group = vec![(0.0, 0.0); n_groups];
        for (row, place) in places.iter().enumerate() {
            let sums = &mut of_group[*place as usize];
            sums.0 += a.losses[row] - b.losses[row];
            sums.1 += self.rows.weight(row);
        }
        bootstrap.statistic(n_groups, |times| {
            let (mut difference, mut weight) = (0.0, 0.0);
            for (times, sums) in times.iter().zip(&of_group) {
                difference += f64::from(*times) * sums.0;
                weight += f64::from(*times) * sums.1;
            }
            difference / weight
        })
    }
}
