//! Where time is cut: quantiles of the times at which spells ended.

use super::Spell;
use crate::error::{Error, Result};

/// Bins of time, the first from day 0: bin j ends with, and holds, day `edges[j]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bins {
    /// Ascending, above 0, at least one.
    edges: Vec<f32>,
}

/// What a spell tells about the bins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Exposure {
    /// Bins that it outlasted.
    pub(super) outlasted: usize,
    /// The share of the next bin that it was seen in, 1 where it ended; 0 after the last bin.
    pub(super) share: f64,
    /// Whether it ended in that bin.
    pub(super) ended: bool,
}

impl Bins {
    /// At most `most` bins with about as many ends in each; the times themselves where they are so few.
    ///
    /// # Errors
    /// [`Error::Empty`] when no spell ended after day 0.
    pub(super) fn of(spells: &[Spell], most: usize) -> Result<Self> {
        let mut ends: Vec<f32> = spells.iter().filter(|s| s.ended && s.days > 0.0).map(|s| s.days).collect();
        ends.sort_by(f32::total_cmp);
        let mut times = ends.clone();
        times.dedup();
        let edges = if times.len() <= most { times } else { quantiles(&ends, most) };
        if edges.is_empty() {
            return Err(Error::Empty {
                what: "the list of spells that ended after day 0",
                remedy: "give spells of which at least one ended; a curve worth trusting needs a hundred",
            });
        }
        Ok(Self { edges })
    }

    /// Takes edges that are known to be sound.
    pub(super) fn from_edges(edges: Vec<f32>) -> Self {
        Self { edges }
    }

    pub(super) fn edges(&self) -> &[f32] {
        &self.edges
    }

    pub(super) fn len(&self) -> usize {
        self.edges.len()
    }

    pub(super) fn exposure(&self, spell: Spell) -> Exposure {
        let outlasted = self.edges.partition_point(|edge| *edge < spell.days);
        let start = outlasted.checked_sub(1).map_or(0.0, |bin| self.edges[bin]);
        let share = match self.edges.get(outlasted) {
            None => 0.0,
            Some(_) if spell.ended => 1.0,
            Some(end) => share_of(start, *end, spell.days),
        };
        Exposure { outlasted, share, ended: spell.ended && outlasted < self.len() }
    }
}

/// Which share of the days from `start` to `end` has passed on a day between them.
pub(super) fn share_of(start: f32, end: f32, days: f32) -> f64 {
    ((f64::from(days) - f64::from(start)) / (f64::from(end) - f64::from(start))).clamp(0.0, 1.0)
}

/// The last of each of `parts` equal parts of sorted times, each once.
fn quantiles(times: &[f32], parts: usize) -> Vec<f32> {
    let mut edges: Vec<f32> =
        (1..=parts).map(|part| times[(part * times.len()).div_ceil(parts) - 1]).collect();
    edges.dedup();
    edges
}
