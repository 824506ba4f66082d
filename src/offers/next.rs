//! The next best offers for one customer: the whole chain, from what is known to what is said.

use super::chain::{Chain, Judged, Recheck};
use super::log;
use super::reasons::Typical;
use super::score::{Rated, Rating, arbitrate, must_be_said};
use super::situation::{Situation, Sources};
use super::wire::{ContentView, OfferResult, OffersDecision, OffersFunnel, OffersRequest};
use crate::config::Direction;
use crate::offers::book::Point;
use crate::problem::{Code, Problem};
use crate::store::{DecisionRecord, Reservation, Reserved, StoreError};
use crate::telemetry::{give_place_back, stage};
use chrono::{DateTime, Utc};
use models::arbitration::{Arm, Slot};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use uuid::Uuid;

/// How often a decision is made anew because another one reserved a contact meanwhile.
const MOST_ATTEMPTS: usize = 16;

/// The part named in `degraded` when others were always faster.
const RESERVATION: &str = "reservation";

/// Decides, and keeps the decision: durably before it is answered where it reserves contacts, else in the background.
///
/// # Errors
/// [`Code::StoreUnavailable`] and the like for contacts that cannot be reserved; nothing else fails.
pub async fn next(
    sources: &Sources<'_>,
    request: OffersRequest,
    point: Point,
    now: DateTime<Utc>,
) -> Result<OffersDecision, Problem> {
    let asked = Asked { decision_id: Uuid::now_v7().to_string(), request, point, now };
    Ok(decide(sources, &asked).await?.decision)
}

/// One question.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The id of the decision to make; its chance is drawn from it.
    pub decision_id: String,
    /// The request, within its limits.
    pub request: OffersRequest,
    /// The contact point that it names.
    pub point: Point,
    /// The moment.
    pub now: DateTime<Utc>,
}

/// The same with what the decision was made of.
///
/// # Errors
/// As [`next`].
pub async fn decide(sources: &Sources<'_>, asked: &Asked) -> Result<Made, Problem> {
    let mut last = None;
    for attempt in 0..MOST_ATTEMPTS {
        let (request, point) = (asked.request.clone(), asked.point.clone());
        let situation = Arc::new(Situation::read(sources, request, point, asked.now).await);
        if situation.point.direction == Direction::Outbound && !situation.has_ledger() {
            return Err(Problem::new(
                Code::StoreUnavailable,
                "Contact pressure and consent cannot be read, so nobody is contacted now; repeat the request later.",
            ));
        }
        let mut made = make(sources, &situation, (asked.decision_id.clone(), attempt));
        made.decision.kept = situation.has_ledger() && situation.may_be_kept(made.slots.len());
        if !situation.reserves() || made.slots.is_empty() {
            if made.decision.kept {
                stage("log", sources.offers.keep(made.record(&situation)?)).await;
            }
            return Ok(made);
        }
        let record = made.record(&situation)?;
        // The commit is shared with others, and waited for.
        give_place_back();
        match stage("reserve", reserve(sources, &situation, &made, record)).await? {
            Reserved::Kept => return Ok(made),
            Reserved::Overtaken => {
                last = Some(made);
                // What stopped it may be stock or budget, of which only a count is looked at.
                sources.offers.count_usage().await?;
            }
        }
    }
    let mut made = last.ok_or_else(|| Problem::internal(&"a decision was never tried"))?;
    made.slots.clear();
    made.decision.results.clear();
    made.decision.funnel.returned = 0;
    made.decision.reserved_until = None;
    made.decision.kept = false;
    made.decision.degraded.push(RESERVATION);
    Ok(made)
}

async fn reserve(
    sources: &Sources<'_>,
    situation: &Arc<Situation>,
    made: &Made,
    decision: DecisionRecord,
) -> Result<Reserved, StoreError> {
    let chosen = made.slots.iter().map(|slot| made.rated[slot.contender].passed.entry).collect();
    let recheck = Recheck { situation: Arc::clone(situation), chosen };
    let admit = Arc::new(move |ledger: &_, usage: &_| recheck.admits(ledger, usage));
    sources.store.reserve(Reservation { subject: situation.subject.clone(), decision, admit }).await
}

/// A decision with what it was made of.
pub struct Made {
    /// The answer.
    pub decision: OffersDecision,
    /// The offers that passed, with their factors.
    pub rated: Vec<Rated>,
    /// Those shown.
    pub slots: Vec<Slot>,
}

impl Made {
    /// What is kept of it.
    ///
    /// # Errors
    /// [`Code::Internal`] when it cannot be written as JSON.
    pub fn record(&self, situation: &Situation) -> Result<DecisionRecord, Problem> {
        log::record(situation, &self.decision, &self.rated, &self.slots)
            .map_err(|error| Problem::internal(&error))
    }
}

/// Makes a decision without keeping it.
///
/// An attempt that was overtaken says something about chance; the next one draws anew.
pub fn make(sources: &Sources<'_>, situation: &Situation, (decision_id, attempt): (String, usize)) -> Made {
    let usage = sources.offers.usage();
    let live = sources.offers.live();
    let chain = Chain::new(situation, &usage);
    let Judged { passed, mut funnel } = chain.judge();
    let mut rated =
        Rating { situation, chain: &chain, propensities: sources.propensities(), live: &live }.rate(passed);
    if situation.arm == Arm::Control {
        rated.retain(|rated| must_be_said(&situation.book.entries[rated.passed.entry]));
    }
    let n = situation.request.n.unwrap_or(situation.point.n);
    let slots = arbitrate(situation, &rated, n, seed_of(&decision_id, attempt));
    funnel.returned = slots.len();
    let results = results(situation, &rated, &slots);
    let decision = answer(situation, (decision_id, funnel), results);
    Made { decision, rated, slots }
}

fn answer(
    situation: &Situation,
    (decision_id, funnel): (String, OffersFunnel),
    results: Vec<OfferResult>,
) -> OffersDecision {
    OffersDecision {
        decision_id,
        customer_id: situation.subject.customer_id.clone(),
        contact_point: situation.point.name.clone(),
        generated_at: situation.now,
        release: situation.serving.as_ref().map(|serving| serving.manifest.id.clone()),
        policy_version: situation.book.version,
        arm: situation.arm,
        evidence: situation.evidence,
        degraded: situation.degraded.clone(),
        kept: false,
        reserved_until: log::reserved_until(situation).filter(|_| !results.is_empty()),
        results,
        funnel,
    }
}

fn results(situation: &Situation, rated: &[Rated], slots: &[Slot]) -> Vec<OfferResult> {
    let typical = Typical::of(situation, rated);
    let result = |(position, slot): (usize, &Slot)| {
        let rated = &rated[slot.contender];
        let entry = &situation.book.entries[rated.passed.entry];
        let said =
            entry.offer.treatment(&situation.point.channel).and_then(|t| t.content_in(situation.language));
        OfferResult {
            rank: position + 1,
            id: entry.id.clone(),
            name: entry.offer.name.clone(),
            score: rated.factors.priority(),
            factors: rated.factors,
            probability_shown: slot.probability,
            content: said.map(|(language, content)| ContentView {
                language: language.to_owned(),
                content: content.clone(),
            }),
            regulated: entry.offer.regulated,
            human_review_required: entry.offer.human_review_required,
            reasons: if situation.request.explain {
                typical.reasons(situation, rated, slot)
            } else {
                Vec::new()
            },
        }
    };
    slots.iter().enumerate().map(result).collect()
}

/// The seed of a decision's chance: who has its id and the attempt can draw it again.
pub fn seed_of(decision_id: &str, attempt: usize) -> u64 {
    let digest = Sha256::digest(format!("{decision_id}\0{attempt}"));
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(bytes)
}
