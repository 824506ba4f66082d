//! Responses meet the offers that they are about, so that both can be counted by offer and channel.
//!
//! A response names a decision and a rank. What this process kept lately is remembered; of older decisions the store is
//! asked. A response that comes before its decision is kept waits here as it does in the store, and is counted when they
//! meet. Both memories are bounded: what falls out of the first costs a read, what falls out of the second is not counted
//! by offer.

use super::Metrics;
use crate::store::{DecisionRecord, NewResponse, Responded, ResponseKind};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Decisions that are remembered: some seconds' worth under the highest load.
const MOST_KEPT: usize = 10_000;

/// Decisions whose responses wait.
const MOST_WAITING: usize = 10_000;

/// Responses that wait for one decision.
const MOST_OF_A_DECISION: usize = 100;

/// The responses that tell how an offer does; the others have series once they come.
const FOLLOWED: [ResponseKind; 4] =
    [ResponseKind::Clicked, ResponseKind::Accepted, ResponseKind::Refused, ResponseKind::Complaint];

/// What is remembered of decisions and responses.
#[derive(Default)]
pub(super) struct Held(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    kept: Latest<Shown>,
    waiting: Latest<Vec<Response>>,
}

/// What a decision showed.
#[derive(Clone)]
struct Shown {
    channel: String,
    /// Offers by rank.
    offers: Vec<(u32, String)>,
}

/// A response, as far as it is counted.
#[derive(Clone)]
pub(super) struct Response {
    pub(super) decision_id: String,
    rank: u32,
    kind: ResponseKind,
    revenue: Option<f64>,
}

impl From<&NewResponse> for Response {
    fn from(new: &NewResponse) -> Self {
        let NewResponse { decision_id, rank, kind, revenue, .. } = new;
        Self { decision_id: decision_id.clone(), rank: *rank, kind: *kind, revenue: *revenue }
    }
}

impl Metrics {
    /// Counts a received response; what could not be read has no outcome.
    pub fn responded(&self, kind: Option<ResponseKind>, result: &str) {
        self.responses.with_label_values(&[kind.map_or("unknown", ResponseKind::word), result]).inc();
    }

    /// Counts what was just kept of decisions, and the responses that waited for them.
    pub(super) fn kept_decisions(&self, decisions: &[Kept]) {
        for decision in decisions {
            let shown = &decision.shown;
            let met = {
                let mut memory = self.memory();
                if memory.kept.get(&decision.decision_id).is_some() {
                    continue;
                }
                memory.kept.put(decision.decision_id.clone(), shown.clone());
                memory.waiting.take(&decision.decision_id).unwrap_or_default()
            };
            for (_, offer) in &shown.offers {
                self.with_offer(offer, |offer| self.count_answer([offer, &shown.channel]));
            }
            let foretold = self.foretold_probability.with_label_values(&[shown.channel.as_str()]);
            decision.propensities.iter().for_each(|propensity| foretold.observe(*propensity));
            met.iter().for_each(|response| self.count_response(response, shown));
        }
    }

    /// Counts the responses that were just kept; gives those whose decisions are not remembered.
    pub(super) fn heard(&self, responses: Vec<Response>, outcomes: &[Responded]) -> Vec<Response> {
        let mut unknown = Vec::new();
        for (response, outcome) in responses.into_iter().zip(outcomes) {
            if !matches!(outcome, Responded::Stored | Responded::Waiting) {
                continue;
            }
            let shown = {
                let mut memory = self.memory();
                let shown = memory.kept.get(&response.decision_id).cloned();
                // Its decision may have been kept since the store answered.
                if shown.is_none() && *outcome == Responded::Waiting {
                    let waiting = memory.waiting.entry(&response.decision_id);
                    if waiting.len() < MOST_OF_A_DECISION {
                        waiting.push(response.clone());
                    }
                }
                shown
            };
            match shown {
                Some(shown) => self.count_response(&response, &shown),
                None if *outcome == Responded::Stored => unknown.push(response),
                None => {}
            }
        }
        unknown
    }

    /// Counts a response to an offer on a channel.
    pub(super) fn count_response_to(&self, response: &Response, (offer, channel): (&str, &str)) {
        self.with_offer(offer, |offer| {
            let labels = [offer, channel];
            let outcome = [offer, channel, response.kind.word()];
            self.offer_responses.with_label_values(&outcome).inc();
            match response.revenue {
                Some(revenue) if revenue > 0.0 => {
                    self.offer_revenue.with_label_values(&labels).inc_by(revenue);
                }
                Some(refund) if refund < 0.0 => {
                    self.offer_refunds.with_label_values(&labels).inc_by(-refund);
                }
                _ => {}
            }
        });
    }

    /// Counts that an offer was answered on a channel; at the first time its responses stand at zero.
    fn count_answer(&self, labels: [&str; 2]) {
        let answered = self.answered_offers.with_label_values(&labels);
        if answered.get() == 0 {
            for kind in FOLLOWED {
                self.offer_responses.with_label_values(&[labels[0], labels[1], kind.word()]);
            }
            self.offer_revenue.with_label_values(&labels);
        }
        answered.inc();
    }

    fn count_response(&self, response: &Response, shown: &Shown) {
        // A rank that the decision does not have waited for nothing.
        if let Some((_, offer)) = shown.offers.iter().find(|(rank, _)| *rank == response.rank) {
            self.count_response_to(response, (offer, &shown.channel));
        }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.held.responses.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Response {
    /// Whether this is about a rank of a decision.
    pub(super) fn is_about(&self, decision_id: &str, rank: u32) -> bool {
        self.decision_id == decision_id && self.rank == rank
    }
}

/// A decision that is about to be kept, as far as it is counted.
pub(super) struct Kept {
    decision_id: String,
    shown: Shown,
    propensities: Vec<f64>,
}

impl From<&DecisionRecord> for Kept {
    fn from(decision: &DecisionRecord) -> Self {
        let offers = decision.results.iter().map(|result| (result.rank, result.offer_id.clone())).collect();
        Self {
            decision_id: decision.decision_id.clone(),
            shown: Shown { channel: decision.channel.clone(), offers },
            propensities: decision.results.iter().map(|result| result.propensity).collect(),
        }
    }
}

/// The latest values by key; the oldest are forgotten.
struct Latest<V> {
    values: HashMap<String, V>,
    order: VecDeque<String>,
    most: usize,
}

impl Default for Latest<Shown> {
    fn default() -> Self {
        Self { values: HashMap::new(), order: VecDeque::new(), most: MOST_KEPT }
    }
}

impl Default for Latest<Vec<Response>> {
    fn default() -> Self {
        Self { values: HashMap::new(), order: VecDeque::new(), most: MOST_WAITING }
    }
}

impl<V> Latest<V> {
    fn get(&self, key: &str) -> Option<&V> {
        self.values.get(key)
    }

    fn put(&mut self, key: String, value: V) {
        self.order.push_back(key.clone());
        self.values.insert(key, value);
        // Keys that were taken stand in the order until their time comes.
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
    }

    fn take(&mut self, key: &str) -> Option<V> {
        self.values.remove(key)
    }
}

impl Latest<Vec<Response>> {
    fn entry(&mut self, key: &str) -> &mut Vec<Response> {
        if !self.values.contains_key(key) {
            self.put(key.to_owned(), Vec::new());
        }
        self.values.entry(key.to_owned()).or_default()
    }
}
