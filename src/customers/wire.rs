//! What is said of customers, as JSON.

use super::insight::Insight;
use crate::config::Config;
use crate::releases::Serving;
use crate::store::Transition;
use chrono::{DateTime, Utc};
use models::churn::RiskBand;
use models::customers::{
    ChurnRisk, Daypart, Refusal, Score, Setting, Standing, Timing, Week, Worth, summary,
};
use models::payload::{Payload, PayloadValue};
use models::segments::{Cell, Language, Stage};
use serde::Serialize;
use utoipa::ToSchema;

/// Where a customer is in their life with the firm.
#[derive(Debug, Serialize, ToSchema)]
pub struct StageView {
    /// prospect, new, satisfied, dissatisfied, inactive, lost or closed.
    #[schema(example = "inactive")]
    pub code: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Why it is that one.
    #[schema(example = "no order for 74 days; usually one every 21 days")]
    pub reason: String,
    /// What it will be if nothing happens.
    pub next: Option<NextStage>,
}

/// What a stage becomes by time alone.
#[derive(Debug, Serialize, ToSchema)]
pub struct NextStage {
    /// The stage.
    #[schema(example = "lost")]
    pub code: &'static str,
    /// In how many days.
    pub in_days: f32,
}

/// The segments that a customer belongs to.
#[derive(Debug, Serialize, ToSchema)]
pub struct SegmentView {
    /// Recency, frequency and money, each from 1 to 5, as one word.
    #[schema(example = "R5F3M4")]
    pub rfm: Option<String>,
    /// The cell of value by intensity.
    #[schema(example = "champions")]
    pub code: Option<&'static str>,
    /// Its name.
    pub name: Option<&'static str>,
    /// The attitude that suits it.
    pub attitude: Option<&'static str>,
    /// The cluster of behaviour, where the release has stable ones.
    pub cluster: Option<usize>,
}

/// How likely a customer leaves.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChurnView {
    /// contractual: a closure; non_contractual: no order within the horizon.
    #[schema(value_type = String)]
    pub setting: Setting,
    /// How far ahead.
    pub horizon_days: f64,
    /// The calibrated probability.
    pub probability: f64,
    /// low, moderate, high or very_high, against the average customer.
    #[schema(value_type = String)]
    pub risk: RiskBand,
}

/// What a customer is worth.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValueView {
    /// The currency of all money.
    pub currency: String,
    /// How far ahead.
    pub horizon_months: u32,
    /// What money is worth less for every month that it comes later.
    pub monthly_discount: f64,
    /// The mean of what they will spend, discounted; absent where the history has no money that a model fits.
    pub clv: Option<f64>,
    /// Where it may come to lie: in `level` of all futures between the two.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// The share of futures inside.
    pub level: f64,
    /// The mean number of days with orders.
    pub expected_orders: f64,
    /// The mean basket.
    pub expected_basket: Option<f64>,
    /// `own` where it rests on their own repeat orders, `population` where it is everybody's.
    #[schema(value_type = Option<String>)]
    pub basis: Option<models::value::Basis>,
}

/// Something that is said, or why it is not.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Said<T> {
    /// It is.
    Known(T),
    /// It is not.
    Refused {
        /// A stable code: not_learned, no_order_yet, already_closed or not_begun.
        #[schema(value_type = String)]
        refused: Refusal,
        /// The reason in words, where the release has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// The typical portrait that a customer is nearest to.
#[derive(Debug, Serialize, ToSchema)]
pub struct PortraitView {
    /// Its number.
    pub number: usize,
    /// How far from it they are.
    pub distance: f32,
    /// The share of customers nearest to it.
    pub share: f64,
    /// What tells it from the others: the feature, and by how many standard deviations.
    #[schema(value_type = Vec<Object>)]
    pub traits: Vec<(String, f32)>,
    /// The items that its taste likes most.
    pub likes: Vec<String>,
}

/// What a customer prefers, and how that is known.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreferenceView {
    /// It.
    #[schema(example = "web")]
    pub value: String,
    /// declared or observed.
    pub source: &'static str,
    /// The share of their latest orders that have it, where it was observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// How many orders speak, where it was observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orders: Option<u32>,
}

/// What a customer's acts come to.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActivityView {
    /// Orders.
    pub orders: u32,
    /// Money bought less money brought back.
    pub spend: f64,
    /// The mean money of an order.
    pub basket: f64,
    /// Days since the first order.
    pub tenure_days: f64,
    /// Days since the last order.
    pub days_since_last_order: f64,
    /// Their usual days between two orders, shrunk to everybody's while few are known.
    pub usual_gap_days: f64,
    /// Different items bought.
    pub distinct_items: u32,
    /// The share of the money that was brought back.
    pub return_share: f64,
}

/// A change of stage.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransitionView {
    /// Its place in the order of all changes: where to go on reading from.
    pub sequence: i64,
    /// Whose.
    pub customer_id: String,
    /// The stage before.
    pub from: String,
    /// The stage since.
    pub to: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl From<Transition> for TransitionView {
    fn from(kept: Transition) -> Self {
        let Transition { sequence, transition } = kept;
        Self {
            sequence,
            customer_id: transition.customer_id,
            from: transition.from,
            to: transition.to,
            reason: transition.reason,
            at: transition.at,
        }
    }
}

/// What is said of a customer rests on this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// Nothing: answers are those for anyone.
    None,
    /// Attributes only.
    Profile,
    /// What the customer did.
    Events,
}

impl KnownBy {
    /// By what they did, else by their attributes.
    pub fn of(did_something: bool, has_profile: bool) -> Self {
        match (did_something, has_profile) {
            (true, _) => Self::Events,
            (false, true) => Self::Profile,
            (false, false) => Self::None,
        }
    }
}

/// A customer in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScoreView {
    /// Who.
    pub customer_id: String,
    /// What it rests on.
    pub evidence: KnownBy,
    /// Whether they refused to be profiled: then nothing else is said.
    pub profiling_refused: bool,
    /// The stage of their life cycle.
    pub stage: Option<&'static str>,
    /// The probability of leaving within the horizon.
    pub churn: Option<f32>,
    /// What that means among all.
    #[schema(value_type = Option<String>)]
    pub risk: Option<RiskBand>,
    /// What they are expected to be worth.
    pub clv: Option<f32>,
    /// Recency, frequency and money.
    pub rfm: Option<String>,
    /// The cell of value by intensity.
    pub segment: Option<&'static str>,
    /// The nearest typical portrait.
    pub portrait: Option<u16>,
    /// Orders so far.
    pub orders: Option<u32>,
    /// Money bought less money brought back.
    pub spend: Option<f32>,
    /// How like the examples they are, from -1 to 1, where one searched by examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f32>,
}

impl ScoreView {
    /// A score as it is shown.
    pub fn new(customer_id: String, score: &Score, similarity: Option<f32>) -> Self {
        let known = score.stage.is_some();
        Self {
            customer_id,
            evidence: KnownBy::of(score.acts > 0, known),
            profiling_refused: !known,
            stage: score.stage.map(Stage::code),
            churn: score.churn,
            risk: score.band,
            clv: score.clv,
            rfm: score.rfm.map(|rfm| rfm.to_string()),
            segment: score.cell.map(Cell::code),
            portrait: score.portrait,
            orders: known.then_some(score.orders),
            spend: known.then_some(score.net),
            similarity,
        }
    }
}

/// The stage of a standing.
pub fn stage(standing: &Standing, language: Language) -> StageView {
    StageView {
        code: standing.stage.code(),
        name: standing.stage.name(language),
        reason: standing.reason.words(language),
        next: standing.next_stage.map(|(in_days, stage)| NextStage { code: stage.code(), in_days }),
    }
}

/// The segments of a standing.
pub fn segment(standing: &Standing, language: Language) -> SegmentView {
    SegmentView {
        rfm: standing.rfm.map(|rfm| rfm.to_string()),
        code: standing.cell.map(Cell::code),
        name: standing.cell.map(|cell| cell.name(language)),
        attitude: standing.cell.map(|cell| cell.attitude(language)),
        cluster: standing.cluster,
    }
}

/// How likely they leave.
pub fn churn(serving: &Serving, standing: &Standing) -> Said<ChurnView> {
    let models = &serving.release.known.models.churn;
    match (models.learned(), &standing.churn) {
        (Some(models), Ok(ChurnRisk { probability, band })) => Said::Known(ChurnView {
            setting: models.setting,
            horizon_days: models.horizon_days,
            probability: *probability,
            risk: *band,
        }),
        (_, Err(refused)) => refused_for(*refused, models.refusal()),
        (None, Ok(_)) => refused_for(Refusal::NotLearned, models.refusal()),
    }
}

/// What they are worth, with an interval.
pub fn value(serving: &Serving, standing: &Standing) -> Said<ValueView> {
    let learned = &serving.release.known.models.value;
    let (Some(models), Ok(Worth { expected_orders, money, .. })) = (learned.learned(), standing.value) else {
        return refused_for(standing.value.err().unwrap_or(Refusal::NotLearned), learned.refusal());
    };
    // The summary is the one by which the value was found; it holds.
    let interval = summary(&standing.facts).and_then(|summary| models.interval(&summary).ok().flatten());
    Said::Known(ValueView {
        currency: models.clv.currency.clone(),
        horizon_months: models.clv.horizon_months,
        monthly_discount: models.clv.monthly_discount,
        clv: money.map(|money| money.clv),
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
        level: models.clv.level,
        expected_orders,
        expected_basket: money.map(|money| money.expected_basket),
        basis: money.map(|money| money.basis),
    })
}

fn refused_for<T>(refused: Refusal, reason: Option<&str>) -> Said<T> {
    let reason = reason.filter(|_| refused == Refusal::NotLearned).map(str::to_owned);
    Said::Refused { refused, reason }
}

/// The typical portrait that they are nearest to.
pub fn portrait(serving: &Serving, insight: &Insight) -> Option<PortraitView> {
    let place = insight.place.as_ref()?;
    let typical = serving.release.known.models.profile.learned()?.typical.get(place.portrait)?;
    let id = |item: &u32| serving.release.items.id(models::ids::ItemIx(*item)).map(str::to_owned);
    Some(PortraitView {
        number: place.portrait,
        distance: place.distance,
        share: typical.share,
        traits: typical.traits.clone(),
        likes: typical.items.iter().filter_map(id).collect(),
    })
}

/// The preferred channel: declared, else observed.
pub fn channel(serving: &Serving, config: &Config, insight: &Insight) -> Option<PreferenceView> {
    declared(&insight.attributes, &config.customers.channel_attribute).or_else(|| {
        let habit = insight.habits.channel?;
        let name = serving.release.known.models.channels.get(usize::from(habit.value))?;
        Some(observed(name.clone(), habit.share, habit.orders))
    })
}

/// The preferred moment: declared, else the part of the day, else that of the week.
pub fn moment(config: &Config, insight: &Insight) -> Option<PreferenceView> {
    declared(&insight.attributes, &config.customers.moment_attribute).or_else(|| {
        let week = insight.habits.week.map(|habit| {
            let word = match habit.value {
                Week::Workday => "workday",
                Week::Weekend => "weekend",
            };
            (word, habit.share, habit.orders)
        });
        let daypart = insight.habits.daypart.map(|habit| {
            let word = match habit.value {
                Daypart::Morning => "morning",
                Daypart::Afternoon => "afternoon",
                Daypart::Evening => "evening",
                Daypart::Night => "night",
            };
            (word, habit.share, habit.orders)
        });
        match (week, daypart) {
            (Some(week), Some(day)) => {
                Some(observed(format!("{} {}", week.0, day.0), week.1.min(day.1), week.2))
            }
            (Some(one), None) | (None, Some(one)) => Some(observed(one.0.into(), one.1, one.2)),
            (None, None) => None,
        }
    })
}

fn declared(attributes: &Payload, attribute: &str) -> Option<PreferenceView> {
    let PayloadValue::Text(value) = attributes.get(attribute)? else { return None };
    Some(PreferenceView { value: value.clone(), source: "declared", share: None, orders: None })
}

fn observed(value: String, share: f64, orders: u32) -> PreferenceView {
    PreferenceView { value, source: "observed", share: Some(share), orders: Some(orders) }
}

/// What their acts come to.
pub fn activity(standing: &Standing) -> ActivityView {
    let facts = &standing.facts;
    ActivityView {
        orders: facts.orders,
        spend: cents(facts.net()),
        basket: cents(facts.basket()),
        tenure_days: facts.tenure_days,
        days_since_last_order: facts.silence_days,
        usual_gap_days: facts.gap_days,
        distinct_items: facts.distinct[0],
        return_share: facts.return_share(),
    }
}

/// Sums of single precision have digits that nobody paid.
fn cents(money: f64) -> f64 {
    (100.0 * money).round() / 100.0
}

/// When it happens, as JSON has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimingView {
    /// Days from now, and the chance that what is waited for has not happened yet.
    pub survival: Vec<(f32, f32)>,
    /// Days until that chance is one half; absent when it does not fall that far.
    pub median_days: Option<f32>,
}

impl From<Timing> for TimingView {
    fn from(timing: Timing) -> Self {
        Self { survival: timing.survival, median_days: timing.median_days }
    }
}
