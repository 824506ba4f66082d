//! What the contest comes to: regret, calibration, caps, and how far estimators are from the truth.

use super::contestant::{Contestant, offer_id};
use super::play::{Played, Step};
use models::measures::{Bootstrap, Interval};
use models::off_policy::{Estimator, Log, RewardModelParams, Row, Shown};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// What a contestant loses against who knows everything, in money per decision.
#[derive(Clone, Debug, Serialize)]
pub struct Regret {
    /// Over all days.
    pub all: Interval,
    /// Over each third of the days.
    pub thirds: Vec<Interval>,
    /// The expected value of what was shown, per decision.
    pub earned: f64,
    /// The expected value of the best that was allowed, per decision.
    pub best: f64,
    /// Decisions.
    pub decisions: usize,
    /// Customers who left.
    pub left: usize,
    /// E-mails beyond four in 30 days: must be none.
    pub over_cap: usize,
}

/// A contestant's regret, and the paired difference to the full policy.
#[derive(Clone, Debug, Serialize)]
pub struct Contest {
    /// Who.
    pub name: &'static str,
    /// What they lose.
    pub regret: Regret,
    /// Their total over customers less the full policy's, in money per customer; absent for the full policy.
    pub behind_full: Option<Interval>,
}

/// How well the propensity of an offer was borne out in the last half of the days.
#[derive(Clone, Debug, Serialize)]
pub struct Calibration {
    /// The seed of its world.
    pub world: u64,
    /// Which offer.
    pub offer: String,
    /// Times shown.
    pub shown: usize,
    /// Times accepted.
    pub accepted: usize,
    /// Mean foretold over observed.
    pub ratio: f64,
}

/// How far an estimator is from the truth.
#[derive(Clone, Debug, Serialize)]
pub struct EstimatorError {
    /// Which.
    pub estimator: &'static str,
    /// What it says, in acceptances per decision.
    pub value: f64,
    /// Its interval.
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// The truth.
    pub truth: f64,
    /// Whether the interval holds it.
    pub covers: bool,
}

/// Compares contestants in some worlds of as many customers each; intervals are 95 % bootstrap intervals over all
/// customers.
///
/// # Errors
/// [`models::Error`] without customers.
pub fn contest(
    worlds: &[&BTreeMap<Contestant, Played>],
    n_customers: usize,
    days: u32,
) -> models::Result<Vec<Contest>> {
    let n_in_all = n_customers * worlds.len();
    let steps_of = |contestant: Contestant| -> Vec<(usize, &Step)> {
        let mut steps = Vec::new();
        for (at, world) in worlds.iter().copied().enumerate() {
            let of_world = world.get(&contestant).map_or(&[][..], |played| &played.steps);
            steps.extend(of_world.iter().map(|step| (at * n_customers + step.customer, step)));
        }
        steps
    };
    let totals = |steps: &[(usize, &Step)]| {
        let mut totals = vec![0.0; n_in_all];
        steps.iter().for_each(|(customer, step)| totals[*customer] += step.expected);
        totals
    };
    let full = totals(&steps_of(Contestant::Full));
    let one = |contestant: Contestant| {
        let steps = steps_of(contestant);
        let behind = (contestant != Contestant::Full).then(|| {
            let differences: Vec<f64> =
                totals(&steps).iter().zip(&full).map(|(own, full)| own - full).collect();
            Bootstrap::default().mean(&differences)
        });
        let third = |at: u32| {
            let within = |(_, step): &&(usize, &Step)| step.day * 3 / days.max(1) == at;
            per_decision(&steps.iter().filter(within).copied().collect::<Vec<_>>(), n_in_all)
        };
        let n = steps.len().max(1) as f64;
        let of_worlds = || worlds.iter().filter_map(|world| world.get(&contestant));
        let regret = Regret {
            all: per_decision(&steps, n_in_all)?,
            thirds: (0..3).map(third).collect::<models::Result<_>>()?,
            earned: steps.iter().map(|(_, step)| step.expected).sum::<f64>() / n,
            best: steps.iter().map(|(_, step)| step.best).sum::<f64>() / n,
            decisions: steps.len(),
            left: of_worlds().map(|played| played.left).sum(),
            over_cap: of_worlds().map(|played| over_cap(&played.steps)).sum(),
        };
        Ok(Contest { name: contestant.name(), regret, behind_full: behind.transpose()? })
    };
    Contestant::ALL.into_iter().map(one).collect()
}

/// The regret per decision: resamples customers, whose decisions hang together.
fn per_decision(steps: &[(usize, &Step)], n_customers: usize) -> models::Result<Interval> {
    let (mut sums, mut counts) = (vec![0.0; n_customers], vec![0.0; n_customers]);
    for (customer, step) in steps {
        sums[*customer] += step.best - step.expected;
        counts[*customer] += 1.0;
    }
    let drawn = |times: &[u32], of: &[f64]| -> f64 {
        times.iter().zip(of).map(|(times, one)| f64::from(*times) * one).sum()
    };
    Bootstrap::default().statistic(n_customers, |times| drawn(times, &sums) / drawn(times, &counts).max(1.0))
}

/// E-mails that are the fifth within 30 days or later, counted without the policy's code.
fn over_cap(steps: &[Step]) -> usize {
    let mut mails: HashMap<usize, Vec<u32>> = HashMap::new();
    for step in steps.iter().filter(|step| step.outbound && step.shown.is_some()) {
        mails.entry(step.customer).or_default().push(step.day);
    }
    let over = |days: &Vec<u32>| days.windows(5).filter(|window| window[4] - window[0] < 30).count();
    mails.values().map(over).sum()
}

/// How well propensities were borne out, offer by offer, from a day on.
pub fn calibration(played: &Played, world: u64, from: u32, n_offers: usize) -> Vec<Calibration> {
    let of = |offer: usize| {
        let shown = played.steps.iter().filter(move |step| step.shown == Some(offer) && step.day >= from);
        let (mut n, mut accepted, mut foretold) = (0, 0, 0.0);
        for step in shown {
            (n, accepted, foretold) =
                (n + 1, accepted + usize::from(step.accepted), foretold + step.foretold);
        }
        Calibration { world, offer: offer_id(offer), shown: n, accepted, ratio: foretold / accepted as f64 }
    };
    (0..n_offers).map(of).collect()
}

/// For each decision the probability with which its first offer was shown, and those with which another policy would
/// have shown each offer first.
pub type Chances = HashMap<String, (f64, Vec<(usize, f64)>)>;

/// What the estimators say of a policy from the logs of the policy that explores by ε, world by world, beside the truth.
///
/// # Errors
/// [`models::Error`] where the logs allow no estimate.
pub fn estimator_errors(
    worlds: &[(&BTreeMap<Contestant, Played>, &Chances)],
    n_customers: usize,
) -> models::Result<Vec<EstimatorError>> {
    let mut used = Vec::new();
    for (at, (played, chances)) in worlds.iter().enumerate() {
        let steps = played.get(&Contestant::EpsilonGreedy).map_or(&[][..], |played| &played.steps);
        used.extend(steps.iter().filter_map(|step| {
            let (logged, policy) = chances.get(&step.decision_id)?;
            // Offers of another world are other offers.
            let first_of_world = at * step.truth.len();
            Some(Used { step, offer: step.shown?, logged: *logged, policy, at, first_of_world })
        }));
    }
    let shown: Vec<Shown> = used.iter().map(Used::shown).collect();
    let customers = || used.iter().map(|used| used.at * n_customers + used.step.customer);
    let mean = shown.iter().map(|shown| shown.reward).sum::<f64>() / shown.len().max(1) as f64;
    let params = RewardModelParams { prior_reward: 10.0 * mean, prior_rows: 10.0 }.check()?;
    let model = params.cross_fit(&shown, customers(), 5, 0)?;
    let rows: Vec<Row> = used
        .iter()
        .enumerate()
        .map(|(row, used)| model.row(row, &used.chances()))
        .collect::<models::Result<_>>()?;
    let truth = used.iter().map(Used::truth).sum::<f64>() / used.len().max(1) as f64;
    let estimates = Log::new(rows)?.grouped_by(customers())?.estimates(None)?;
    let error = |(estimator, estimate): (&Estimator, &models::off_policy::Estimate)| EstimatorError {
        estimator: estimator.code(),
        value: estimate.value,
        low: estimate.low,
        high: estimate.high,
        truth,
        covers: estimate.low <= truth && truth <= estimate.high,
    };
    Ok(estimates.by_estimator.iter().map(error).collect())
}

/// A decision that estimators learn from.
struct Used<'a> {
    step: &'a Step,
    offer: usize,
    logged: f64,
    policy: &'a [(usize, f64)],
    at: usize,
    first_of_world: usize,
}

impl Used<'_> {
    fn shown(&self) -> Shown {
        Shown {
            action: (self.first_of_world + self.offer) as u32,
            reward: f64::from(u8::from(self.step.accepted)),
            logged: self.logged,
        }
    }

    fn chances(&self) -> Vec<(u32, f64)> {
        self.policy.iter().map(|(offer, chance)| ((self.first_of_world + offer) as u32, *chance)).collect()
    }

    fn truth(&self) -> f64 {
        self.policy.iter().map(|(offer, chance)| chance * self.step.truth[*offer]).sum()
    }
}
