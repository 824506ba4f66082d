//! What customers are worth: fitted on everything, and judged on the last part of the history.

use super::ValueConfig;
use super::windows::midnight;
use models::behaviour::{Behaviour, Facts, Rhythm};
use models::customers::{Learned, UNIT, ValueModels, summary};
use models::events::Timestamp;
use models::value::{
    BgNbd, BgNbdParams, Fitted, GammaGammaParams, Search, Span, Spend, Summary, spend_frequency_correlation,
};
use serde::{Deserialize, Serialize};

/// How the models of value were fitted, and how well they foretold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueReport {
    /// The model of orders, fitted on everything.
    pub purchases: FitReport,
    /// The model of baskets, or why there is none.
    pub baskets: Learned<FitReport>,
    /// How much spend and frequency go together, which the model of baskets assumes away.
    pub correlation: Option<f64>,
    /// From when it was judged.
    pub judged_from: Timestamp,
    /// For how many days.
    pub judged_days: f64,
    /// Foretold beside what came, by orders before.
    pub by_frequency: Vec<Foretold>,
    /// The mean absolute error of days with orders per customer: ours, and if everyone went on at their own rate.
    pub error: [f64; 2],
    /// Money that came, over money foretold, for all customers together; absent without a model of baskets.
    pub money_ratio: Option<f64>,
}

/// How a model was fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitReport {
    /// Customers.
    pub customers: usize,
    /// The log-likelihood at the maximum.
    pub log_likelihood: f64,
    /// Steps of the search.
    pub iterations: usize,
    /// Why the likeliest parameters were not taken, where they were not: those with the penalty were.
    pub fault: Option<String>,
    /// What the squared logarithms of the parameters cost, per customer.
    pub penalty: f64,
}

/// Customers of as many orders, and what was foretold of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foretold {
    /// Repeat orders before.
    pub repeats: String,
    /// How many customers.
    pub customers: usize,
    /// The mean number of days with orders foretold.
    pub foretold: f64,
    /// The mean number that came.
    pub came: f64,
}

/// The share of the history that is foretold, and its longest length in days.
const JUDGED: (f64, f64) = (0.25, 180.0);

/// Repeats told apart in the report: the first of each group.
const GROUPS: [u32; 10] = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55];

/// Fits on everything, after judging a fit on what was before the last part.
///
/// # Errors
/// In words, where there is too little to learn from.
pub(super) fn study(
    config: &ValueConfig,
    behaviour: &Behaviour,
    rhythm: &Rhythm,
    (first, end): (Timestamp, Timestamp),
) -> Result<(ValueModels, ValueReport), String> {
    let said = |error: models::Error| error.to_string();
    let judged_days = (end.days_since(first) * JUDGED.0).min(JUDGED.1);
    let judged_from = midnight(end.minus_days(judged_days));
    let earlier = Customers::before(behaviour, rhythm, judged_from);
    let (judged, _) = fit(config, &earlier)?;
    let judgement = judge(&judged, &earlier, behaviour, (judged_from, end)).map_err(said)?;
    let all = Customers::before(behaviour, rhythm, end);
    let (models, fits) = fit(config, &all)?;
    let (by_frequency, error, money_ratio) = judgement;
    let report = ValueReport {
        purchases: fits.0,
        baskets: fits.1,
        correlation: spend_frequency_correlation(&all.spends()),
        judged_from,
        judged_days: end.days_since(judged_from),
        by_frequency,
        error,
        money_ratio,
    };
    Ok((models, report))
}

/// What is known of everyone with an order before a moment.
struct Customers {
    of: Vec<(models::ids::CustomerIx, Facts)>,
    summaries: Vec<Summary>,
}

impl Customers {
    fn before(behaviour: &Behaviour, rhythm: &Rhythm, at: Timestamp) -> Self {
        let facts = behaviour.rows().map(|(customer, acts)| (customer, Facts::of(acts, at, rhythm)));
        let of: Vec<_> = facts.filter(|(_, facts)| facts.orders > 0).collect();
        let summaries = of.iter().filter_map(|(_, facts)| summary(facts)).collect();
        Self { of, summaries }
    }

    fn spends(&self) -> Vec<Spend> {
        self.summaries.iter().filter_map(Summary::spend).collect()
    }
}

type Fits = (FitReport, Learned<FitReport>);

fn fit(config: &ValueConfig, customers: &Customers) -> Result<(ValueModels, Fits), String> {
    let said = |error: models::Error| error.to_string();
    let clv = config.clv.clone();
    clv.clone().check().map_err(said)?;
    let (purchases, of_purchases) = with_penalty(config.purchases.search.penalty, |penalty| {
        let search = Search { penalty, ..config.purchases.search };
        BgNbdParams { search }.check()?.fit(&customers.summaries, UNIT)
    })
    .map_err(|reason| format!("the model of orders: {reason}"))?;
    let baskets = with_penalty(config.baskets.search.penalty, |penalty| {
        let search = Search { penalty, ..config.baskets.search };
        GammaGammaParams { search }.check()?.fit(&customers.spends())
    });
    let (baskets, of_baskets) = match baskets {
        Ok((model, report)) => (Learned::Learned(model), Learned::Learned(report)),
        Err(reason) => {
            let reason = format!("the model of baskets: {reason}; value is told in orders");
            (Learned::Refused(reason.clone()), Learned::Refused(reason))
        }
    };
    Ok((ValueModels { purchases, baskets, clv }, (of_purchases, of_baskets)))
}

/// Penalties to fall back on where the likeliest parameters lie beyond all bounds, which customers who hardly ever
/// stop, or who all buy alike, leave open.
const PENALTIES: [f64; 3] = [1e-5, 1e-4, 1e-3];

/// The fit with the stated penalty, or the smallest one with which there is a maximum.
fn with_penalty<M>(
    stated: f64,
    fit: impl Fn(f64) -> models::Result<Fitted<M>>,
) -> Result<(M, FitReport), String> {
    let mut fault = None;
    for penalty in [stated].into_iter().chain(PENALTIES.into_iter().filter(|penalty| *penalty > stated)) {
        let fitted = fit(penalty).map_err(|error| error.to_string())?;
        if fitted.converged {
            let report = FitReport {
                customers: fitted.customers,
                log_likelihood: fitted.log_likelihood,
                iterations: fitted.iterations,
                fault,
                penalty,
            };
            return Ok((fitted.model, report));
        }
        fault = fault.or(fitted.reason);
    }
    Err(format!("it did not converge: {}", fault.unwrap_or_default()))
}

/// Foretold beside what came by frequency, the two mean errors, and the ratio of money.
type Judgement = (Vec<Foretold>, [f64; 2], Option<f64>);

/// Foretells the days with orders between two moments, and counts those that came.
fn judge(
    models: &ValueModels,
    earlier: &Customers,
    behaviour: &Behaviour,
    (from, to): (Timestamp, Timestamp),
) -> models::Result<Judgement> {
    let days = to.days_since(from);
    let horizon = Span::new(days, UNIT);
    let mut groups: Vec<(f64, f64, usize)> = vec![(0.0, 0.0, 0); GROUPS.len()];
    let (mut error, mut money) = ([0.0; 2], [0.0; 2]);
    for ((customer, facts), summary) in earlier.of.iter().zip(&earlier.summaries) {
        let foretold = models.purchases.expected_orders(summary, horizon)?;
        let (came, bought) = came(behaviour.of(*customer), from);
        let group = GROUPS.partition_point(|first| *first <= summary.frequency) - 1;
        let (sum, sum_came, n) = &mut groups[group];
        (*sum, *sum_came, *n) = (*sum + foretold, *sum_came + came, *n + 1);
        let own_rate = days * f64::from(facts.order_days) / facts.observed_days.max(1.0);
        error[0] += (foretold - came).abs();
        error[1] += (own_rate - came).abs();
        if let Some(baskets) = models.baskets.learned() {
            money[0] += foretold * baskets.expected_basket(summary.spend().as_ref())?;
            money[1] += bought;
        }
    }
    let n = earlier.summaries.len().max(1) as f64;
    let named = GROUPS.iter().enumerate().map(|(at, first)| match GROUPS.get(at + 1) {
        Some(next) if next - first == 1 => first.to_string(),
        Some(next) => format!("{first} to {}", next - 1),
        None => format!("{first} and more"),
    });
    let by_frequency = named
        .zip(groups)
        .filter(|(_, group)| group.2 > 0)
        .map(|(repeats, (foretold, came, customers))| {
            let n = customers as f64;
            Foretold { repeats, customers, foretold: foretold / n, came: came / n }
        })
        .collect();
    Ok((by_frequency, error.map(|sum| sum / n), (money[0] > 0.0).then(|| money[1] / money[0])))
}

/// Days with orders from a moment on, and the money of all acts, net of what was brought back.
fn came(acts: &[models::behaviour::Act], from: Timestamp) -> (f64, f64) {
    let later = &acts[acts.partition_point(|act| act.at < from)..];
    let orders = later.iter().filter(|act| act.kind == models::behaviour::ActKind::Order);
    let mut days: Vec<i64> = orders.map(|order| order.at.day()).collect();
    days.dedup();
    let money = later.iter().map(|act| f64::from(act.bought) - f64::from(act.returned)).sum();
    (days.len() as f64, money)
}

/// The chance to buy within the horizon by the model of orders alone: a baseline for churn.
pub(super) fn p_buy(model: &BgNbd, facts: &Facts, horizon_days: f64) -> Option<f64> {
    model.p_buy(&summary(facts)?, Span::new(horizon_days, UNIT)).ok()
}
