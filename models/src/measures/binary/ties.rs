//! Measures computed from ties: the customers of equal probability taken together, so that no order among equals
//! flatters or hurts.

use super::ReliabilityBin;
use crate::error::{Error, Result, require};

const BINS: usize = 10;

/// Customers in rising order of probability, sorted once for all draws.
pub(super) struct Judged {
    order: Vec<u32>,
    labels: Vec<bool>,
    /// Where the customers of each probability begin, with its losses.
    starts: Vec<(usize, Tie)>,
}

/// Customers of equal probability, as often as they were drawn.
#[derive(Clone, Copy)]
pub(super) struct Tie {
    probability: f64,
    /// −log probability of a yes and of a no.
    losses: [f64; 2],
    mass: f64,
    yes: f64,
}

/// Neighbouring ties, summed.
#[derive(Clone, Copy, Default)]
pub(super) struct Bin {
    predicted: f64,
    pub(super) mass: f64,
    yes: f64,
}

impl Judged {
    pub(super) fn new(labels: &[bool], probabilities: &[f64]) -> Result<Self> {
        if labels.len() != probabilities.len() {
            return Err(Error::Shape {
                what: "the probabilities to judge".into(),
                expected: format!("{} numbers, one per answer", labels.len()),
                found: format!("{} numbers", probabilities.len()),
            });
        }
        for probability in probabilities {
            require((0.0..=1.0).contains(probability), "a probability", probability, "from 0 to 1")?;
        }
        let yes = labels.iter().filter(|label| **label).count();
        if yes == 0 || yes == labels.len() {
            return Err(Error::Shape {
                what: "the answers to judge by".into(),
                expected: "at least one yes and one no (judge more customers, or over another horizon)"
                    .into(),
                found: format!("{yes} yes and {} no", labels.len() - yes),
            });
        }
        let probability = |customer: u32| probabilities[customer as usize];
        let mut order: Vec<u32> = (0..labels.len() as u32).collect();
        order.sort_by(|a, b| probability(*a).total_cmp(&probability(*b)).then(a.cmp(b)));
        let mut starts: Vec<(usize, Tie)> = Vec::new();
        for (at, customer) in order.iter().enumerate() {
            let p = probability(*customer);
            if starts.last().is_none_or(|(_, tie)| tie.probability != p) {
                let losses = [p, 1.0 - p].map(|p| -p.clamp(1e-15, 1.0 - 1e-15).ln());
                starts.push((at, Tie { probability: p, losses, mass: 0.0, yes: 0.0 }));
            }
        }
        let labels = order.iter().map(|customer| labels[*customer as usize]).collect();
        Ok(Self { order, labels, starts })
    }

    /// The ties that were drawn, lowest probability first.
    pub(super) fn ties(&self, times: &[u32]) -> Vec<Tie> {
        let mut ties = Vec::with_capacity(self.starts.len());
        for (place, (start, tie)) in self.starts.iter().enumerate() {
            let end = self.starts.get(place + 1).map_or(self.order.len(), |next| next.0);
            let (mut mass, mut yes) = (0, 0);
            for at in *start..end {
                let times = times[self.order[at] as usize];
                mass += times;
                yes += if self.labels[at] { times } else { 0 };
            }
            if mass > 0 {
                ties.push(Tie { mass: f64::from(mass), yes: f64::from(yes), ..*tie });
            }
        }
        ties
    }
}

fn masses(ties: &[Tie]) -> (f64, f64) {
    ties.iter().fold((0.0, 0.0), |(mass, yes), tie| (mass + tie.mass, yes + tie.yes))
}

pub(super) fn auc(ties: &[Tie]) -> f64 {
    let (mut pairs, mut no_below) = (0.0, 0.0);
    for tie in ties {
        let no = tie.mass - tie.yes;
        pairs += tie.yes * (no_below + 0.5 * no);
        no_below += no;
    }
    let (mass, yes) = masses(ties);
    let all = yes * (mass - yes);
    if all > 0.0 { pairs / all } else { 0.5 }
}

pub(super) fn brier(ties: &[Tie]) -> f64 {
    let squares = |tie: &Tie| {
        tie.yes * (1.0 - tie.probability).powi(2) + (tie.mass - tie.yes) * tie.probability.powi(2)
    };
    ties.iter().map(squares).sum::<f64>() / masses(ties).0
}

pub(super) fn log_loss(ties: &[Tie]) -> f64 {
    let losses = |tie: &Tie| tie.yes * tie.losses[0] + (tie.mass - tie.yes) * tie.losses[1];
    ties.iter().map(losses).sum::<f64>() / masses(ties).0
}

pub(super) fn bins(ties: &[Tie]) -> [Bin; BINS] {
    let all = masses(ties).0;
    let mut bins = [Bin::default(); BINS];
    let mut below = 0.0;
    for tie in ties {
        let middle = (below + 0.5 * tie.mass) / all;
        let bin = &mut bins[((middle * BINS as f64) as usize).min(BINS - 1)];
        bin.predicted += tie.mass * tie.probability;
        bin.mass += tie.mass;
        bin.yes += tie.yes;
        below += tie.mass;
    }
    bins
}

pub(super) fn ece(bins: &[Bin; BINS]) -> f64 {
    let all: f64 = bins.iter().map(|bin| bin.mass).sum();
    bins.iter().map(|bin| (bin.predicted - bin.yes).abs()).sum::<f64>() / all
}

impl Bin {
    pub(super) fn report(self) -> ReliabilityBin {
        ReliabilityBin {
            mean_predicted: self.predicted / self.mass,
            observed: self.yes / self.mass,
            customers: self.mass as usize,
        }
    }
}

/// The share of all yeses among a share of the customers, highest probability first; of a tie that the share cuts,
/// as many as chance would give. A draw without a yes has the lift of chance.
pub(super) fn caught(ties: &[Tie], contacted: f64) -> f64 {
    let (all, all_yes) = masses(ties);
    if all_yes == 0.0 {
        return contacted;
    }
    let (mut left, mut yes) = (contacted * all, 0.0);
    for tie in ties.iter().rev() {
        let part = (left / tie.mass).min(1.0);
        yes += part * tie.yes;
        left -= part * tie.mass;
        if left <= 0.0 {
            break;
        }
    }
    yes / all_yes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_measure_is_what_its_definition_says(
            drawn in prop::collection::vec((any::<bool>(), 0u8..8, 0u32..3), 2..60)
        ) {
            let mut labels: Vec<bool> = drawn.iter().map(|d| d.0).collect();
            (labels[0], labels[1]) = (true, false);
            let p: Vec<f64> = drawn.iter().map(|d| f64::from(d.1) / 7.0).collect();
            let mut times: Vec<u32> = drawn.iter().map(|d| d.2).collect();
            (times[0], times[1]) = (1, 1);
            let ties = Judged::new(&labels, &p).unwrap().ties(&times);

            // The same customers, written out as often as they were drawn.
            let all: Vec<(bool, f64)> = (0..p.len())
                .flat_map(|i| std::iter::repeat_n((labels[i], p[i]), times[i] as usize))
                .collect();
            let (mut better, mut pairs) = (0.0, 0.0);
            for a in all.iter().filter(|a| a.0) {
                for b in all.iter().filter(|b| !b.0) {
                    better += if a.1 > b.1 { 1.0 } else if a.1 == b.1 { 0.5 } else { 0.0 };
                    pairs += 1.0;
                }
            }
            prop_assert!((auc(&ties) - better / pairs).abs() < 1e-12);
            let n = all.len() as f64;
            let square = |(yes, p): &(bool, f64)| (p - f64::from(u8::from(*yes))).powi(2);
            prop_assert!((brier(&ties) - all.iter().map(square).sum::<f64>() / n).abs() < 1e-12);
            let loss = |(yes, p): &(bool, f64)| -(if *yes { *p } else { 1.0 - p }).clamp(1e-15, 1.0 - 1e-15).ln();
            prop_assert!((log_loss(&ties) - all.iter().map(loss).sum::<f64>() / n).abs() < 1e-9);
            let wrong = |bin: usize| -> f64 {
                let inside = all.iter().filter(|(_, p)| {
                    let below = all.iter().filter(|other| other.1 < *p).count() as f64;
                    let equal = all.iter().filter(|other| other.1 == *p).count() as f64;
                    (((below + equal / 2.0) / n * 10.0) as usize).min(9) == bin
                });
                inside.map(|(yes, p)| p - f64::from(u8::from(*yes))).sum::<f64>().abs()
            };
            prop_assert!((ece(&bins(&ties)) - (0..10).map(wrong).sum::<f64>() / n).abs() < 1e-9);
            let yes = all.iter().filter(|a| a.0).count() as f64;
            let expected: f64 = all.iter().filter(|a| a.0).map(|a| {
                let above = all.iter().filter(|other| other.1 > a.1).count() as f64;
                let equal = all.iter().filter(|other| other.1 == a.1).count() as f64;
                ((0.3 * n - above) / equal).clamp(0.0, 1.0)
            }).sum();
            prop_assert!((caught(&ties, 0.3) - expected / yes).abs() < 1e-9);
        }
    }
}
