//! Decisions about offers: the next best ones, why not another, and what was decided.

use super::aside::aside;
use super::body::Body;
use super::ids::{PathId, check_id, path_id};
use super::offers::missing;
use crate::auth::{Permission, Requires};
use crate::offers::next::next;
use crate::offers::wire::{OffersDecision, OffersRequest, WhyNot};
use crate::offers::{Book, Point, Situation, Sources, why_not};
use crate::problem::{Code, Problem, ProblemDocument};
use crate::state::AppState;
use crate::store::{LoggedDecision, ResultState};
use crate::telemetry::stage;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use models::segments::Language;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Decide the next best offers for a customer at a contact point.
///
/// One call retrieves, checks eligibility, consent and contact pressure, arbitrates and explains. At outbound contact
/// points a contact is reserved before the answer: confirm it with a response `delivered` until `reserved_until`, or give it
/// back with `undelivered`. An unknown customer gets an answer too.
#[utoipa::path(
    tag = "offers",
    request_body = OffersRequest,
    responses(
        (status = 200, description = "The offers, best first; none where nothing is allowed", body = OffersDecision),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json", description = "Not valid"),
        (status = 503, body = ProblemDocument, content_type = "application/problem+json",
            description = "Contacts cannot be reserved"),
    )
)]
#[post("/v1/offers/next", wrap = "Requires(Permission::Decide)")]
pub(crate) async fn post_next(state: web::Data<AppState>, body: Body) -> Result<HttpResponse, Problem> {
    let request: OffersRequest = body.json()?;
    let book = state.offers.book();
    let point = point(&state, &book, &request.contact_point, "$.contact_point")?;
    check(&state, &request, &point)?;
    let shared = state.clone();
    let decided =
        aside(move || async move { next(&sources(&shared, book), request, point, Utc::now()).await });
    let decision = decided.await?;
    state.metrics.decided_offers(&decision);
    Ok(HttpResponse::Ok().json(decision))
}

/// What decisions are made from.
pub(super) fn sources(state: &AppState, book: Arc<Book>) -> Sources<'_> {
    Sources {
        offers: &state.offers,
        store: &*state.store,
        config: &state.config,
        patience: &state.patience,
        serving: state.releases.current(),
        book,
        learned: None,
    }
}

/// The contact point of a name.
pub(super) fn point(state: &AppState, book: &Book, name: &str, at: &str) -> Result<Point, Problem> {
    book.point(&state.config, name).ok_or_else(|| {
        let known: Vec<&str> = state.config.contact_points.keys().map(String::as_str).collect();
        let fault = format!("no contact point {name:?} is configured; there are {}", known.join(", "));
        Problem::new(Code::InvalidField, fault).at(at)
    })
}

/// The most words that a request says of its moment.
const MOST_CONTEXT: usize = 64;

/// Words of the context that a request does not say.
const RESERVED: [&str; 6] = ["contact_point", "channel", "direction", "language", "hour", "weekday"];

fn check(state: &AppState, request: &OffersRequest, point: &Point) -> Result<(), Problem> {
    let invalid = |field: &str, fault: String| {
        Err(Problem::new(Code::InvalidField, format!("{field} {fault}")).at(format!("$.{field}")))
    };
    check_id(&request.customer_id, "customer_id", "$")?;
    let most = point.max_n.min(state.config.server.max_n);
    if request.n.is_some_and(|n| !(1..=most).contains(&n)) {
        return invalid("n", format!("must be from 1 to {most}, but is {}", request.n.unwrap_or_default()));
    }
    if request.exclude_ids.len() > state.config.server.max_batch {
        return invalid(
            "exclude_ids",
            format!("has {} ids, more than server.max_batch", request.exclude_ids.len()),
        );
    }
    request.exclude_ids.iter().try_for_each(|id| check_id(id, "exclude_ids", "$"))?;
    if let Some(name) = request.context.keys().find(|name| RESERVED.contains(&name.as_str())) {
        return invalid(
            "context",
            format!("must not hold {name:?}: the contact point and the moment say it"),
        );
    }
    if request.context.len() > MOST_CONTEXT {
        return invalid(
            "context",
            format!("has {} words, but at most {MOST_CONTEXT} are allowed", request.context.len()),
        );
    }
    Ok(())
}

/// Where, and in which language.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct WhyNotQuery {
    /// The contact point.
    #[param(example = "branch_advisor")]
    contact_point: String,
    /// en or fr; the contact point's when left out.
    #[param(value_type = Option<String>, example = "fr")]
    language: Option<Language>,
}

/// Say why an offer is not shown to a customer: the first stage that blocks it, the rule, and the next date.
#[utoipa::path(
    tag = "offers",
    params(
        ("id" = String, Path, description = "The customer, percent-encoded", example = "2277"),
        ("offer_id" = String, Path, description = "The offer, percent-encoded", example = "home-insurance"),
        WhyNotQuery
    ),
    responses(
        (status = 200, description = "The reason, or that it is allowed", body = WhyNot),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json", description = "No such offer"),
    )
)]
#[get("/v1/customers/{id}/why-not/{offer_id}", wrap = "Requires(Permission::ReadDecisions)")]
pub(crate) async fn get_why_not(
    state: web::Data<AppState>,
    request: HttpRequest,
    id: PathId,
    query: web::Query<WhyNotQuery>,
) -> Result<HttpResponse, Problem> {
    let offer_id = path_id(&request, "offer_id")?;
    let query = query.into_inner();
    let book = state.offers.book();
    let position = book.position(&offer_id).ok_or_else(|| missing(&offer_id))?;
    let point = point(&state, &book, &query.contact_point, "contact_point")?;
    let asked = OffersRequest {
        customer_id: id.0,
        contact_point: query.contact_point,
        n: None,
        language: query.language,
        context: models::payload::Payload::new(),
        exclude_ids: Vec::new(),
        explain: false,
    };
    let sources = sources(&state, book);
    let situation = Situation::read(&sources, asked, point, Utc::now()).await;
    Ok(HttpResponse::Ok().json(why_not::why_not(&sources, &situation, position)))
}

/// A decision as it was made, and what came of it.
#[derive(Serialize, ToSchema)]
pub struct DecisionView {
    /// Its id.
    decision_id: String,
    /// Who it was for.
    customer_id: String,
    /// Their household.
    household_id: Option<String>,
    /// Where it was shown.
    contact_point: String,
    /// On which channel.
    channel: String,
    /// When.
    at: DateTime<Utc>,
    /// The arm of the standing experiment.
    arm: String,
    /// The policy in force.
    policy_version: i64,
    /// The release that it rested on.
    release: String,
    /// Until when its contacts held their places.
    reserved_until: Option<DateTime<Utc>>,
    /// What became of each offer.
    results: Vec<ResultView>,
    /// What people did about them, oldest first.
    responses: Vec<ResponseView>,
    /// What was known and decided: the request, the facts that rules looked at, contenders with their factors, and the
    /// answer as it was given.
    #[schema(value_type = Object)]
    record: Box<RawValue>,
}

/// What became of one offer.
#[derive(Serialize, ToSchema)]
struct ResultView {
    rank: u32,
    offer_id: String,
    #[schema(value_type = String)]
    state: ResultState,
    probability_shown: f64,
    propensity: f64,
    cost: f64,
}

/// What someone did about one offer.
#[derive(Serialize, ToSchema)]
struct ResponseView {
    response_id: String,
    rank: u32,
    outcome: &'static str,
    at: DateTime<Utc>,
    revenue: Option<f64>,
}

/// Replay a decision: what was known, what was decided, and what came of it.
#[utoipa::path(
    tag = "offers",
    params(("id" = String, Path, description = "The decision", example = "0199f5a2-6d7e-7cc0-9a55-0a3a3f4e8b11")),
    responses(
        (status = 200, description = "The decision", body = DecisionView),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json",
            description = "No such decision, or one of which nothing is kept"),
    )
)]
#[get("/v1/decisions/{id}", wrap = "Requires(Permission::ReadDecisions)")]
pub(crate) async fn get_decision(state: web::Data<AppState>, id: PathId) -> Result<HttpResponse, Problem> {
    // What was answered a moment ago may still be on its way.
    state.offers.flush().await;
    let kept = stage("store", state.store.decision(&id.0)).await?;
    let missing = || Problem::new(Code::DecisionNotFound, format!("No decision {:?} is kept.", id.0));
    Ok(HttpResponse::Ok().json(view(kept.ok_or_else(missing)?)?))
}

fn view(kept: LoggedDecision) -> Result<DecisionView, Problem> {
    let LoggedDecision { decision, responses, .. } = kept;
    let result = |result: crate::store::ResultRecord| ResultView {
        rank: result.rank,
        offer_id: result.offer_id,
        state: result.state,
        probability_shown: result.probability,
        propensity: result.propensity,
        cost: result.cost,
    };
    let response = |response: crate::store::StoredResponse| ResponseView {
        response_id: response.response_id,
        rank: response.rank,
        outcome: response.kind.word(),
        at: response.at,
        revenue: response.revenue,
    };
    Ok(DecisionView {
        decision_id: decision.decision_id,
        customer_id: decision.customer_id,
        household_id: decision.household_id,
        contact_point: decision.contact_point,
        channel: decision.channel,
        at: decision.at,
        arm: decision.arm,
        policy_version: decision.policy_version,
        release: decision.release,
        reserved_until: decision.reserved_until,
        results: decision.results.into_iter().map(result).collect(),
        responses: responses.into_iter().map(response).collect(),
        record: RawValue::from_string(decision.body).map_err(|error| Problem::internal(&error))?,
    })
}
