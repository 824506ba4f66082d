//! What is kept of a decision: enough to replay it, to learn from it, and to say what another policy would have done.

use super::score::{Rated, features};
use super::situation::Situation;
use super::wire::{OffersDecision, OffersRequest};
use crate::config::Direction;
use crate::policy::Facts;
use crate::store::{DecisionRecord, ResultRecord, ResultState};
use chrono::TimeDelta;
use models::arbitration::{Factors, Slot};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most contenders that are kept with a decision: far more than exploration ever reaches.
const MOST_CONTENDERS: usize = 50;

/// What was known and decided, as JSON. The answer is written as it is given, and read as whatever it was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Body<A = Value> {
    /// What was asked.
    pub request: OffersRequest,
    /// What rules looked at.
    pub facts: Facts,
    /// How many offers passed.
    pub contenders_in_all: usize,
    /// The best of them by priority, and all that were shown.
    pub contenders: Vec<LoggedContender>,
    /// The names of the columns that propensities saw.
    pub feature_names: Vec<String>,
    /// The answer, as it was given.
    pub answer: A,
}

/// A contender as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoggedContender {
    /// The offer.
    pub offer_id: String,
    /// Its group.
    pub group: String,
    /// Its place in the customer's taste.
    pub affinity: f64,
    /// What its propensity was unsure by.
    pub log_odds_deviation: f64,
    /// The factors, whatever policy and arm made of them.
    pub factors: Factors,
    /// What the propensity saw; kept of what was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<f32>>,
}

/// The record of a decision.
pub fn record(
    situation: &Situation,
    decision: &OffersDecision,
    rated: &[Rated],
    slots: &[Slot],
) -> serde_json::Result<DecisionRecord> {
    let results =
        slots.iter().zip(1..).map(|(slot, rank)| result(situation, &rated[slot.contender], (slot, rank)));
    // Of who refuses to be profiled only that they were contacted is kept, which protects them.
    let bare = situation.refused;
    let body = Body {
        request: situation.request.clone(),
        facts: if bare { Facts::default() } else { (*situation.facts).clone() },
        contenders_in_all: if bare { 0 } else { rated.len() },
        contenders: if bare { Vec::new() } else { contenders(situation, rated, slots) },
        feature_names: if bare || slots.is_empty() { Vec::new() } else { features::NAMES.clone() },
        answer: decision,
    };
    Ok(DecisionRecord {
        decision_id: decision.decision_id.clone(),
        customer_id: situation.subject.customer_id.clone(),
        household_id: situation.subject.household_id.clone(),
        unit: situation.unit.clone(),
        contact_point: situation.point.name.clone(),
        channel: situation.point.channel.clone(),
        direction: situation.point.direction,
        arm: situation.arm.code().to_owned(),
        policy_version: situation.book.version,
        release: decision.release.clone().unwrap_or_default(),
        at: situation.now,
        reserved_until: decision.reserved_until,
        results: results.collect(),
        body: serde_json::to_string(&body)?,
    })
}

fn result(situation: &Situation, rated: &Rated, (slot, rank): (&Slot, u32)) -> ResultRecord {
    let entry = &situation.book.entries[rated.passed.entry];
    let treatment = entry.offer.treatment(&situation.point.channel);
    let state = if situation.point.direction == Direction::Inbound {
        ResultState::Shown
    } else if situation.reserves() {
        ResultState::Reserved
    } else {
        ResultState::Delivered
    };
    ResultRecord {
        rank,
        offer_id: entry.id.clone(),
        issue: entry.offer.issue.clone(),
        group: entry.offer.group.clone(),
        class: entry.offer.class.word().to_owned(),
        state,
        probability: slot.probability,
        propensity: rated.foretold,
        cost: treatment.map_or(0.0, |treatment| entry.offer.cost_of(treatment)),
    }
}

fn contenders(situation: &Situation, rated: &[Rated], slots: &[Slot]) -> Vec<LoggedContender> {
    let mut order: Vec<usize> = (0..rated.len()).collect();
    order.sort_by(|one, other| rated[*other].factors.priority().total_cmp(&rated[*one].factors.priority()));
    let shown = |position: &usize| slots.iter().any(|slot| slot.contender == *position);
    let kept =
        order.iter().enumerate().filter(|(place, position)| *place < MOST_CONTENDERS || shown(position));
    let shared = features::shared(situation);
    kept.map(|(_, &position)| {
        let rated = &rated[position];
        let entry = &situation.book.entries[rated.passed.entry];
        LoggedContender {
            offer_id: entry.id.clone(),
            group: entry.offer.group.clone(),
            affinity: rated.passed.affinity,
            log_odds_deviation: rated.estimate.log_odds_deviation,
            factors: rated.raw,
            features: shown(&position).then(|| features::row(&shared, situation, &rated.passed)),
        }
    })
    .collect()
}

/// Until when contacts of a decision hold their places.
pub fn reserved_until(situation: &Situation) -> Option<chrono::DateTime<chrono::Utc>> {
    let minutes = situation.point.reserve_minutes.filter(|_| situation.reserves())?;
    Some(situation.now + TimeDelta::minutes(i64::from(minutes)))
}
