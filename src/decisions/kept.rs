//! Answers that would come out the same again: to the same question, of a person of whom nothing new is known, from the
//! same catalogue.
//!
//! A person's state has a number of its own ([`CustomerState::number`]), and is made anew when anything of theirs changes;
//! the catalogue counts its changes. Both are part of the question, so nothing is ever taken back: what is old is not asked
//! for any more.

use super::Decision;
use crate::customers::CustomerState;
use crate::metrics::Lookups;
use crate::releases::Catalogue;
use chrono::Utc;
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The answers of one release.
pub struct Answers {
    kept: Cache<Question, Arc<Decision>>,
    lookups: Lookups,
}

/// What an answer follows from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    state: u64,
    catalogue: u64,
    asked: Box<[u8]>,
}

impl Question {
    /// A request as it was sent, about a person as they are known now.
    pub fn new(asked: &[u8], state: &CustomerState, catalogue: &Catalogue) -> Self {
        Self { state: state.number, catalogue: catalogue.changes(), asked: asked.into() }
    }
}

impl Answers {
    /// Room for answers of so many bytes, each for a while.
    pub fn new(capacity_bytes: u64, life: Duration, lookups: Lookups) -> Self {
        let kept = Cache::builder().max_capacity(capacity_bytes).weigher(weight).time_to_live(life).build();
        Self { kept, lookups }
    }

    /// The answer to a question, as a decision of its own.
    pub fn get(&self, question: &Question) -> Option<Decision> {
        self.lookups.counted(self.kept.get(question)).map(|kept| again(&kept))
    }

    /// The same before it is known that it must be looked for: counted only where it is found.
    pub fn at_hand(&self, question: &Question) -> Option<Decision> {
        let kept = self.kept.get(question)?;
        self.lookups.counted(Some(again(&kept)))
    }

    /// Forgets everything: what is not asked for any more is gone before its time, too.
    pub fn forget_all(&self) {
        self.kept.invalidate_all();
    }

    /// Keeps an answer, unless it was made without a part that was down.
    pub fn keep(&self, question: Question, decision: &Decision) {
        if decision.degraded.is_empty() {
            self.kept.insert(question, Arc::new(decision.clone()));
        }
    }
}

/// A decision that comes out as one before.
fn again(kept: &Decision) -> Decision {
    let (decision_id, generated_at) = (Uuid::now_v7().to_string(), Utc::now());
    Decision { decision_id, generated_at, ..kept.clone() }
}

/// About how many bytes an answer takes, with its question.
fn weight(question: &Question, decision: &Arc<Decision>) -> u32 {
    let reasons = decision.results.iter().flat_map(|result| &result.reasons);
    let reasons = reasons.map(|reason| 128 + reason.text.len() + 32 * reason.evidence_ids.len());
    let bytes = 512 + question.asked.len() + 96 * decision.results.len() + reasons.sum::<usize>();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
