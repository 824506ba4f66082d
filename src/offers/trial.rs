//! A changed policy on a sample of customers, before it is published: what would be decided otherwise.

use super::next::{Made, make};
use super::situation::{Situation, Sources};
use super::wire::OffersRequest;
use crate::problem::{Code, Problem};
use chrono::{DateTime, Utc};
use models::arbitration::{Arm, Exploration};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::index::sample;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Try a policy out on customers of the release.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "contact_point": "branch_advisor", "customers": 200, "seed": 1 }))]
pub struct TrialRequest {
    /// Where.
    pub contact_point: String,
    /// How many customers, drawn from the release.
    #[serde(default = "usual")]
    pub customers: usize,
    /// The seed of the draw.
    #[serde(default)]
    pub seed: u64,
}

fn usual() -> usize {
    200
}

/// The most customers of one trial: a few seconds of work.
const MOST: usize = 2_000;

/// The most customers whose differences are spelt out.
const MOST_EXAMPLES: usize = 20;

/// What a draft changes.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct TrialReport {
    /// Customers looked at.
    pub customers: usize,
    /// Those who would be answered otherwise.
    pub changed: usize,
    /// By offer: how many customers are answered with it now, and would be.
    pub offers: BTreeMap<String, [usize; 2]>,
    /// By stage and rule: how many offers it removes now, and would.
    pub removed: BTreeMap<String, [usize; 2]>,
    /// Rules of the draft that fail on customers, with the first message.
    pub failed_rules: BTreeMap<String, String>,
    /// The mean over customers of propensity times value of the first offer, now and then.
    pub expected_value: [f64; 2],
    /// Customers who would be answered otherwise; at most 20.
    pub examples: Vec<Difference>,
}

/// One customer who would be answered otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub struct Difference {
    /// Who.
    pub customer_id: String,
    /// The offers now.
    pub now: Vec<String>,
    /// The offers under the draft.
    pub draft: Vec<String>,
}

impl TrialRequest {
    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// [`Code::InvalidField`].
    pub fn check(&self) -> Result<(), Problem> {
        if (1..=MOST).contains(&self.customers) {
            return Ok(());
        }
        let fault = format!("customers must be from 1 to {MOST}, but is {}", self.customers);
        Err(Problem::new(Code::InvalidField, fault).at("$.customers"))
    }
}

/// Decides for a sample of customers under both policies, without chance and without arms, and keeps nothing.
///
/// # Errors
/// [`Code::NoRelease`] without customers to draw from.
pub async fn trial(
    now_sources: &Sources<'_>,
    draft_sources: &Sources<'_>,
    request: &TrialRequest,
    now: DateTime<Utc>,
) -> Result<TrialReport, Problem> {
    let serving = now_sources.serving.as_ref();
    let serving =
        serving.ok_or_else(|| Problem::new(Code::NoRelease, "A trial draws customers from a release."))?;
    let n = serving.release.customers.len();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(request.seed);
    let mut report = TrialReport::default();
    for row in sample(&mut random, n, request.customers.min(n)) {
        let ix = models::ids::Ix::at(row);
        let Some(id) = serving.release.customers.id(ix) else { continue };
        if serving.customer(id).is_none() {
            continue;
        }
        let (one, other) =
            (decide(now_sources, id, request, now).await, decide(draft_sources, id, request, now).await);
        if let (Some(one), Some(other)) = (one, other) {
            report.add(id, [&one, &other]);
        }
    }
    report.expected_value = report.expected_value.map(|sum| sum / report.customers.max(1) as f64);
    Ok(report)
}

async fn decide(
    sources: &Sources<'_>,
    customer_id: &str,
    request: &TrialRequest,
    now: DateTime<Utc>,
) -> Option<Made> {
    let mut point = sources.book.point(sources.config, &request.contact_point)?;
    point.exploration = Exploration::Off;
    let asked = OffersRequest {
        customer_id: customer_id.to_owned(),
        contact_point: request.contact_point.clone(),
        n: None,
        language: None,
        context: models::payload::Payload::new(),
        exclude_ids: Vec::new(),
        explain: false,
    };
    let mut situation = Situation::read(sources, asked, point, now).await;
    situation.arm = Arm::Nba;
    Some(make(sources, &situation, (String::new(), 0)))
}

impl TrialReport {
    fn add(&mut self, customer_id: &str, made: [&Made; 2]) {
        self.customers += 1;
        let ids =
            made.map(|made| made.decision.results.iter().map(|result| result.id.clone()).collect::<Vec<_>>());
        for (side, made) in made.into_iter().enumerate() {
            for id in &ids[side] {
                self.offers.entry(id.clone()).or_default()[side] += 1;
            }
            for removed in &made.decision.funnel.removed {
                let rule = format!("{}/{}", removed.stage.code(), removed.rule);
                self.removed.entry(rule).or_default()[side] += removed.offers;
            }
            let first = made.decision.results.first();
            self.expected_value[side] +=
                first.map_or(0.0, |result| result.factors.propensity * result.factors.value);
        }
        for failed in &made[1].decision.funnel.failed_rules {
            self.failed_rules.entry(failed.rule.clone()).or_insert_with(|| failed.message.clone());
        }
        if ids[0] != ids[1] {
            self.changed += 1;
            if self.examples.len() < MOST_EXAMPLES {
                let [now, draft] = ids;
                self.examples.push(Difference { customer_id: customer_id.to_owned(), now, draft });
            }
        }
    }
}
