//! Many customers at once: their scores, and lists of them.

use super::body::Body;
use super::ids::check_id;
use super::insight::no_release;
use super::items::check_batch;
use crate::auth::{Permission, Requires};
use crate::customers::wire::{ScoreView, TransitionView};
use crate::customers::{self, Entry};
use crate::index::{IndexError, IndexQuery};
use crate::problem::{Code, Problem, ProblemDocument};
use crate::releases::Serving;
use crate::state::AppState;
use crate::telemetry::stage;
use actix_web::{HttpResponse, get, post, web};
use models::customers::Score;
use models::ids::{ItemIx, Ix};
use models::payload::Filter;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use utoipa::{IntoParams, ToSchema};

/// Whose scores are asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"customer_ids": ["1", "2"]}))]
pub struct ScoreRequest {
    /// The customers.
    customer_ids: Vec<String>,
}

/// Scores of customers, in the order asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct Scores {
    /// The release that they come from.
    release: String,
    /// One per customer.
    customers: Vec<ScoreView>,
}

/// Score many customers as of this moment.
#[utoipa::path(
    tag = "customers",
    request_body = ScoreRequest,
    responses(
        (status = 200, description = "The scores", body = Scores),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json", description = "Not valid"),
        (status = 422, body = ProblemDocument, content_type = "application/problem+json",
            description = "Too many customers"),
    )
)]
#[post("/v1/customers:score", wrap = "Requires(Permission::ReadCustomers)")]
pub(crate) async fn score_customers(state: web::Data<AppState>, body: Body) -> Result<HttpResponse, Problem> {
    let ScoreRequest { customer_ids } = body.json()?;
    check_batch(customer_ids.len(), &state)?;
    check_ids(&customer_ids, "customer_ids")?;
    let serving = state.releases.current().ok_or_else(no_release)?;
    let mut customers = Vec::with_capacity(customer_ids.len());
    for id in customer_ids {
        let known = stage("customer", customers::known(&serving, &*state.store, &id)).await?;
        let score = customers::insight(&serving, &state.config, &id, known).score();
        customers.push(ScoreView::new(id, &score, None));
    }
    Ok(HttpResponse::Ok().json(Scores { release: serving.manifest.id.clone(), customers }))
}

fn check_ids(ids: &[String], field: &str) -> Result<(), Problem> {
    ids.iter().enumerate().try_for_each(|(row, id)| check_id(id, &format!("{field}[{row}]"), "$"))
}

/// Which customers are looked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "filter": {"must": [{"key": "stage", "match": {"value": "inactive"}}, {"key": "clv", "range": {"gte": 100}}]},
    "sort": "clv", "n": 20
}))]
pub struct SearchRequest {
    /// Conditions on attributes, and on stage, risk, churn, clv, rfm, segment, portrait, orders and spend.
    #[serde(default)]
    #[schema(value_type = Object)]
    filter: Filter,
    /// Customers whose likes are looked for: the nearest to all of them together come first, themselves left out.
    #[serde(default)]
    nearest_to: Vec<String>,
    /// The highest first; without it, in the order of the directory. Not with `nearest_to`.
    sort: Option<Sort>,
    /// How many.
    #[serde(default = "default_n")]
    n: usize,
    /// Where an earlier answer ended, from its `next_cursor`.
    cursor: Option<String>,
}

fn default_n() -> usize {
    20
}

/// What customers are sorted by, the highest first; those without it come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// The probability of leaving.
    Churn,
    /// What they are expected to be worth.
    Clv,
    /// Orders so far.
    Orders,
    /// Money spent.
    Spend,
}

/// Customers that were found.
#[derive(Debug, Serialize, ToSchema)]
pub struct Found {
    /// The release that they come from.
    release: String,
    /// How many pass the filter; absent for the nearest, of which there is no end.
    total: Option<usize>,
    /// The customers, as of the release or their last change.
    customers: Vec<ScoreView>,
    /// Where the next page begins; absent at the end.
    next_cursor: Option<String>,
    /// Customers who changed within the last moments and are still being looked at again.
    waiting: usize,
}

/// Find customers by filters, or the nearest to others.
///
/// What changed less than about a second ago may still be missing; `GET /v1/customers/{id}` is always of this moment.
#[utoipa::path(
    tag = "customers",
    request_body = SearchRequest,
    responses(
        (status = 200, description = "Those who were found", body = Found),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json", description = "Not valid"),
    )
)]
#[post("/v1/customers/search", wrap = "Requires(Permission::ReadCustomers)")]
pub(crate) async fn search_customers(
    state: web::Data<AppState>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let request: SearchRequest = body.json()?;
    let serving = state.releases.current().ok_or_else(no_release)?;
    check_search(&request, &state)?;
    let start = request.cursor.as_deref().map_or(Ok(0), |cursor| cursor_position(cursor, &serving))?;
    let (total, page) = if request.nearest_to.is_empty() {
        let (total, entries) = listed(Arc::clone(&serving), &request, start).await?;
        (Some(total), entries.into_iter().map(|entry| (entry, None)).collect())
    } else {
        (None, nearest(&serving, &request, start).await?)
    };
    let page: Vec<(Entry, Option<f32>)> = page;
    let end = start + page.len();
    let more = total.map_or(page.len() == request.n, |total| end < total);
    Ok(HttpResponse::Ok().json(Found {
        release: serving.manifest.id.clone(),
        total,
        customers: page
            .into_iter()
            .map(|(entry, likeness)| ScoreView::new(entry.customer_id, &entry.score, likeness))
            .collect(),
        next_cursor: more.then(|| format!("{}:{end}", serving.manifest.id)),
        waiting: serving.directory.waiting(),
    }))
}

/// The furthest that nearest customers are paged through.
const FURTHEST: usize = 10_000;

fn check_search(request: &SearchRequest, state: &AppState) -> Result<(), Problem> {
    let invalid = |field: &str, fault: String| {
        Err(Problem::new(Code::InvalidField, format!("{field} {fault}")).at(format!("$.{field}")))
    };
    let most = state.config.server.max_n;
    if !(1..=most).contains(&request.n) {
        return invalid("n", format!("must be from 1 to {most} (server.max_n), but is {}", request.n));
    }
    if request.sort.is_some() && !request.nearest_to.is_empty() {
        return invalid("sort", "cannot be given with nearest_to, which has an order of its own".into());
    }
    if request.nearest_to.len() > most {
        return invalid("nearest_to", format!("may hold at most {most} customers (server.max_n)"));
    }
    check_ids(&request.nearest_to, "nearest_to")
}

/// Where a page begins. A cursor belongs to one release: another one lists customers in another order.
fn cursor_position(cursor: &str, serving: &Serving) -> Result<usize, Problem> {
    let position = cursor.rsplit_once(':').filter(|(release, _)| *release == serving.manifest.id);
    position.and_then(|(_, position)| position.parse().ok()).ok_or_else(|| {
        let fault = "is none of this release; begin again without one";
        Problem::new(Code::InvalidField, format!("cursor {fault}")).at("$.cursor")
    })
}

/// The page of those who pass the filter, and how many there are.
async fn listed(
    serving: Arc<Serving>,
    request: &SearchRequest,
    start: usize,
) -> Result<(usize, Vec<Entry>), Problem> {
    let (filter, sort, n) = (request.filter.clone(), request.sort, request.n);
    let list = move || {
        let directory = &serving.directory;
        let mut rows = directory.select_profiled(&filter);
        if let Some(sort) = sort {
            let scores = directory.scores();
            let key =
                |row: &usize| scores.get(*row).and_then(|score| sort.of(score)).unwrap_or(f32::NEG_INFINITY);
            rows.sort_by(|a, b| key(b).total_cmp(&key(a)).then(a.cmp(b)));
        }
        let page: Vec<usize> = rows.iter().copied().skip(start).take(n).collect();
        (rows.len(), directory.entries(&page))
    };
    web::block(list).await.map_err(|error| Problem::internal(&error))
}

impl Sort {
    fn of(self, score: &Score) -> Option<f32> {
        match self {
            Sort::Churn => score.churn,
            Sort::Clv => score.clv,
            Sort::Orders => Some(score.orders as f32),
            Sort::Spend => Some(score.net),
        }
    }
}

/// How long the index may take.
const INDEX_PATIENCE: Duration = Duration::from_secs(2);

/// The page of those nearest to some customers together, under the filter.
async fn nearest(
    serving: &Serving,
    request: &SearchRequest,
    start: usize,
) -> Result<Vec<(Entry, Option<f32>)>, Problem> {
    let unavailable = |error: IndexError| match error {
        IndexError::Invalid(reason) => Problem::new(Code::InvalidField, reason).at("$.filter"),
        other => Problem::new(Code::IndexUnavailable, other.to_string()),
    };
    let index = serving.customer_index.as_ref().ok_or_else(|| {
        Problem::new(Code::IndexUnavailable, "This release does not place customers among each other.")
    })?;
    let mut exclude = Vec::new();
    let mut vector = vec![0.0f32; serving.release.known.vectors.ncols()];
    for (row, id) in request.nearest_to.iter().enumerate() {
        let own = serving.directory.row(id).and_then(|at| Some((at, serving.directory.place(at)?)));
        let (at, own) = own.ok_or_else(|| {
            let fault = "stands nowhere among the others: unknown, erased, or not to be profiled";
            Problem::new(Code::InvalidField, format!("{id:?} {fault}")).at(format!("$.nearest_to[{row}]"))
        })?;
        vector.iter_mut().zip(own).for_each(|(sum, value)| *sum += value);
        exclude.push(ItemIx::at(at));
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    exclude.sort_unstable();
    let query = IndexQuery {
        vector,
        n: (start + request.n).min(FURTHEST),
        filter: Arc::new(request.filter.clone()),
        exclude,
    };
    let found = stage("index", index.search(vec![query], Instant::now() + INDEX_PATIENCE)).await;
    let hits = found.map_err(unavailable)?.pop().unwrap_or_default();
    let page: Vec<_> = hits.into_iter().skip(start).collect();
    let rows: Vec<usize> = page.iter().map(|hit| hit.item.position()).collect();
    let likeness =
        |entry: &Entry| page.iter().find(|hit| hit.item.position() == entry.row).map(|hit| hit.score);
    let entries = serving.directory.entries(&rows);
    Ok(entries.into_iter().map(|entry| (entry.clone(), likeness(&entry))).collect())
}

/// From where changes of stage are read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChangesQuery {
    /// The `sequence` of the last change that was read; from the first where it is missing.
    after: Option<i64>,
    /// How many at most; 100 where it is missing.
    n: Option<u32>,
}

/// Changes of stage, in the order in which they were recorded.
#[derive(Debug, Serialize, ToSchema)]
pub struct Changes {
    /// The changes.
    changes: Vec<TransitionView>,
}

/// Read changes of customers' stages, to act on them.
///
/// Each is recorded once, soon after the event that made it or the moment from which silence made it.
#[utoipa::path(
    tag = "customers",
    params(ChangesQuery),
    responses((status = 200, description = "The next changes", body = Changes))
)]
#[get("/v1/stage-changes", wrap = "Requires(Permission::ReadCustomers)")]
pub(crate) async fn get_stage_changes(
    state: web::Data<AppState>,
    query: web::Query<ChangesQuery>,
) -> Result<HttpResponse, Problem> {
    let most = u32::try_from(state.config.server.max_n).unwrap_or(u32::MAX);
    let n = query.n.unwrap_or(100).clamp(1, most);
    let changes = stage("store", state.store.transitions_after(query.after.unwrap_or(i64::MIN), n)).await?;
    Ok(HttpResponse::Ok().json(Changes { changes: changes.into_iter().map(TransitionView::from).collect() }))
}
