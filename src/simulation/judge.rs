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

/// Compares contestants; intervals are 95 % bootstrap intervals over customers.
///
/// # Errors
/// [`models::Error`] without customers.
pub fn contest(
    played: &BTreeMap<Contestant, Played>,
    n_customers: usize,
    days: u32,
) -> models::Result<Vec<Contest>> {
    let totals = |played: &Played| {
        let mut totals = vec![0.0; n_customers];
        played.steps.iter().for_each(|step| totals[step.customer] += step.expected);
        totals
    };
    let full = played.get(&Contestant::Full).map(totals);
    played
        .iter()
        .map(|(contestant, played)| {
            let behind = full.as_ref().filter(|_| *contestant != Contestant::Full).map(|full| {
                let own = totals(played);
                let differences: Vec<f64> = own.iter().zip(full).map(|(own, full)| own - full).collect();
                Bootstrap::default().mean(&differences)
            });
            Ok(Contest {
                name: contestant.name(),
                regret: regret(played, n_customers, days)?,
                behind_full: behind.transpose()?,
            })
        })
        .collect()
}

fn regret(played: &Played, n_customers: usize, days: u32) -> models::Result<Regret> {
    let steps: Vec<&Step> = played.steps.iter().collect();
    let third = |at: u32| -> Vec<&Step> {
        let within = |step: &&&Step| step.day * 3 / days.max(1) == at;
        steps.iter().filter(within).copied().collect()
    };
    let n = steps.len().max(1) as f64;
    Ok(Regret {
        all: per_decision(&steps, n_customers)?,
        thirds: (0..3).map(|at| per_decision(&third(at), n_customers)).collect::<models::Result<_>>()?,
        earned: steps.iter().map(|step| step.expected).sum::<f64>() / n,
        best: steps.iter().map(|step| step.best).sum::<f64>() / n,
        decisions: steps.len(),
        left: played.left,
        over_cap: over_cap(&played.steps),
    })
}

/// The regret per decision: resamples customers, whose decisions hang together.
fn per_decision(steps: &[&Step], n_customers: usize) -> models::Result<Interval> {
    let (mut sums, mut counts) = (vec![0.0; n_customers], vec![0.0; n_customers]);
    for step in steps {
        sums[step.customer] += step.best - step.expected;
        counts[step.customer] += 1.0;
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
pub fn calibration(played: &Played, from: u32, n_offers: usize) -> Vec<Calibration> {
    let of = |offer: usize| {
        let shown = played.steps.iter().filter(move |step| step.shown == Some(offer) && step.day >= from);
        let (mut n, mut accepted, mut foretold) = (0, 0, 0.0);
        for step in shown {
            (n, accepted, foretold) =
                (n + 1, accepted + usize::from(step.accepted), foretold + step.foretold);
        }
        Calibration { offer: offer_id(offer), shown: n, accepted, ratio: foretold / accepted as f64 }
    };
    (0..n_offers).map(of).collect()
}

/// What the estimators say of a policy from another one's log, beside the truth. `policy` gives the probability with
/// which the new policy would have shown each offer first in a decision.
///
/// # Errors
/// [`models::Error`] where the log allows no estimate.
pub fn estimator_errors(
    steps: &[Step],
    logged: &HashMap<String, f64>,
    policy: &HashMap<String, Vec<(usize, f64)>>,
) -> models::Result<Vec<EstimatorError>> {
    let used: Vec<(&Step, usize)> = steps
        .iter()
        .filter_map(|step| Some((step, step.shown?)))
        .filter(|(step, _)| policy.contains_key(&step.decision_id))
        .collect();
    let shown: Vec<Shown> = used
        .iter()
        .map(|(step, offer)| Shown {
            action: *offer as u32,
            reward: f64::from(u8::from(step.accepted)),
            logged: logged.get(&step.decision_id).copied().unwrap_or(1.0),
        })
        .collect();
    let customers = || used.iter().map(|(step, _)| step.customer);
    let mean = shown.iter().map(|shown| shown.reward).sum::<f64>() / shown.len().max(1) as f64;
    let params = RewardModelParams { prior_reward: 10.0 * mean, prior_rows: 10.0 }.check()?;
    let model = params.cross_fit(&shown, customers(), 5, 0)?;
    let rows: Vec<Row> = used
        .iter()
        .enumerate()
        .map(|(at, (step, _))| {
            let chances: Vec<(u32, f64)> =
                policy[&step.decision_id].iter().map(|(offer, chance)| (*offer as u32, *chance)).collect();
            model.row(at, &chances)
        })
        .collect::<models::Result<_>>()?;
    let truth = used
        .iter()
        .map(|(step, _)| {
            policy[&step.decision_id].iter().map(|(offer, chance)| chance * step.truth[*offer]).sum::<f64>()
        })
        .sum::<f64>()
        / used.len().max(1) as f64;
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
