//! Decisions about items: recommendations, cross-sell, similar items.

use super::aside::aside;
use super::body::Body;
use super::ids::{PathId, check_id};
use crate::auth::{Permission, Requires};
use crate::decisions::{
    self, Asked, CrossSellRequest, DEFAULT_CROSS_SELL_N, Decision, Known, RecommendRequest,
};
use crate::problem::{Code, Problem, ProblemDocument};
use crate::releases::Serving;
use crate::state::AppState;
use actix_web::{HttpResponse, get, post, web};
use models::payload::{Filter, name_fault};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Recommend items to a customer or a session.
///
/// An unknown customer gets an answer too: what everyone buys, with `evidence` none.
#[utoipa::path(
    tag = "decisions",
    request_body = RecommendRequest,
    responses(
        (status = 200, description = "The items, best first", body = Decision),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json", description = "Not valid"),
        (status = 503, body = ProblemDocument, content_type = "application/problem+json",
            description = "No release is loaded"),
    )
)]
#[post("/v1/recommend", wrap = "Requires(Permission::Decide)")]
pub(super) async fn recommend(state: web::Data<AppState>, body: Body) -> Result<HttpResponse, Problem> {
    let request: RecommendRequest = body.json()?;
    let point = state.config.contact_points.get(&request.contact_point).ok_or_else(|| {
        let known: Vec<&str> = state.config.contact_points.keys().map(String::as_str).collect();
        let fault = format!(
            "no contact point {:?} is configured; there are {}",
            request.contact_point,
            known.join(", ")
        );
        Problem::new(Code::InvalidField, fault).at("$.contact_point")
    })?;
    let most = point.max_n.min(state.config.server.max_n);
    let n = within("n", request.n.unwrap_or(point.n.min(most)), most)?;
    check_ids(request.customer_id.as_slice(), "customer_id", &state)?;
    check_ids(&request.session_items, "session_items", &state)?;
    check_ids(&request.exclude_ids, "exclude_ids", &state)?;
    check_filter(&request.filter)?;
    let serving = serving(&state)?;
    let patience = Arc::clone(&state.patience);
    let asked = Asked { request, point: point.clone(), n, patience, body: body.into_bytes() };
    if let Some(kept) = decisions::kept(&serving, &asked) {
        return Ok(answer(&state, &kept));
    }
    let known = Known::read(&serving, &*state.store, &asked).await;
    if let Some(ready) = decisions::ready(&serving, &asked, &known) {
        return Ok(answer(&state, &ready));
    }
    let decided = aside(move || async move { Ok(decisions::recommend(&serving, &asked, known).await) });
    Ok(answer(&state, &decided.await?))
}

/// Items that go with others.
///
/// Complements are bought together with the items at hand, substitutes taken instead of them.
#[utoipa::path(
    tag = "decisions",
    request_body = CrossSellRequest,
    responses(
        (status = 200, description = "The items, best first; none for items that nothing is known of", body = Decision),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json", description = "Not valid"),
        (status = 503, body = ProblemDocument, content_type = "application/problem+json",
            description = "No release is loaded"),
    )
)]
#[post("/v1/cross-sell", wrap = "Requires(Permission::Decide)")]
pub(super) async fn cross_sell(state: web::Data<AppState>, body: Body) -> Result<HttpResponse, Problem> {
    let request: CrossSellRequest = body.json()?;
    within("n", request.n, state.config.server.max_n)?;
    if request.item_ids.is_empty() {
        return Err(Problem::new(Code::InvalidField, "at least one item is needed").at("$.item_ids"));
    }
    check_ids(&request.item_ids, "item_ids", &state)?;
    check_ids(request.customer_id.as_slice(), "customer_id", &state)?;
    check_filter(&request.filter)?;
    let serving = serving(&state)?;
    let decision = decisions::cross_sell(&serving, &*state.store, &request, &state.patience.store).await;
    Ok(answer(&state, &decision))
}

/// What `GET /v1/items/{id}/similar` may be told.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct SimilarQuery {
    /// How many items.
    #[param(example = 5)]
    n: Option<usize>,
}

/// Items like one item.
#[utoipa::path(
    tag = "decisions",
    params(("id" = String, Path, description = "The item, percent-encoded", example = "1082185"), SimilarQuery),
    responses(
        (status = 200, description = "The items, nearest first", body = Decision),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json",
            description = "Neither release nor catalogue know the item"),
    )
)]
#[get("/v1/items/{id}/similar", wrap = "Requires(Permission::Decide)")]
pub(super) async fn similar(
    state: web::Data<AppState>,
    id: PathId,
    query: web::Query<SimilarQuery>,
) -> Result<HttpResponse, Problem> {
    let n = within("n", query.n.unwrap_or(DEFAULT_CROSS_SELL_N), state.config.server.max_n)?;
    let serving = serving(&state)?;
    let item = serving.catalogue.view().ix(&id.0);
    let item = item.ok_or_else(|| {
        Problem::new(
            Code::ItemNotFound,
            format!("Neither the release nor the catalogue knows an item {:?}.", id.0),
        )
    })?;
    Ok(answer(&state, &decisions::similar(&serving, item, n, &Filter::default())))
}

/// The release that answers now.
fn serving(state: &AppState) -> Result<Arc<Serving>, Problem> {
    state.releases.current().ok_or_else(|| {
        Problem::new(
            Code::NoRelease,
            "No release is loaded; publish one with `proffer train` and activate it.",
        )
    })
}

fn answer(state: &AppState, decision: &Decision) -> HttpResponse {
    state.metrics.decided(decision);
    HttpResponse::Ok().json(decision)
}

fn within(field: &str, n: usize, most: usize) -> Result<usize, Problem> {
    if (1..=most).contains(&n) {
        return Ok(n);
    }
    Err(Problem::new(Code::InvalidField, format!("{field} must be from 1 to {most}, but is {n}"))
        .at(format!("$.{field}")))
}

/// Checks ids of a field, and that there are no more than a batch may have.
fn check_ids(ids: &[String], field: &str, state: &AppState) -> Result<(), Problem> {
    let most = state.config.server.max_batch;
    if ids.len() > most {
        let fault = format!("{} ids, but at most {most} (server.max_batch)", ids.len());
        return Err(Problem::new(Code::BatchTooLarge, fault).at(format!("$.{field}")));
    }
    ids.iter().try_for_each(|id| check_id(id, field, "$"))
}

/// Conditions of one filter at most: each costs a look at every item.
const MAX_CONDITIONS: usize = 64;

fn check_filter(filter: &Filter) -> Result<(), Problem> {
    let refused = |fault: String| Err(Problem::new(Code::InvalidField, fault).at("$.filter"));
    let conditions = || filter.must.iter().chain(&filter.should).chain(&filter.must_not);
    let n = conditions().count();
    if n > MAX_CONDITIONS {
        return refused(format!("{n} conditions, but at most {MAX_CONDITIONS} are allowed"));
    }
    for condition in conditions() {
        let name = &condition.key;
        if let Some(fault) = name_fault(name) {
            return refused(format!("the name {name:?} of an attribute {fault}"));
        }
        if condition.matches.is_none() && condition.range.is_none() {
            return refused(format!("the condition on {name:?} needs `match` or `range`"));
        }
    }
    Ok(())
}
