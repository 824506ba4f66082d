//! The chance to still go on, day by day.

use super::bins::{Bins, share_of};

/// A survival curve: 1 on day 0, continuous, never rising, exponential within each bin.
///
/// It says nothing after [`Curve::beyond`]: nobody was seen to end later.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    bins: Bins,
    /// `−ln S` at each edge: finite, at least 0, never falling.
    cumulative: Vec<f64>,
}

/// A calibrated chance of 0 is taken for this: no curve reaches 0.
const LEAST: f64 = 1e-6;
/// The largest `−ln S`; the chance is 0 long before.
const MOST: f64 = 1e300;

impl Curve {
    /// From what each bin adds to `−ln S`.
    pub(super) fn new(bins: Bins, added: impl Iterator<Item = f64>) -> Self {
        let up_to = |sum: &mut f64, added: f64| {
            *sum = (*sum + added).min(MOST);
            Some(*sum)
        };
        let cumulative = added.scan(0.0, up_to).collect();
        Self { bins, cumulative }
    }

    /// The chance to still go on after some days; none outside `0..=beyond` days.
    pub fn at(&self, days: f32) -> Option<f32> {
        self.cumulative_at(days).map(survival)
    }

    /// Days until half have ended; none when the curve does not fall that far.
    pub fn median(&self) -> Option<f32> {
        let half = std::f64::consts::LN_2;
        let bin = self.cumulative.iter().position(|cumulative| *cumulative >= half)?;
        let ((start, before), (end, after)) =
            (self.before(bin), (self.bins.edges()[bin], self.cumulative[bin]));
        let share = (half - before) / (after - before);
        Some((f64::from(start) + share * (f64::from(end) - f64::from(start))) as f32)
    }

    /// Day 0 and each edge, with the chance to still go on; between them the logarithm of the chance is a straight line.
    pub fn points(&self) -> Vec<(f32, f32)> {
        let edges = self.bins.edges().iter().copied();
        let at_edges = edges.zip(self.cumulative.iter().copied().map(survival));
        std::iter::once((0.0, 1.0)).chain(at_edges).collect()
    }

    /// The last day of which the curve says anything: the latest end seen in training.
    pub fn beyond(&self) -> f32 {
        self.bins.edges().last().copied().unwrap_or(0.0)
    }

    /// The curve of the same shape that leaves a given chance to still go on after some days, as another, calibrated
    /// model has it: the hazard of every day is multiplied by one number, `S^k`.
    ///
    /// Days past the end of the curve are taken for its end. A chance is held within 0.000001 and 1. The curve stays
    /// as it is where no number leads through the point: on day 0, where it is flat until then, or for NaN.
    #[must_use]
    pub fn through(&self, days: f32, chance: f32) -> Self {
        let now = self.cumulative_at(days.min(self.beyond())).unwrap_or(0.0);
        let wanted = -f64::from(chance).clamp(LEAST, 1.0).ln();
        let factor = wanted / now;
        if days.is_nan() || !factor.is_finite() {
            return self.clone();
        }
        let cumulative = self.cumulative.iter().map(|sum| (sum * factor).min(MOST)).collect();
        Self { bins: self.bins.clone(), cumulative }
    }

    fn cumulative_at(&self, days: f32) -> Option<f64> {
        let bin = self.bins.edges().partition_point(|edge| *edge < days);
        let (&end, &after) = self.bins.edges().get(bin).zip(self.cumulative.get(bin))?;
        if days.is_nan() || days < 0.0 {
            return None;
        }
        let (start, before) = self.before(bin);
        Some((before + share_of(start, end, days) * (after - before)).min(after))
    }

    /// Where a bin begins, and `−ln S` there.
    fn before(&self, bin: usize) -> (f32, f64) {
        bin.checked_sub(1).map_or((0.0, 0.0), |last| (self.bins.edges()[last], self.cumulative[last]))
    }
}

fn survival(cumulative: f64) -> f32 {
    (-cumulative).exp() as f32
}
