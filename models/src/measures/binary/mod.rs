//! How good probabilities of a yes are: order, sharpness, and whether they hold.

mod ties;

use super::bootstrap::{Bootstrap, Interval};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use ties::{Bin, Judged, auc, bins, brier, caught, ece, log_loss};

/// The quality of one classifier on customers that it was not fitted on, for a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BinaryQuality {
    /// How many customers were judged.
    pub customers: usize,
    /// The share of them with a yes.
    pub positives: f64,
    /// The probability that a customer with a yes stands above one without; an equal pair counts half. 0.5 where a
    /// draw has one answer only.
    pub auc: Interval,
    /// Mean square of probability less answer.
    pub brier: Interval,
    /// Mean −log of the probability of the answer; probabilities of 0 and 1 count as 1e-15 off.
    pub log_loss: Interval,
    /// Expected calibration error: mean over customers of |mean probability − share with a yes| of their bin, of
    /// [`Self::reliability`]. Chance alone gives more than 0, and resampling more still: the bounds tend upwards.
    pub ece: Interval,
    /// The share with a yes among the tenth of highest probability, over the share among all.
    pub lift_at_10_percent: Interval,
    /// Ten bins of as many customers each, lowest probability first; equal probabilities share the bin of their
    /// middle, so bins can differ in size and there can be fewer.
    pub reliability: Vec<ReliabilityBin>,
    /// What contacting the highest probabilities first would catch, for each twentieth of the customers.
    pub lift_curve: Vec<LiftPoint>,
}

/// Customers of like probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReliabilityBin {
    /// Their mean probability.
    pub mean_predicted: f64,
    /// The share of them with a yes.
    pub observed: f64,
    /// How many.
    pub customers: usize,
}

/// A point of the lift curve; both in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiftPoint {
    /// The share of customers contacted.
    pub contacted: f64,
    /// The share of all yeses among them.
    pub caught: f64,
}

/// By how much one classifier differs from another on the same customers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BinaryDifference {
    /// Above 0 where the first orders better.
    pub auc: Interval,
    /// Below 0 where the first is better.
    pub log_loss: Interval,
}

const LIFT_POINTS: usize = 20;
const CONTACTED: f64 = 0.1;

impl BinaryQuality {
    /// Judges probabilities by answers; intervals draw customers.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] for another number of answers than probabilities, or one answer only; [`crate::Error::OutOfRange`] for
    /// what is no probability; as [`Bootstrap::check`].
    pub fn of(labels: &[bool], probabilities: &[f64], bootstrap: &Bootstrap) -> Result<Self> {
        let judged = Judged::new(labels, probabilities)?;
        let measures = |times: &[u32]| {
            let ties = judged.ties(times);
            let bins = bins(&ties);
            [auc(&ties), brier(&ties), log_loss(&ties), ece(&bins), caught(&ties, CONTACTED) / CONTACTED]
        };
        let [auc, brier, log_loss, ece, lift_at_10_percent] = bootstrap.statistics(labels.len(), measures)?;
        let ties = judged.ties(&vec![1; labels.len()]);
        let reliability = bins(&ties).into_iter().filter(|bin| bin.mass > 0.0);
        let contacted = (0..=LIFT_POINTS).map(|point| point as f64 / LIFT_POINTS as f64);
        Ok(Self {
            customers: labels.len(),
            positives: labels.iter().filter(|label| **label).count() as f64 / labels.len() as f64,
            auc,
            brier,
            log_loss,
            ece,
            lift_at_10_percent,
            reliability: reliability.map(Bin::report).collect(),
            lift_curve: contacted
                .map(|contacted| LiftPoint { contacted, caught: caught(&ties, contacted) })
                .collect(),
        })
    }
}

/// The first probabilities against the second, with paired intervals.
///
/// # Errors
/// As [`BinaryQuality::of`].
pub fn difference(
    labels: &[bool],
    first: &[f64],
    second: &[f64],
    bootstrap: &Bootstrap,
) -> Result<BinaryDifference> {
    let (first, second) = (Judged::new(labels, first)?, Judged::new(labels, second)?);
    let [auc, log_loss] = bootstrap.statistics(labels.len(), |times| {
        let (first, second) = (first.ties(times), second.ties(times));
        [auc(&first) - auc(&second), log_loss(&first) - log_loss(&second)]
    })?;
    Ok(BinaryDifference { auc, log_loss })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn few() -> Bootstrap {
        Bootstrap { resamples: 200, ..Default::default() }
    }

    #[test]
    fn measures_worked_out_by_hand() {
        let labels = [true, false, true, false];
        let quality = BinaryQuality::of(&labels, &[0.8, 0.4, 0.4, 0.2], &few()).unwrap();
        assert_eq!((quality.customers, quality.positives), (4, 0.5));
        assert_eq!(quality.auc.mean, 3.5 / 4.0);
        assert!((quality.brier.mean - (0.04 + 0.16 + 0.36 + 0.04) / 4.0).abs() < 1e-12);
        let product: f64 = 0.8 * 0.6 * 0.4 * 0.8;
        assert!((quality.log_loss.mean + product.ln() / 4.0).abs() < 1e-12);
        // Bins: {0.2}, {0.4, 0.4}, {0.8}.
        assert!((quality.ece.mean - (0.2 + 0.2 + 0.2) / 4.0).abs() < 1e-12);
        assert_eq!(quality.reliability.iter().map(|bin| bin.customers).collect::<Vec<_>>(), [1, 2, 1]);
        // The top tenth is 0.4 of one customer with a yes: all of it against a half.
        assert!((quality.lift_at_10_percent.mean - 2.0).abs() < 1e-12);
        let half = quality.lift_curve[10];
        assert_eq!((half.contacted, half.caught), (0.5, 0.75));
        assert_eq!(quality.lift_curve[20].caught, 1.0);
    }

    #[test]
    fn a_classifier_against_itself_differs_by_nothing_and_a_better_one_by_more() {
        let labels: Vec<bool> = (0..400).map(|i| i % 4 == 0).collect();
        let good: Vec<f64> =
            labels.iter().enumerate().map(|(i, yes)| if *yes || i % 5 == 0 { 0.6 } else { 0.1 }).collect();
        let blind = vec![0.25; 400];
        let same = difference(&labels, &good, &good, &few()).unwrap();
        assert_eq!((same.auc, same.log_loss), (Interval::default(), Interval::default()));
        let better = difference(&labels, &good, &blind, &few()).unwrap();
        assert!(better.auc.low > 0.3 && better.log_loss.high < -0.1, "{better:?}");
        let quality = BinaryQuality::of(&labels, &good, &few()).unwrap();
        assert!((quality.auc.mean - 0.5 - better.auc.mean).abs() < 1e-12);
        assert!(quality.auc.low < quality.auc.mean && quality.auc.mean < quality.auc.high);
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        let text = |labels: &[bool], p: &[f64]| BinaryQuality::of(labels, p, &few()).unwrap_err().to_string();
        assert!(text(&[true, true], &[0.1, 0.2]).contains("2 yes and 0 no"));
        assert!(text(&[], &[]).contains("0 yes and 0 no"));
        assert!(text(&[true, false], &[0.1]).contains("1 numbers"));
        assert!(text(&[true, false], &[0.1, f64::NAN]).contains("from 0 to 1, but is NaN"));
        assert!(text(&[true, false], &[0.1, 1.1]).contains("1.1"));
    }
}
