//! Isotonic regression of answers on margins: the best rising steps, joined by straight lines.

use super::rows::LEAST_OF_EACH;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// A rising curve from margins to log odds: straight between its knots, and as steep as the margin itself beyond them,
/// so that nobody's risk becomes certain and the order at the ends is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Isotonic {
    /// Strictly rising.
    margins: Vec<f64>,
    /// Rising.
    log_odds: Vec<f64>,
}

/// One answer as calibration sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) margin: f64,
    pub(super) label: bool,
    pub(super) weight: f64,
}

/// Neighbouring rows that share a rate.
#[derive(Clone, Copy)]
struct Step {
    margin_sum: f64,
    weight: f64,
    yes: f64,
    rows: usize,
}

impl Step {
    fn rate(&self) -> f64 {
        self.yes / self.weight
    }

    fn joined(self, other: Self) -> Self {
        Self {
            margin_sum: self.margin_sum + other.margin_sum,
            weight: self.weight + other.weight,
            yes: self.yes + other.yes,
            rows: self.rows + other.rows,
        }
    }
}

/// The least share of the rows in a step.
const LEAST_SHARE: f64 = 0.02;

impl Isotonic {
    /// Fits by pooling adjacent violators (Ayer et al. 1955). A step has at least 2 % of the rows and at least
    /// [`LEAST_OF_EACH`]; its rate is drawn half a row towards either answer, which keeps it off 0 and 1. `None` where
    /// fewer than two steps remain.
    pub(super) fn fit(answers: &[Answer]) -> Option<Self> {
        let mut sorted = answers.to_vec();
        sorted.sort_by(|a, b| a.margin.total_cmp(&b.margin));
        let least = LEAST_OF_EACH.max((LEAST_SHARE * sorted.len() as f64).ceil() as usize);
        let mut steps: Vec<Step> = Vec::new();
        for part in sorted.chunk_by(|a, b| a.margin == b.margin) {
            let weight: f64 = part.iter().map(|answer| answer.weight).sum();
            let yes = part.iter().filter(|answer| answer.label).map(|answer| answer.weight).sum();
            let mut step = Step { margin_sum: part[0].margin * weight, weight, yes, rows: part.len() };
            while let Some(last) = steps.last().copied() {
                if last.rate() < step.rate() && last.rows >= least {
                    break;
                }
                steps.pop();
                step = last.joined(step);
            }
            steps.push(step);
        }
        if let [.., before, last] = steps.as_slice()
            && last.rows < least
        {
            let joined = before.joined(*last);
            steps.truncate(steps.len() - 2);
            steps.push(joined);
        }
        let knots = steps.iter().map(|step| {
            let half = 0.5 * step.weight / step.rows as f64;
            (step.margin_sum / step.weight, ((step.yes + half) / (step.weight - step.yes + half)).ln())
        });
        let mut curve = Self { margins: Vec::new(), log_odds: Vec::new() };
        for (margin, log_odds) in knots {
            // Steps of different sizes are drawn by different amounts, which could turn their order around.
            let floor = curve.log_odds.last().copied().unwrap_or(f64::NEG_INFINITY);
            if curve.margins.last().is_none_or(|last| *last < margin) {
                curve.margins.push(margin);
                curve.log_odds.push(log_odds.max(floor));
            }
        }
        (curve.margins.len() >= 2).then_some(curve)
    }

    pub(super) fn log_odds(&self, margin: f64) -> f64 {
        let last = self.margins.len() - 1;
        let above = self.margins.partition_point(|knot| *knot <= margin);
        if above == 0 {
            return self.log_odds[0] + (margin - self.margins[0]);
        }
        if above > last {
            return self.log_odds[last] + (margin - self.margins[last]);
        }
        let (from, to) = (self.margins[above - 1], self.margins[above]);
        let share = (margin - from) / (to - from);
        self.log_odds[above - 1] + share * (self.log_odds[above] - self.log_odds[above - 1])
    }

    pub(super) fn check(&self) -> Result<()> {
        let finite = self.margins.iter().chain(&self.log_odds).all(|number| number.is_finite());
        let rises = self.margins.is_sorted_by(|a, b| a < b) && self.log_odds.is_sorted_by(|a, b| a <= b);
        if finite && rises && self.margins.len() >= 2 && self.margins.len() == self.log_odds.len() {
            return Ok(());
        }
        Err(Error::Unreadable {
            part: "an isotonic calibration".into(),
            reason: "its knots are not two or more rising, finite pairs".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn steps_have_the_rates_of_their_rows() {
        // Rates .1, .5, .3 (pooled with the one before: .4), .9, of 100 rows each.
        let answers: Vec<Answer> = [(0.0, 10), (1.0, 50), (2.0, 30), (3.0, 90)]
            .iter()
            .flat_map(|&(margin, yes)| {
                (0..100).map(move |row| Answer { margin, label: row < yes, weight: 1.0 })
            })
            .collect();
        let curve = Isotonic::fit(&answers).unwrap();
        assert_eq!(curve.margins, [0.0, 1.5, 3.0]);
        for (margin, yes, no) in [(0.0, 10.5, 90.5), (1.5, 80.5, 120.5), (3.0, 90.5, 10.5)] {
            assert!((curve.log_odds(margin) - f64::ln(yes / no)).abs() < 1e-12);
        }
        assert!((curve.log_odds(5.0) - curve.log_odds(3.0) - 2.0).abs() < 1e-12);
        assert!(Isotonic::fit(&answers[..100]).is_none());
    }

    proptest! {
        #[test]
        fn every_curve_rises_and_is_accepted(
            drawn in prop::collection::vec((-8i8..8, any::<bool>(), 1u8..4), 1..400)
        ) {
            let answers: Vec<Answer> = drawn
                .iter()
                .map(|(margin, label, weight)| {
                    Answer { margin: f64::from(*margin) / 3.0, label: *label, weight: f64::from(*weight) }
                })
                .collect();
            if let Some(curve) = Isotonic::fit(&answers) {
                prop_assert!(curve.check().is_ok());
                let line: Vec<f64> = (-50..50).map(|x| curve.log_odds(f64::from(x) / 10.0)).collect();
                prop_assert!(line.is_sorted(), "{:?}", curve);
            }
        }
    }
}
