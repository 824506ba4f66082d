//! Standing arms: what each brought.

use crate::auth::{Permission, Requires};
use crate::offers::experiment::{ExperimentReport, report};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use crate::telemetry::stage;
use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

/// From when until when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct IntervalQuery {
    /// Decisions from then on (RFC 3339); the last 90 days when left out.
    from: Option<DateTime<Utc>>,
    /// Decisions until then; now when left out.
    until: Option<DateTime<Utc>>,
}

/// What a report covers when nothing is said.
const USUAL: TimeDelta = TimeDelta::days(90);

/// Report what each arm brought, with intervals, after a check that units were split as they should.
#[utoipa::path(
    tag = "policies",
    params(IntervalQuery),
    responses((status = 200, description = "The arms", body = ExperimentReport))
)]
#[get("/v1/experiments", wrap = "Requires(Permission::ReadDecisions)")]
pub(crate) async fn get_experiments(
    state: web::Data<AppState>,
    query: web::Query<IntervalQuery>,
) -> Result<HttpResponse, Problem> {
    let until = query.until.unwrap_or_else(Utc::now);
    let usual = until.checked_sub_signed(USUAL);
    let beyond = || Problem::new(Code::InvalidParameter, format!("until ({until}) is beyond all calendars."));
    let from = query.from.or(usual).ok_or_else(beyond)?;
    if from >= until {
        return Err(Problem::new(
            Code::InvalidParameter,
            format!("from ({from}) must be before until ({until})."),
        ));
    }
    let outcomes = stage("store", state.store.unit_outcomes(from, until)).await?;
    let policy = &state.offers.book().policy;
    Ok(HttpResponse::Ok().json(report(policy.document(), &outcomes, (from, until))?))
}
