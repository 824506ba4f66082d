//! Everything that is known when a decision about offers is made: read once, then only looked at.

use super::Offers;
use super::book::{Book, Point};
use super::facts::{Around, facts};
use super::places::Places;
use super::score::features;
use super::wire::OffersRequest;
use crate::config::{Config, Direction};
use crate::customers::{self, CustomerState, Evidence, Insight};
use crate::patience::Patiences;
use crate::policy::{Facts, refuses_profiling};
use crate::releases::Serving;
use crate::routes::ids::id_fault;
use crate::store::{Ledger, Store, Subject, within};
use crate::telemetry::{request_id, stage};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use models::arbitration::Arm;
use models::payload::{Payload, PayloadValue};
use models::propensity::Propensities;
use models::segments::Language;
use std::sync::Arc;

/// The part named in `degraded` when the store cannot be read.
const STORE: &str = "store";
/// How far back contacts are looked at in any case: rules and propensities count them.
const LEAST_LOOKBACK: TimeDelta = TimeDelta::days(features::LONG_AGO_DAYS);

/// The part named in `degraded` when no release is loaded.
const RELEASE: &str = "release";

/// What is known.
pub struct Situation {
    /// What was asked.
    pub request: OffersRequest,
    /// The moment.
    pub now: DateTime<Utc>,
    /// The language of words.
    pub language: Language,
    /// The offers and the policy.
    pub book: Arc<Book>,
    /// The contact point.
    pub point: Point,
    /// The release, where one is loaded.
    pub serving: Option<Arc<Serving>>,
    /// The customer's attributes.
    pub attributes: Payload,
    /// Where they stand; absent without a release, or where they refuse to be profiled.
    pub insight: Option<Arc<Insight>>,
    /// Their taste; absent likewise.
    pub taste: Option<Arc<CustomerState>>,
    /// Where offers stand by it.
    pub places: Option<Arc<Places>>,
    /// How much is known.
    pub evidence: Evidence,
    /// Whether they refuse to be profiled.
    pub refused: bool,
    /// Contacts, responses and consents.
    pub ledger: Ledger,
    /// What the ledger was read for.
    pub subject: Subject,
    /// Their time zone.
    pub zone: Tz,
    /// What rules look at.
    pub facts: Arc<Facts>,
    /// Who counts as one in experiments.
    pub unit: String,
    /// The arm that it belongs to.
    pub arm: Arm,
    /// Parts that were down.
    pub degraded: Vec<&'static str>,
}

/// What a situation is read from.
pub struct Sources<'a> {
    /// Offers and policies.
    pub offers: &'a Offers,
    /// Durable state.
    pub store: &'a dyn Store,
    /// The configuration.
    pub config: &'a Config,
    /// How long parts are waited for.
    pub patience: &'a Patiences,
    /// The release.
    pub serving: Option<Arc<Serving>>,
    /// The book: the one in force, or a draft that is tried out.
    pub book: Arc<Book>,
    /// Propensities that count instead of the release's.
    pub learned: Option<Arc<Propensities>>,
}

impl Sources<'_> {
    /// Who accepts which offer, where that was learned on what this program sees.
    pub fn propensities(&self) -> Option<&Propensities> {
        let released = || Some(&self.serving.as_ref()?.release.propensities.as_ref()?.propensities);
        let propensities = self.learned.as_deref().or_else(released);
        propensities.filter(|propensities| propensities.features() == *features::NAMES)
    }
}

impl Situation {
    /// Reads it. What is down is named in `degraded`; without a ledger everyone counts as having objected.
    pub async fn read(
        sources: &Sources<'_>,
        request: OffersRequest,
        point: Point,
        now: DateTime<Utc>,
    ) -> Self {
        let book = Arc::clone(&sources.book);
        let mut degraded = Vec::new();
        if sources.serving.is_none() {
            degraded.push(RELEASE);
        }
        let id = request.customer_id.clone();
        let mut insight = match &sources.serving {
            Some(serving) => Some(seen(serving, sources, &id, &mut degraded).await),
            None => None,
        };
        let mut attributes = match &insight {
            Some(insight) => insight.attributes.clone(),
            None => written(sources, &id, &mut degraded).await,
        };
        let household_id = text(&attributes, &sources.config.customers.household_attribute);
        let subject = Subject {
            customer_id: id,
            household_id,
            since: now - book.policy.lookback().max(LEAST_LOOKBACK),
            as_of: now,
            inbound: book.policy.inbound_results(),
        };
        let ledger = ledger(sources, &subject, &mut degraded).await;
        // Who may have objected is treated as if they had.
        let refused = degraded.contains(&STORE)
            || refuses_profiling(&ledger.consents)
            || sources.serving.as_ref().is_some_and(|serving| customers::declines(serving, &attributes));
        if refused {
            (attributes, insight) = (Payload::new(), None);
        }
        let zone = book.policy.time_zone(&attributes);
        let taste = insight.as_ref().map(|insight| Arc::clone(&insight.taste));
        let evidence = match &taste {
            Some(taste) if taste.evidence() != Evidence::None => taste.evidence(),
            _ if !refused && !attributes.is_empty() => Evidence::Profile,
            _ => Evidence::None,
        };
        let language = request.language.unwrap_or(point.language);
        let around = Around { request: &request, point: &point, language, zone, now };
        let mut facts = facts(&around, (&attributes, insight.as_deref(), evidence), &ledger);
        facts.customer.household_id.clone_from(&subject.household_id);
        facts.customer.profiled = !refused;
        complete(&mut facts, sources, taste.as_deref());
        let unit = book.unit(&subject.customer_id, subject.household_id.as_deref());
        let arm = book.arm(&unit);
        let places = sources.serving.as_ref().map(|serving| sources.offers.places(serving, &book));
        Self {
            language,
            serving: sources.serving.clone(),
            facts: Arc::new(facts),
            request,
            now,
            book,
            point,
            attributes,
            insight,
            taste,
            places,
            evidence,
            refused,
            ledger,
            subject,
            zone,
            unit,
            arm,
            degraded,
        }
    }

    /// Whether contacts of this decision are reserved.
    pub fn reserves(&self) -> bool {
        self.point.reserve_minutes.is_some() && self.point.direction == Direction::Outbound
    }

    /// Whether the ledger could be read.
    pub fn has_ledger(&self) -> bool {
        !self.degraded.contains(&STORE)
    }

    /// Whether a decision with so many results may be kept: of people who refuse to be profiled only contacts, which protect
    /// them.
    pub fn may_be_kept(&self, results: usize) -> bool {
        !self.refused || (results > 0 && self.point.direction == Direction::Outbound)
    }
}

/// What contact pressure and consent look at; nothing where it cannot be read.
async fn ledger(sources: &Sources<'_>, subject: &Subject, degraded: &mut Vec<&'static str>) -> Ledger {
    let read = within(&sources.patience.store, sources.store.ledger(subject));
    match stage("ledger", read).await {
        Ok(ledger) => ledger,
        Err(error) => {
            let request_id = request_id();
            tracing::warn!(request_id, %error, "consents and contacts cannot be read; nobody is profiled or marketed to");
            note(degraded, STORE);
            Ledger::default()
        }
    }
}

/// Adds the facts that only the release knows.
fn complete(facts: &mut Facts, sources: &Sources<'_>, taste: Option<&CustomerState>) {
    let Some(serving) = &sources.serving else { return };
    if let Some(taste) = taste.filter(|_| sources.book.looks_at_items) {
        let view = serving.catalogue.view();
        let owned = taste.owned.iter().filter_map(|item| view.id(*item));
        facts.history.items = owned.map(str::to_owned).collect();
    }
    let churn = serving.release.known.models.churn.learned();
    facts.churn.horizon_days =
        churn.filter(|_| facts.churn.probability.is_some()).map(|churn| churn.horizon_days);
}

async fn seen(
    serving: &Serving,
    sources: &Sources<'_>,
    customer_id: &str,
    degraded: &mut Vec<&'static str>,
) -> Arc<Insight> {
    let recent = customers::recent_insight(serving, sources.store, sources.config, customer_id);
    match stage("customer", within(&sources.patience.store, recent)).await {
        Ok(insight) => insight,
        Err(error) => {
            let request_id = request_id();
            tracing::warn!(request_id, %error, "a customer cannot be read; deciding from the release alone");
            note(degraded, STORE);
            let known = customers::known_to_release(serving, customer_id);
            Arc::new(customers::insight(serving, sources.config, customer_id, known))
        }
    }
}

async fn written(sources: &Sources<'_>, customer_id: &str, degraded: &mut Vec<&'static str>) -> Payload {
    let read = sources.store.customer(customer_id);
    match within(&sources.patience.store, read).await {
        Ok(written) => written.map(|written| written.attributes).unwrap_or_default(),
        Err(_) => {
            note(degraded, STORE);
            Payload::new()
        }
    }
}

fn note(degraded: &mut Vec<&'static str>, part: &'static str) {
    if !degraded.contains(&part) {
        degraded.push(part);
    }
}

fn text(attributes: &Payload, name: &str) -> Option<String> {
    match attributes.get(name)? {
        PayloadValue::Text(word) if id_fault(word).is_none() => Some(word.clone()),
        PayloadValue::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
