//! What the arms of an experiment did, beside the control group.

use super::means::{MeanDifference, Sample, welch};
use super::rates::{Rate, newcombe};
use super::sample_ratio::SampleRatio;
use crate::error::{Error, Result};
use crate::measures::Interval;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What one unit did while the experiment ran.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitOutcome {
    /// Whether it responded at all: accepted, bought, whatever is compared.
    pub responded: bool,
    /// Money that it brought; 0 for none.
    pub money: f64,
}

/// All units of one arm.
#[derive(Clone, Debug, PartialEq)]
pub struct ArmOutcome {
    name: String,
    share: f64,
    responded: u64,
    money: Sample,
}

impl ArmOutcome {
    /// An arm without units yet, and the share of units that was promised to it.
    pub fn new(name: impl Into<String>, share: f64) -> Self {
        Self { name: name.into(), share, responded: 0, money: Sample::default() }
    }

    /// Takes one more unit.
    pub fn add(&mut self, unit: UnitOutcome) {
        self.responded += u64::from(unit.responded);
        self.money.add(unit.money);
    }
}

/// One arm by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmSummary {
    /// Its name.
    pub arm: String,
    /// The share of units that was promised to it.
    pub share: f64,
    /// Units that it has.
    pub units: u64,
    /// Units that responded.
    pub responded: u64,
    /// Their share with its Wilson interval; `None` without units.
    pub rate: Option<Interval>,
    /// Mean money of a unit; `None` without units.
    pub money: Option<f64>,
}

/// An arm less the control group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The arm.
    pub arm: String,
    /// The difference of the shares of units that responded.
    pub rate_difference: Interval,
    /// The difference of mean money per unit; `None` where no unit's money differs.
    pub money_difference: Option<MeanDifference>,
}

/// An experiment so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// All arms, in the order given.
    pub arms: Vec<ArmSummary>,
    /// The name of the control group.
    pub control: String,
    /// Whether units were lost on the way.
    pub sample_ratio: SampleRatio,
    /// Every other arm that has units, less the control group; nobody may conclude from them what the verdict refuses.
    pub comparisons: Vec<Comparison>,
    /// Whether the comparisons may be believed.
    pub verdict: Verdict,
}

/// Whether the comparisons of an experiment may be believed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// Arms have the units that their shares promise.
    Valid,
    /// They have not, and by more than chance.
    SampleRatioMismatch {
        /// How likely that would be by chance.
        p_value: f64,
    },
}

impl Verdict {
    /// Whether anything may be concluded.
    pub fn is_valid(&self) -> bool {
        matches!(self, Self::Valid)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("valid: the arms have the units that their shares promise"),
            Self::SampleRatioMismatch { p_value } => write!(
                f,
                "refused: the arms do not have the units that their shares promise (p = {p_value:.2e}, below 0.001); \
                 conclude nothing: find where units were lost, counted twice or moved between arms, or whether shares \
                 changed midway"
            ),
        }
    }
}

/// Compares every arm with the arm at the place `control`, after checking that the arms have the units that their shares
/// promise. Intervals are 95 % for each comparison by itself: with many arms, some will seem to differ by chance.
///
/// # Errors
/// [`Error::OutOfRange`] for a control that is no arm's place; [`Error::Empty`] for a control group without units;
/// [`Error::NotFinite`] for money that is not finite or too large to be squared; those of [`SampleRatio::of`].
pub fn compare(arms: &[ArmOutcome], control: usize) -> Result<Experiment> {
    let Some(reference) = arms.get(control) else {
        let expected = "the place of an arm, counted from 0";
        return Err(Error::OutOfRange { name: "control", value: control.to_string(), expected });
    };
    if let Some(arm) = arms.iter().find(|arm| !arm.money.is_finite()) {
        return Err(Error::NotFinite { what: "money of units", at: format!("arm {}", arm.name) });
    }
    if reference.money.n() == 0 {
        let remedy = "wait for units, or choose an arm that has some";
        return Err(Error::Empty { what: "the control group", remedy });
    }
    let units: Vec<u64> = arms.iter().map(|arm| arm.money.n()).collect();
    let shares: Vec<f64> = arms.iter().map(|arm| arm.share).collect();
    let sample_ratio = SampleRatio::of(&units, &shares)?;
    let mut comparisons = Vec::new();
    for (place, arm) in arms.iter().enumerate() {
        if place != control && arm.money.n() > 0 {
            comparisons.push(Comparison {
                arm: arm.name.clone(),
                rate_difference: newcombe(arm.rate()?, reference.rate()?),
                money_difference: welch(&arm.money, &reference.money),
            });
        }
    }
    let verdict = if sample_ratio.holds() {
        Verdict::Valid
    } else {
        Verdict::SampleRatioMismatch { p_value: sample_ratio.p_value }
    };
    let arms = arms.iter().map(ArmOutcome::summary).collect();
    Ok(Experiment { arms, control: reference.name.clone(), sample_ratio, comparisons, verdict })
}

impl ArmOutcome {
    fn rate(&self) -> Result<Rate> {
        Rate::new(self.responded, self.money.n())
    }

    fn summary(&self) -> ArmSummary {
        let units = self.money.n();
        ArmSummary {
            arm: self.name.clone(),
            share: self.share,
            units,
            responded: self.responded,
            rate: self.rate().ok().map(Rate::wilson),
            money: (units > 0).then(|| self.money.mean()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::Allocation;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    /// Units in two arms, of which shares respond; who responds brings 0 to 100.
    fn experiment(seed: u64, units: usize, rates: [f64; 2]) -> Experiment {
        let allocation = Allocation::new(format!("salt {seed}"), [((), 0.7), ((), 0.3)]).unwrap();
        let mut arms = [ArmOutcome::new("nba", 0.7), ArmOutcome::new("control", 0.3)];
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        for unit in 0..units {
            let arm = allocation.index(&format!("household {unit}"));
            let responded = random.random::<f64>() < rates[arm];
            let money = if responded { 100.0 * random.random::<f64>() } else { 0.0 };
            arms[arm].add(UnitOutcome { responded, money });
        }
        compare(&arms, 1).unwrap()
    }

    #[test]
    fn intervals_cover_a_difference_and_the_lack_of_one_19_times_of_20() {
        for (rates, money) in [([0.08, 0.08], 0.0), ([0.12, 0.08], 2.0)] {
            let (mut rate_covered, mut money_covered, mut alarms) = (0, 0, 0);
            for seed in 0..1000 {
                let found = experiment(seed, 1500, rates);
                let comparison = &found.comparisons[0];
                let covers = |interval: Interval, truth: f64| interval.low <= truth && truth <= interval.high;
                let of_money = comparison.money_difference.unwrap();
                assert_eq!(covers(of_money.difference, 0.0), of_money.p_value >= 0.05, "{of_money:?}");
                rate_covered += u32::from(covers(comparison.rate_difference, rates[0] - rates[1]));
                money_covered += u32::from(covers(of_money.difference, money));
                alarms += u32::from(!found.verdict.is_valid());
            }
            // Three standard errors of a share of .95 in 1,000 are .02.
            assert!((930..=970).contains(&rate_covered) && (930..=970).contains(&money_covered));
            assert!(alarms <= 5, "{alarms} of 1,000 at 0.001");
        }
    }

    #[test]
    fn units_lost_from_one_arm_refuse_the_verdict_in_words() {
        let arm = |name: &str, share, units| {
            let mut arm = ArmOutcome::new(name, share);
            for n in 0..units {
                arm.add(UnitOutcome { responded: n % 10 == 0, money: f64::from(n % 7) });
            }
            arm
        };
        let arms = [arm("nba", 0.5, 48_000), arm("control", 0.5, 50_000), arm("planned", 0.0, 0)];
        let found = compare(&arms, 1).unwrap();
        let words = found.verdict.to_string();
        assert!(!found.verdict.is_valid() && words.starts_with("refused"));
        assert_eq!(found.comparisons.len(), 1, "an arm without units is not compared");
        assert_eq!((found.arms[2].rate, found.arms[2].money), (None, None));
        assert_eq!(found.arms[0].responded, 4_800);
        assert!(compare(&arms, 3).is_err() && compare(&arms, 2).is_err());
    }

    #[test]
    fn money_that_is_no_number_is_refused_and_none_at_all_is_not_compared() {
        let arm = |name: &str, money| {
            let mut arm = ArmOutcome::new(name, 0.5);
            (0..9).for_each(|_| arm.add(UnitOutcome { responded: false, money }));
            arm
        };
        let message = compare(&[arm("nba", f64::NAN), arm("control", 0.0)], 1).unwrap_err().to_string();
        assert!(message.contains("arm nba"), "{message}");
        let found = compare(&[arm("nba", 0.0), arm("control", 0.0)], 1).unwrap();
        assert!(found.comparisons[0].money_difference.is_none() && found.verdict.is_valid());
    }
}
