//! What is known of one customer, and what follows from it.

use super::aside::aside;
use super::consents::ConsentView;
use super::ids::PathId;
use crate::auth::{Permission, Requires};
use crate::customers::wire::{
    ActivityView, ChurnView, KnownBy, PortraitView, PreferenceView, Said, SegmentView, StageView, TimingView,
    TransitionView, ValueView,
};
use crate::customers::{self, Insight, wire};
use crate::problem::{Code, Problem, ProblemDocument};
use crate::releases::Serving;
use crate::state::AppState;
use crate::store::{LoggedDecision, ResultRecord, ResultState};
use crate::telemetry::{request_id, stage};
use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use models::behaviour::Theme;
use models::customers::{Calibration, Effect};
use models::payload::{Condition, Filter, Match, Payload, PayloadValue};
use models::segments::Language;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// In which language words are.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct LanguageQuery {
    /// en (the default) or fr.
    #[param(value_type = Option<String>, example = "fr")]
    language: Option<Language>,
}

/// What is known of a customer, and what follows from it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerView {
    /// The customer.
    #[schema(example = "c-17")]
    customer_id: String,
    /// What decisions can rest on.
    evidence: KnownBy,
    /// The moment that they are seen from.
    as_of: Option<DateTime<Utc>>,
    /// The release that it comes from.
    release: Option<String>,
    /// Attributes by name.
    #[schema(value_type = Object, example = json!({"age_band": "35-44", "household_size": 3}))]
    attributes: Payload,
    /// Number of live events.
    events: u64,
    /// The time of the latest.
    last_event_at: Option<DateTime<Utc>>,
    /// allowed or refused: then nothing is computed of them.
    profiling: Option<Profiling>,
    /// Where they are in their life with the firm.
    stage: Option<StageView>,
    /// The latest changes of stage, newest first.
    stage_changes: Vec<TransitionView>,
    /// The segments that they belong to.
    segment: Option<SegmentView>,
    /// How likely they leave; reasons and timing are under `/churn`.
    churn: Option<Said<ChurnView>>,
    /// What they are worth.
    value: Option<Said<ValueView>>,
    /// The typical portrait that they are nearest to.
    portrait: Option<PortraitView>,
    /// What their acts come to.
    activity: Option<ActivityView>,
    /// The channel through which they are best reached.
    preferred_channel: Option<PreferenceView>,
    /// The time at which they are best reached.
    preferred_moment: Option<PreferenceView>,
    /// Those with whom they live.
    household: Option<HouseholdView>,
    /// What they said about being addressed and profiled: the line that holds for each purpose and channel.
    consents: Vec<ConsentView>,
    /// The latest decisions about offers for them, newest first.
    recent_offers: Vec<RecentOffer>,
    /// Parts that were down; the answer was made without them.
    degraded: Vec<&'static str>,
}

/// An offer that was lately shown to a customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecentOffer {
    /// When it was decided.
    at: DateTime<Utc>,
    /// The decision.
    decision_id: String,
    /// Where.
    contact_point: String,
    /// Which offer.
    offer_id: String,
    /// What became of it: shown, reserved, delivered, released or expired.
    #[schema(value_type = String)]
    state: ResultState,
    /// What they did about it, oldest first.
    outcomes: Vec<&'static str>,
}

/// The latest decisions about offers that are shown.
const RECENT_DECISIONS: u32 = 5;

/// Whether a customer may be profiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profiling {
    /// They did not refuse.
    Allowed,
    /// They refused: no score is computed or kept.
    Refused,
}

/// Those with whom a customer lives.
#[derive(Debug, Serialize, ToSchema)]
pub struct HouseholdView {
    /// The household.
    id: String,
    /// Its members, this customer among them; at most 50.
    members: Vec<String>,
}

/// The most members of a household that are named.
const MOST_MEMBERS: usize = 50;

/// The latest changes of stage that are shown.
const STAGE_CHANGES: u32 = 10;

/// The part named in `degraded` when the store cannot be read.
const STORE: &str = "store";

/// Read what is known of a customer, and what follows from it.
///
/// A customer that was never heard of is answered too, with evidence "none". Everything is of this moment: an event that
/// was answered as stored counts.
#[utoipa::path(
    tag = "customers",
    params(("id" = String, Path, description = "The customer, percent-encoded", example = "c-17"), LanguageQuery),
    responses((status = 200, description = "The view", body = CustomerView))
)]
#[get("/v1/customers/{id}", wrap = "Requires(Permission::ReadCustomers)")]
pub(crate) async fn get_customer(
    state: web::Data<AppState>,
    id: PathId,
    query: web::Query<LanguageQuery>,
) -> Result<HttpResponse, Problem> {
    let mut view = CustomerView::empty(id.0);
    let Some(serving) = state.releases.current() else {
        view.read(&state).await?;
        let written = stage("profile", state.store.customer(&view.customer_id)).await?;
        view.evidence = KnownBy::of(view.events > 0, written.is_some());
        view.attributes = written.map(|written| written.attributes).unwrap_or_default();
        return Ok(HttpResponse::Ok().json(view));
    };
    let (insight, degraded) = seen(&state, &serving, &view.customer_id).await?;
    if degraded.is_empty() {
        view.read(&state).await?;
    }
    view.degraded = degraded;
    view.fill(&state, &serving, insight, query.language.unwrap_or_default());
    Ok(HttpResponse::Ok().json(view))
}

impl CustomerView {
    fn empty(customer_id: String) -> Self {
        Self {
            customer_id,
            evidence: KnownBy::None,
            as_of: None,
            release: None,
            attributes: Payload::new(),
            events: 0,
            last_event_at: None,
            profiling: None,
            stage: None,
            stage_changes: Vec::new(),
            segment: None,
            churn: None,
            value: None,
            portrait: None,
            activity: None,
            preferred_channel: None,
            preferred_moment: None,
            household: None,
            consents: Vec::new(),
            recent_offers: Vec::new(),
            degraded: Vec::new(),
        }
    }

    /// Reads what only the store knows.
    async fn read(&mut self, state: &AppState) -> Result<(), Problem> {
        let activity = stage("events", state.store.activity(&self.customer_id)).await?;
        (self.events, self.last_event_at) = (activity.events, activity.last_at);
        let changes = state.store.transitions_of(&self.customer_id, STAGE_CHANGES);
        let changes = stage("stage_changes", changes).await?;
        self.stage_changes = changes.into_iter().map(TransitionView::from).collect();
        let mut consents = stage("consents", state.store.consents_of(&self.customer_id)).await?;
        let mut met = HashSet::new();
        consents.retain(|consent| met.insert((consent.purpose.clone(), consent.channel.clone())));
        self.consents = consents.into_iter().map(ConsentView::from).collect();
        let decisions = state.store.decisions_of(&self.customer_id, RECENT_DECISIONS);
        let decisions = stage("offers", decisions).await?;
        self.recent_offers = decisions.into_iter().flat_map(recent_offers).collect();
        Ok(())
    }

    fn fill(&mut self, state: &AppState, serving: &Serving, insight: Insight, language: Language) {
        self.release = Some(serving.manifest.id.clone());
        self.as_of = DateTime::from_timestamp(insight.as_of.0, 0);
        self.profiling = Some(if insight.is_refused() { Profiling::Refused } else { Profiling::Allowed });
        self.household = household(state, serving, &self.customer_id, &insight.attributes);
        let did_something = self.events > 0 || !insight.acts.is_empty();
        self.evidence = KnownBy::of(did_something, !insight.attributes.is_empty());
        if let Some(standing) = &insight.standing {
            self.stage = Some(wire::stage(standing, language));
            self.segment = Some(wire::segment(standing, language));
            self.churn = Some(wire::churn(serving, standing));
            self.value = Some(wire::value(serving, standing));
            self.portrait = wire::portrait(serving, &insight);
            self.activity = Some(wire::activity(standing));
            self.preferred_channel = wire::channel(serving, &state.config, &insight);
            self.preferred_moment = wire::moment(&state.config, &insight);
        }
        self.attributes = insight.attributes;
    }
}

fn recent_offers(kept: LoggedDecision) -> Vec<RecentOffer> {
    let LoggedDecision { decision, responses, .. } = kept;
    let outcomes = |rank: u32| {
        let own = responses.iter().filter(move |response| response.rank == rank);
        own.map(|response| response.kind.word()).collect()
    };
    let recent = |result: &ResultRecord| RecentOffer {
        at: decision.at,
        decision_id: decision.decision_id.clone(),
        contact_point: decision.contact_point.clone(),
        offer_id: result.offer_id.clone(),
        state: result.state,
        outcomes: outcomes(result.rank),
    };
    decision.results.iter().map(recent).collect()
}

/// Computes where a customer stands, off the reactor; from the release alone while the store is down.
async fn seen(
    state: &AppState,
    serving: &Arc<Serving>,
    customer_id: &str,
) -> Result<(Insight, Vec<&'static str>), Problem> {
    let known = stage("customer", customers::known(serving, &*state.store, customer_id)).await;
    let (known, degraded) = match known {
        Ok(known) => (known, Vec::new()),
        Err(error) => {
            let request_id = request_id();
            tracing::warn!(request_id, %error, "customers cannot be read; answering from the release alone");
            (customers::known_to_release(serving, customer_id), vec![STORE])
        }
    };
    let (serving, config, id) = (Arc::clone(serving), Arc::clone(&state.config), customer_id.to_owned());
    let computed = aside(move || async move { Ok(customers::insight(&serving, &config, &id, known)) });
    Ok((computed.await?, degraded))
}

/// The household that an attribute names, and its members.
fn household(
    state: &AppState,
    serving: &Serving,
    customer_id: &str,
    attributes: &Payload,
) -> Option<HouseholdView> {
    let key = &state.config.customers.household_attribute;
    let value = attributes.get(key)?;
    let id = match value {
        PayloadValue::Text(id) => id.clone(),
        PayloadValue::Number(id) => id.to_string(),
        PayloadValue::Flag(_) | PayloadValue::Texts(_) => return None,
    };
    let same = Condition { key: key.clone(), matches: Some(Match::Value(value.clone())), range: None };
    let rows = serving.directory.select(&Filter { must: vec![same], ..Filter::default() });
    let entries = serving.directory.entries(&rows[..rows.len().min(MOST_MEMBERS)]);
    let mut members: Vec<String> = entries.into_iter().map(|entry| entry.customer_id).collect();
    if !members.iter().any(|member| member == customer_id) {
        members.insert(0, customer_id.to_owned());
        members.truncate(MOST_MEMBERS);
    }
    Some(HouseholdView { id, members })
}

/// How likely a customer leaves, when, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChurnDetail {
    /// The customer.
    customer_id: String,
    /// The moment that they are seen from.
    as_of: Option<DateTime<Utc>>,
    /// The release that it comes from.
    release: String,
    /// allowed or refused: then nothing is computed of them.
    profiling: Profiling,
    /// What it rests on.
    evidence: KnownBy,
    /// The probability, or why there is none.
    churn: Option<Said<ChurnView>>,
    /// When: in a contractual setting the chance to be still a customer; in a non-contractual one the chance not to have
    /// come back yet.
    timing: Option<TimingView>,
    /// Why.
    drivers: Option<DriversView>,
    /// How well probabilities of this release's method were borne out.
    #[schema(value_type = Option<Object>)]
    calibration: Option<Calibration>,
    /// Parts that were down; the answer was made without them.
    degraded: Vec<&'static str>,
}

/// Why a probability is what it is: base and contributions sum to the margin, the log odds before calibration.
#[derive(Debug, Serialize, ToSchema)]
pub struct DriversView {
    /// The log odds of the average customer.
    base: f64,
    /// The log odds of this one.
    margin: f64,
    /// The reasons, the strongest first.
    drivers: Vec<DriverView>,
}

/// One reason.
#[derive(Debug, Serialize, ToSchema)]
pub struct DriverView {
    /// What it is about.
    #[schema(value_type = String, example = "silence")]
    code: Theme,
    /// The facts, in words that a person can say aloud.
    #[schema(example = "last order 74 days ago; usually one every 21 days")]
    text: String,
    /// What it adds to the log odds.
    contribution: f64,
    /// raises_risk or lowers_risk.
    #[schema(value_type = String)]
    effect: Effect,
}

/// Read how likely a customer leaves, when, and why.
#[utoipa::path(
    tag = "customers",
    params(("id" = String, Path, description = "The customer, percent-encoded", example = "c-17"), LanguageQuery),
    responses(
        (status = 200, description = "The risk", body = ChurnDetail),
        (status = 503, body = ProblemDocument, content_type = "application/problem+json", description = "No release"),
    )
)]
#[get("/v1/customers/{id}/churn", wrap = "Requires(Permission::ReadCustomers)")]
pub(crate) async fn get_churn(
    state: web::Data<AppState>,
    id: PathId,
    query: web::Query<LanguageQuery>,
) -> Result<HttpResponse, Problem> {
    let serving = state.releases.current().ok_or_else(no_release)?;
    let (insight, degraded) = seen(&state, &serving, &id.0).await?;
    let models = serving.release.known.models.churn.learned();
    let mut detail = ChurnDetail {
        customer_id: id.0,
        as_of: DateTime::from_timestamp(insight.as_of.0, 0),
        release: serving.manifest.id.clone(),
        profiling: if insight.is_refused() { Profiling::Refused } else { Profiling::Allowed },
        evidence: KnownBy::of(!insight.acts.is_empty(), !insight.attributes.is_empty()),
        churn: insight.standing.as_ref().map(|standing| wire::churn(&serving, standing)),
        timing: None,
        drivers: None,
        calibration: models.map(|models| models.calibration),
        degraded,
    };
    if let (Some(models), Some(standing)) = (models, &insight.standing)
        && let Ok(risk) = standing.churn
    {
        detail.timing = models.timing(&standing.row, risk.probability).map(TimingView::from);
        let features = &serving.release.known.models.features;
        let language = query.language.unwrap_or_default();
        let drivers = models.drivers(features, &standing.row, &standing.facts, language);
        detail.drivers = Some(drivers.map(DriversView::from).map_err(|error| Problem::internal(&error))?);
    }
    Ok(HttpResponse::Ok().json(detail))
}

impl From<models::customers::Drivers> for DriversView {
    fn from(drivers: models::customers::Drivers) -> Self {
        let view = |driver: models::customers::Driver| DriverView {
            code: driver.theme,
            text: driver.text,
            contribution: driver.contribution,
            effect: driver.effect,
        };
        Self {
            base: drivers.base,
            margin: drivers.margin,
            drivers: drivers.drivers.into_iter().map(view).collect(),
        }
    }
}

/// No release answers yet.
pub(super) fn no_release() -> Problem {
    Problem::new(Code::NoRelease, "No release is loaded; publish one with `proffer train`.")
}
