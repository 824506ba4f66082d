//! From the margin of a classifier to a probability that holds in a later window.

use super::folds::Folds;
use super::isotonic::{Answer, Isotonic};
use super::newton::{Known, Problem, log_loss};
use super::rows::Rows;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// A rising map from margins (raw log odds) to log odds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Calibration {
    /// `margin + shift`: right where only the base rate has changed.
    Shift {
        /// In log odds.
        shift: f64,
    },
    /// `slope · margin + intercept` (Platt 1999), for margins that are too sure or not sure enough.
    Platt {
        /// Above 0.
        slope: f64,
        /// In log odds.
        intercept: f64,
    },
    /// Any rising curve.
    Isotonic(Isotonic),
}

/// What one kind of calibration cost in cross-validation, for a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationTrial {
    /// As [`Calibration::name`].
    pub name: String,
    /// Mean log loss of rows that the calibration was not fitted on.
    pub log_loss: f64,
}

/// A calibration and how it came about.
#[derive(Clone, Debug)]
pub(super) struct Calibrated {
    pub(super) calibration: Calibration,
    pub(super) trials: Vec<CalibrationTrial>,
    /// Weighted log loss per row, each from a fit without it, of the kind that was chosen.
    pub(super) losses: Vec<f64>,
}

type Fit = fn(&[Answer]) -> Result<Option<Calibration>>;

/// The kinds, simplest first.
const KINDS: [(&str, Fit); 3] = [
    ("shift", |answers| fit_line(answers, 0)),
    ("platt", |answers| fit_line(answers, 1)),
    ("isotonic", |answers| Ok(Isotonic::fit(answers).map(Calibration::Isotonic))),
];

impl Calibration {
    /// Fits every kind on folds of whole groups and keeps the simplest that does: a kind replaces a simpler one when
    /// its log loss on rows outside its fit is lower by more than one standard error of that difference over groups.
    ///
    /// The winner is then fitted on all rows.
    pub(super) fn choose(rows: &Rows<'_>, margins: &[f64], folds: &Folds) -> Result<Calibrated> {
        let answer =
            |row: usize| Answer { margin: margins[row], label: rows.labels()[row], weight: rows.weight(row) };
        let answers: Vec<Answer> = (0..rows.len()).map(answer).collect();
        let splits = folds.splits(|_| true);
        let (places, n_groups) = rows.group_places();
        let weight: f64 = answers.iter().map(|answer| answer.weight).sum();
        let mut chosen: Option<(Calibration, Vec<f64>)> = None;
        let mut trials = Vec::new();
        for (name, fit) in KINDS {
            let (Some(calibration), Some(losses)) = (fit(&answers)?, held_out(&answers, &splits, fit)?)
            else {
                continue;
            };
            trials
                .push(CalibrationTrial { name: name.into(), log_loss: losses.iter().sum::<f64>() / weight });
            let better = chosen.as_ref().is_none_or(|(_, before)| gains(before, &losses, &places, n_groups));
            if better {
                chosen = Some((calibration, losses));
            }
        }
        let (calibration, losses) = chosen.ok_or(Error::Empty {
            what: "the list of calibrations that could be fitted",
            remedy: "give more rows to calibrate on",
        })?;
        Ok(Calibrated { calibration, trials, losses })
    }

    /// As it is written: `shift`, `platt` or `isotonic`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Shift { .. } => "shift",
            Self::Platt { .. } => "platt",
            Self::Isotonic(_) => "isotonic",
        }
    }

    /// Calibrated log odds; never falls as the margin rises.
    pub fn log_odds(&self, margin: f64) -> f64 {
        match self {
            Self::Shift { shift } => margin + shift,
            Self::Platt { slope, intercept } => slope * margin + intercept,
            Self::Isotonic(curve) => curve.log_odds(margin),
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let (numbers, rises) = match self {
            Self::Shift { shift } => ([*shift, 0.0], true),
            Self::Platt { slope, intercept } => ([*slope, *intercept], *slope > 0.0),
            Self::Isotonic(curve) => return curve.check(),
        };
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(Error::NotFinite { what: "a calibration", at: self.name().into() });
        }
        crate::error::require(rises, "slope of a calibration", numbers[0], "above 0")
    }
}

/// A shift, and with one column a slope too. The slope is drawn to 1 with the weight of one row, which matters only
/// where answers part cleanly. `None` for a slope that does not rise.
fn fit_line(answers: &[Answer], n_columns: usize) -> Result<Option<Calibration>> {
    let row = |row: usize, into: &mut [f64]| {
        let Answer { margin, label, weight } = answers[row];
        into.iter_mut().for_each(|column| *column = margin);
        Known { offset: margin, label, weight }
    };
    let solution = Problem { n_rows: answers.len(), n_columns, row, ridge: 1.0 }.solve()?;
    Ok(match solution.weights.first() {
        None => Some(Calibration::Shift { shift: solution.intercept }),
        Some(more) if 1.0 + more > 1e-3 => {
            Some(Calibration::Platt { slope: 1.0 + more, intercept: solution.intercept })
        }
        Some(_) => None,
    })
}

/// Each row's weighted log loss under a fit on the other folds; `None` where some fold has no such fit.
fn held_out(answers: &[Answer], splits: &[(Vec<u32>, Vec<u32>)], fit: Fit) -> Result<Option<Vec<f64>>> {
    let mut losses = vec![0.0; answers.len()];
    for (outside, inside) in splits {
        let part: Vec<Answer> = outside.iter().map(|row| answers[*row as usize]).collect();
        let Some(calibration) = fit(&part)? else { return Ok(None) };
        for row in inside {
            let Answer { margin, label, weight } = answers[*row as usize];
            losses[*row as usize] = weight * log_loss(calibration.log_odds(margin), label);
        }
    }
    Ok(Some(losses))
}

/// Whether losses fell by more than one standard error, with groups as what varies.
fn gains(before: &[f64], after: &[f64], places: &[u32], n_groups: usize) -> bool {
    let mut of_group = vec![0.0; n_groups];
    for ((before, after), place) in before.iter().zip(after).zip(places) {
        of_group[*place as usize] += before - after;
    }
    let gain: f64 = of_group.iter().sum();
    let mean = gain / n_groups as f64;
    let error = of_group.iter().map(|each| (each - mean).powi(2)).sum::<f64>().sqrt();
    gain > error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::churn::newton::sigmoid;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    fn chosen(truth: impl Fn(f64) -> f64) -> Calibration {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(11);
        let margins: Vec<f64> = (0..20_000).map(|_| random.random_range(-3.0..3.0)).collect();
        let labels: Vec<bool> =
            margins.iter().map(|margin| random.random_range(0.0..1.0) < sigmoid(truth(*margin))).collect();
        let values = vec![0.0; margins.len()];
        let rows = Rows::new(1, &values, &labels).unwrap();
        Calibration::choose(&rows, &margins, &Folds::deal(&rows, 5, 1)).unwrap().calibration
    }

    #[test]
    fn the_simplest_calibration_that_does_is_chosen() {
        let shift = chosen(|margin| margin - 1.0);
        assert!(matches!(shift, Calibration::Shift { shift } if (shift + 1.0).abs() < 0.1), "{shift:?}");
        let platt = chosen(|margin| 0.5 * margin + 0.3);
        assert!(matches!(platt, Calibration::Platt { slope, .. } if (slope - 0.5).abs() < 0.05), "{platt:?}");
        let bent = chosen(|margin| if margin < 0.0 { -3.0 } else { 2.0 });
        assert!(
            (bent.log_odds(-1.5) + 3.0).abs() < 0.3 && (bent.log_odds(1.5) - 2.0).abs() < 0.3,
            "{bent:?}"
        );
        assert_eq!(bent.name(), "isotonic");
    }

    #[test]
    fn margins_that_mislead_are_not_turned_around() {
        assert!(!matches!(chosen(|margin| -margin), Calibration::Platt { .. }));
    }
}
