//! Consents: a ledger to which lines are only ever added.

use super::body::Body;
use super::idempotency::once;
use super::ids::{PathId, check_id};
use super::items::{BatchReceipt, check_batch};
use crate::auth::{Permission, Requires};
use crate::problem::{Code, Problem, ProblemDocument};
use crate::state::AppState;
use crate::store::{Consent, ConsentStatus};
use crate::telemetry::stage;
use actix_web::{HttpRequest, HttpResponse, get, put, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A line of the ledger to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "purpose": "marketing", "channel": "phone", "status": "granted", "source": "branch form",
    "text_version": "2026-08", "proof": "scan-1042" }))]
pub struct ConsentBody {
    /// For what: marketing, profiling, …, as the policy names it.
    purpose: String,
    /// On which channel; `*`, the default, is every channel.
    #[serde(default = "every_channel")]
    channel: String,
    /// granted, refused or withdrawn.
    #[schema(value_type = String, pattern = "^(granted|refused|withdrawn)$")]
    status: ConsentStatus,
    /// Where they said it.
    source: String,
    /// The version of the text that they were shown.
    text_version: Option<String>,
    /// Where the proof is kept.
    proof: Option<String>,
    /// When they said it (RFC 3339); now when missing.
    at: Option<DateTime<Utc>>,
}

fn every_channel() -> String {
    "*".into()
}

/// One line, or several at once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ConsentsBody {
    /// One.
    One(ConsentBody),
    /// Several.
    Several(Vec<ConsentBody>),
}

/// The ledger of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentsView {
    /// The customer.
    customer_id: String,
    /// Every line, newest first; the first of a purpose and channel holds.
    consents: Vec<ConsentView>,
}

/// A line of the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentView {
    /// For what.
    purpose: String,
    /// On which channel.
    channel: String,
    /// granted, refused or withdrawn.
    #[schema(value_type = String)]
    status: ConsentStatus,
    /// Where they said it.
    source: String,
    /// The version of the text that they were shown.
    text_version: Option<String>,
    /// Where the proof is kept.
    proof: Option<String>,
    /// When they said it.
    at: DateTime<Utc>,
}

impl From<Consent> for ConsentView {
    fn from(consent: Consent) -> Self {
        Self {
            purpose: consent.purpose,
            channel: consent.channel,
            status: consent.status,
            source: consent.source,
            text_version: consent.text_version,
            proof: consent.proof,
            at: consent.at,
        }
    }
}

/// Add to a customer's ledger of consents. It holds from the next decision on, in every process on the store.
#[utoipa::path(
    tag = "customers",
    params(("id" = String, Path, description = "The customer, percent-encoded", example = "c-17")),
    request_body = ConsentsBody,
    responses(
        (status = 200, description = "Added", body = BatchReceipt),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json", description = "Not valid"),
    )
)]
#[put("/v1/customers/{id}/consents", wrap = "Requires(Permission::Consents)")]
pub(crate) async fn put_consents(
    state: web::Data<AppState>,
    request: HttpRequest,
    id: PathId,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let now = Utc::now();
    let is_list = body.bytes().trim_ascii_start().starts_with(b"[");
    let bodies: Vec<ConsentBody> = if is_list { body.json()? } else { vec![body.json()?] };
    check_batch(bodies.len(), &state)?;
    let line = |(row, consent): (usize, ConsentBody)| {
        let place = if is_list { format!("$[{row}]") } else { "$".into() };
        consent.checked(&id.0, &place, now)
    };
    let lines: Vec<Consent> = bodies.into_iter().enumerate().map(line).collect::<Result<_, _>>()?;
    let written = lines.len();
    let work = async {
        stage("store", state.store.append_consents(lines)).await?;
        state.changes.customer_changed(&id.0);
        Ok(BatchReceipt { written })
    };
    once(&state, &request, &body, work).await
}

/// Read a customer's ledger of consents.
#[utoipa::path(
    tag = "customers",
    params(("id" = String, Path, description = "The customer, percent-encoded", example = "c-17")),
    responses((status = 200, description = "The ledger", body = ConsentsView))
)]
#[get("/v1/customers/{id}/consents", wrap = "Requires(Permission::Consents)")]
pub(crate) async fn get_consents(state: web::Data<AppState>, id: PathId) -> Result<HttpResponse, Problem> {
    let consents = stage("store", state.store.consents_of(&id.0)).await?;
    let consents = consents.into_iter().map(ConsentView::from).collect();
    Ok(HttpResponse::Ok().json(ConsentsView { customer_id: id.0, consents }))
}

/// How far ahead of ours a sender's clock may be: a line of tomorrow would outrank a withdrawal of today.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

impl ConsentBody {
    fn checked(self, customer_id: &str, place: &str, now: DateTime<Utc>) -> Result<Consent, Problem> {
        for (field, word) in
            [("purpose", &self.purpose), ("channel", &self.channel), ("source", &self.source)]
        {
            check_id(word, field, place)?;
        }
        for (field, word) in [("text_version", &self.text_version), ("proof", &self.proof)] {
            word.as_deref().map_or(Ok(()), |word| check_id(word, field, place))?;
        }
        let at = self.at.unwrap_or(now);
        if at > now + CLOCK_SKEW || at < DateTime::UNIX_EPOCH {
            let fault = "at must be between 1970 and now: consent is recorded when it was given, not before";
            return Err(Problem::new(Code::InvalidField, fault).at(format!("{place}.at")));
        }
        Ok(Consent {
            customer_id: customer_id.to_owned(),
            purpose: self.purpose,
            channel: self.channel,
            status: self.status,
            source: self.source,
            text_version: self.text_version,
            proof: self.proof,
            at,
        })
    }
}
