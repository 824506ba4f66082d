//! Whether the service lives, whether it can answer, and its metrics.

use crate::auth::{Permission, Requires};
use crate::problem::Problem;
use crate::state::{AppState, Check};
use actix_web::{HttpResponse, get, web};
use futures_util::future::join_all;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// The longest that a check may take; what is slower does not work.
const CHECK_LIMIT: Duration = Duration::from_secs(1);

/// Whether the service can answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// Whether every check passes.
    #[schema(example = true)]
    ready: bool,
    /// Each thing that must work.
    checks: Vec<CheckResult>,
}

/// One thing that must work.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckResult {
    /// What it is.
    #[schema(example = "store")]
    name: &'static str,
    /// Whether it works.
    #[schema(example = true)]
    ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// The process lives; says nothing about what it depends on.
#[utoipa::path(tag = "operations", security(()), responses((status = 200, description = "It lives")))]
#[get("/health/live")]
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "live": true }))
}

/// Everything that an answer needs works.
#[utoipa::path(
    tag = "operations",
    security(()),
    responses(
        (status = 200, description = "Send traffic", body = Readiness),
        (status = 503, description = "Send no traffic", body = Readiness),
    )
)]
#[get("/health/ready")]
pub(crate) async fn ready(state: web::Data<AppState>) -> HttpResponse {
    let checks = join_all(state.readiness.iter().map(|check| result(&**check))).await;
    let readiness = Readiness { ready: checks.iter().all(|check| check.ok), checks };
    let mut response = if readiness.ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(readiness)
}

/// Metrics in Prometheus' text format; open to the loopback interface, elsewhere for operators.
#[utoipa::path(
    tag = "operations",
    responses((status = 200, description = "Metrics", body = String, content_type = "text/plain"))
)]
#[get("/metrics", wrap = "Requires(Permission::ReadMetrics)")]
pub(crate) async fn metrics(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    rendered(&state)
}

/// The same on a port for metrics alone, where there are no keys.
#[get("/metrics")]
pub(crate) async fn open_metrics(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    rendered(&state)
}

fn rendered(state: &AppState) -> Result<HttpResponse, Problem> {
    let text = state.metrics.render(state).map_err(|error| Problem::internal(&error))?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}

async fn result(check: &dyn Check) -> CheckResult {
    let late = || format!("no result within {} ms", CHECK_LIMIT.as_millis());
    let outcome = tokio::time::timeout(CHECK_LIMIT, check.check()).await.unwrap_or_else(|_| Err(late()));
    CheckResult { name: check.name(), ok: outcome.is_ok(), detail: outcome.err() }
}
